# Precompiled headers: what the libraries' headers say is read once for each kind of target, not once for each source.
# Only headers that are not ours, so that a change of ours never compiles everything again. Every source includes what it
# needs all the same: -DASKR_PCH=OFF builds without, and the two must not differ.
option(ASKR_PCH "Precompile the headers of the standard library, fmt and Catch2" ON)

set(ASKR_STANDARD_HEADERS <algorithm> <array> <atomic> <cstdint> <cstring> <functional> <memory> <optional> <span> <string>
                          <string_view> <unordered_map> <utility> <variant> <vector>)

# askr_precompiled_headers(NAME header...): an object library that holds nothing but these headers. Give it the options of
# the targets that use them: gcc refuses what was compiled with others, and such warnings are errors.
function(askr_precompiled_headers name)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled/empty.cpp "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled/empty.cpp)
  target_link_libraries(${name} PRIVATE askr_options)
  if(ASKR_PCH)
    target_precompile_headers(${name} PRIVATE ${ARGN})
  endif()
endfunction()

# askr_use_precompiled(TARGET NAME)
function(askr_use_precompiled target name)
  if(ASKR_PCH)
    target_precompile_headers(${target} REUSE_FROM ${name})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # gcc (seen with 12 and 14) believes that std::string writes out of bounds, and takes a precompiled one for ours.
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds>
                                               $<$<COMPILE_LANGUAGE:CXX>:-Wno-stringop-overflow>)
    endif()
  endif()
endfunction()
