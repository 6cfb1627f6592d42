# What must not compile, and what the compiler must say about it.
file(GLOB compile_fail_sources CONFIGURE_DEPENDS compile_fail/*.cpp)
foreach(source IN LISTS compile_fail_sources)
  cmake_path(GET source STEM name)
  add_test(NAME compile_fail.${name}
    COMMAND ${CMAKE_COMMAND}
      -DCXX=${CMAKE_CXX_COMPILER}
      -DSTD=${CMAKE_CXX23_STANDARD_COMPILE_OPTION}
      -DSOURCE=${source}
      -DINCLUDES=${PROJECT_SOURCE_DIR}/include|${CMAKE_CURRENT_SOURCE_DIR}
      -P ${CMAKE_CURRENT_SOURCE_DIR}/check_compile_fail.cmake)
  set_tests_properties(compile_fail.${name} PROPERTIES LABELS compile_fail TIMEOUT 120)
endforeach()
