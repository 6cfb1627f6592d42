# SPDX-License-Identifier: MIT

include(CMakePackageConfigHelpers)

set(eddy_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/eddy)

install(TARGETS eddy EXPORT eddyTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT eddyTargets NAMESPACE eddy:: DESTINATION ${eddy_cmake_dir})

configure_package_config_file(
  cmake/eddyConfig.cmake.in ${PROJECT_BINARY_DIR}/eddyConfig.cmake
  INSTALL_DESTINATION ${eddy_cmake_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/eddyConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# The prefix is written relative to the file, so that an installed tree can be moved.
file(RELATIVE_PATH eddy_pc_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
# The usage requirements of eddy::eddy for users of CMake.
set(eddy_pc_cflags)
set(eddy_pc_libs)
if(EDDY_DEBUG_CHECKS)
  string(APPEND eddy_pc_cflags " -DEDDY_DEBUG_CHECKS")
endif()
if(BUILD_SHARED_LIBS)
  string(APPEND eddy_pc_cflags " -DEDDY_SHARED")
endif()
if(EDDY_SANITIZE)
  string(APPEND eddy_pc_cflags " -fsanitize=${EDDY_SANITIZE}")
  string(APPEND eddy_pc_libs " -fsanitize=${EDDY_SANITIZE}")
endif()
foreach(library IN LISTS eddy_system_libraries)
  string(APPEND eddy_pc_libs " -l${library}")
endforeach()
if(MINGW)
  string(APPEND eddy_pc_libs " -Wl,--undefined=eddy_mingw_thread_exit")
endif()
configure_file(cmake/eddy.pc.in ${PROJECT_BINARY_DIR}/eddy.pc @ONLY)

install(FILES ${PROJECT_BINARY_DIR}/eddyConfig.cmake ${PROJECT_BINARY_DIR}/eddyConfigVersion.cmake
  DESTINATION ${eddy_cmake_dir})
install(FILES ${PROJECT_BINARY_DIR}/eddy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# The module interface, for users who build modules. CMake has file sets for modules since 3.28.
install(FILES include/eddy/eddy.cppm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eddy)
# For gdb: a script to source; and, with a shared eddy, a copy where gdb looks for the scripts of a library.
install(FILES share/gdb/eddy.py DESTINATION ${CMAKE_INSTALL_DATADIR}/eddy/gdb)
if(BUILD_SHARED_LIBS)
  install(FILES share/gdb/eddy.py
    DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load${CMAKE_INSTALL_FULL_LIBDIR}
    RENAME $<TARGET_FILE_NAME:eddy>-gdb.py)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
