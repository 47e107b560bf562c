# Headers, CMake package and pkg-config file. All of it is independent of the architecture, so it goes to share/.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/crest DESTINATION include)
install(TARGETS crest EXPORT crestTargets)
install(EXPORT crestTargets NAMESPACE crest:: DESTINATION share/cmake/crest)

write_basic_package_version_file(${PROJECT_BINARY_DIR}/crestConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES cmake/crestConfig.cmake ${PROJECT_BINARY_DIR}/crestConfigVersion.cmake DESTINATION share/cmake/crest)

configure_file(cmake/crest.pc.in ${PROJECT_BINARY_DIR}/crest.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/crest.pc DESTINATION share/pkgconfig)
install(FILES LICENSE DESTINATION share/doc/crest)
