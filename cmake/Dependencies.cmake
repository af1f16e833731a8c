# What Askr is built on. All of it from Debian; `./dev` installs the packages.
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(toml11 REQUIRED)
find_package(Boost REQUIRED COMPONENTS filesystem) # what Boost.DLL needs; it is header-only itself

# llhttp: a system library where there is one, otherwise the C sources of Debian's node-llhttp, which `./dev`
# unpacks (not installs: its dependencies would pull in Node.js) below the build folder.
pkg_check_modules(LLHTTP IMPORTED_TARGET QUIET libllhttp)
if(LLHTTP_FOUND)
  add_library(askr_llhttp INTERFACE)
  target_link_libraries(askr_llhttp INTERFACE PkgConfig::LLHTTP)
else()
  set(ASKR_LLHTTP_DIR "${CMAKE_SOURCE_DIR}/build/deps/llhttp/usr/share" CACHE PATH "Unpacked node-llhttp, the folder share")
  if(NOT EXISTS "${ASKR_LLHTTP_DIR}/llhttp/llhttp.c")
    message(FATAL_ERROR "llhttp is missing at ${ASKR_LLHTTP_DIR}; run ./dev build, which fetches it")
  endif()
  add_library(askr_llhttp STATIC ${ASKR_LLHTTP_DIR}/llhttp/api.c ${ASKR_LLHTTP_DIR}/llhttp/http.c
                                 ${ASKR_LLHTTP_DIR}/llhttp/llhttp.c)
  target_include_directories(askr_llhttp SYSTEM PUBLIC ${ASKR_LLHTTP_DIR}/include/llhttp)
  target_compile_options(askr_llhttp PRIVATE -O2 -w)
  # Its tables exist twice up to version 8; later ones know only the strict ones.
  target_compile_definitions(askr_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
endif()

# libphp with its headers, as php-config reports them. Which PHP: that of the distribution, or -DASKR_PHP=8.4. The library is
# looked for by the version of the headers, so the two are never of different ones.
set(ASKR_PHP "" CACHE STRING "Version of PHP to build against, such as 8.4; empty: the distribution's own")
find_program(PHP_CONFIG NAMES php-config${ASKR_PHP} NO_CACHE REQUIRED)
execute_process(COMMAND ${PHP_CONFIG} --includes OUTPUT_VARIABLE PHP_INCLUDES OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${PHP_CONFIG} --version OUTPUT_VARIABLE PHP_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX MATCH "^[0-9]+[.][0-9]+" ASKR_PHP_SERIES "${PHP_VERSION}")
separate_arguments(PHP_INCLUDES)
list(TRANSFORM PHP_INCLUDES REPLACE "^-I" "")
find_library(PHP_LIBRARY NAMES php${ASKR_PHP_SERIES} NO_CACHE REQUIRED)
add_library(askr_libphp INTERFACE)
target_include_directories(askr_libphp SYSTEM INTERFACE ${PHP_INCLUDES})
target_link_libraries(askr_libphp INTERFACE ${PHP_LIBRARY})
message(STATUS "PHP ${PHP_VERSION} at ${PHP_LIBRARY}")

# What the plugins of this tree need beside the SDK.
find_package(ZLIB REQUIRED)
pkg_check_modules(pugixml REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlienc)
