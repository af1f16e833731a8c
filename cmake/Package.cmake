# What is installed, and the Debian package (`./dev package`). The service is neither enabled nor started by it: the
# document root of this machine has to be named first.
include(GNUInstallDirs)
install(TARGETS askr RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES README.md askr.toml.example DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN ".gitignore" EXCLUDE PATTERN "data" EXCLUDE)
install(FILES packaging/askr.service DESTINATION lib/systemd/system)
# Only the package puts something into /etc: an installation below another prefix keeps to it.
install(CODE "if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
  file(INSTALL DESTINATION /etc/askr TYPE FILE FILES \"${CMAKE_SOURCE_DIR}/packaging/askr.toml\")
endif()")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME askr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Application server for PHP")
set(CPACK_PACKAGE_DESCRIPTION
    "Askr serves PHP applications without a web server in front of them: HTTP, static\n files and PHP workers in one command.")
set(CPACK_PACKAGE_CONTACT "The Askr authors <askr@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION web)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libphp8.2-embed, media-types, passwd") # libphp has no shlibs file to find it by
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "php8.2-opcache")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/scripts/conffiles
    ${CMAKE_SOURCE_DIR}/packaging/scripts/postinst
    ${CMAKE_SOURCE_DIR}/packaging/scripts/prerm
    ${CMAKE_SOURCE_DIR}/packaging/scripts/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
