# Compiler options of every target: warnings are errors, sections are dropped when unused.
add_library(askr_options INTERFACE)
target_compile_options(askr_options INTERFACE -Wall -Wextra -Werror -fno-omit-frame-pointer)
target_compile_definitions(askr_options INTERFACE ASKR_VERSION="${PROJECT_VERSION}")
if(ASKR_SANITIZE)
  target_compile_options(askr_options INTERFACE -fsanitize=${ASKR_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(askr_options INTERFACE -fsanitize=${ASKR_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code makes gcc 12 see uninitialised members in its own <regex> and <functional>.
    target_compile_options(askr_options INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
