# find_package(AskrSDK): the target Askr::SDK, askr_add_plugin() and askr_verify_plugin(). Works from wherever it was
# installed to.
get_filename_component(ASKR_PREFIX ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
if(NOT TARGET Askr::SDK)
  add_library(Askr::SDK INTERFACE IMPORTED)
  target_include_directories(Askr::SDK INTERFACE ${ASKR_PREFIX}/include)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/AskrPlugin.cmake)
