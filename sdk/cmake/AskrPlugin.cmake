# askr_add_plugin(NAME SOURCES file... [LIBRARIES target...])
#
# Builds NAME.so, a plugin for Askr: one exported symbol (askr_plugin_v1), everything it needs found at link time, never
# unloaded. Sources may be C11 or C++20.
#
# askr_verify_plugin(NAME)
#
# Adds a test (and a target NAME_verify) that asks an installed `askr` whether it would load the plugin.

set(ASKR_PLUGIN_EXPORTS ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(askr_add_plugin name)
  cmake_parse_arguments(PLUGIN "" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT PLUGIN_SOURCES)
    message(FATAL_ERROR "askr_add_plugin(${name}): SOURCES is missing")
  endif()
  add_library(${name} MODULE ${PLUGIN_SOURCES})
  target_link_libraries(${name} PRIVATE Askr::SDK ${PLUGIN_LIBRARIES})
  target_compile_features(${name} PRIVATE c_std_11 cxx_std_20)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Unique symbols would be shared between plugins.
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
  target_link_options(${name} PRIVATE -Wl,-z,nodelete -Wl,--version-script=${ASKR_PLUGIN_EXPORTS})
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize" AND NOT ASKR_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs) # a sanitizer's runtime is in the executable
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
                                           VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS ${ASKR_PLUGIN_EXPORTS})
endfunction()

function(askr_verify_plugin name)
  find_program(ASKR_PROGRAM askr HINTS ${ASKR_PREFIX}/bin REQUIRED)
  add_test(NAME ${name}_verify COMMAND ${ASKR_PROGRAM} plugin verify $<TARGET_FILE:${name}>)
  add_custom_target(${name}_verify COMMAND ${ASKR_PROGRAM} plugin verify $<TARGET_FILE:${name}> DEPENDS ${name})
endfunction()
