# The SDK for third parties: headers, CMake package, pkg-config file, template. Its version is the one of the headers.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(STRINGS ${CMAKE_SOURCE_DIR}/sdk/include/askr/abi/base.h abi_lines REGEX "^#define ASKR_ABI_(MAJOR|MINOR) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2.0" ASKR_SDK_VERSION "${abi_lines}")

set(package_folder lib/cmake/AskrSDK)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/AskrSDKConfigVersion.cmake VERSION ${ASKR_SDK_VERSION}
                                 COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
configure_file(${CMAKE_SOURCE_DIR}/sdk/cmake/askr-sdk.pc.in ${CMAKE_BINARY_DIR}/askr-sdk.pc @ONLY)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/include/askr DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/sdk/cmake/AskrSDKConfig.cmake ${CMAKE_SOURCE_DIR}/sdk/cmake/AskrPlugin.cmake
              ${CMAKE_SOURCE_DIR}/sdk/cmake/plugin.map ${CMAKE_BINARY_DIR}/AskrSDKConfigVersion.cmake
        DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/askr-sdk.pc DESTINATION lib/pkgconfig)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/template DESTINATION ${CMAKE_INSTALL_DATADIR}/askr)
