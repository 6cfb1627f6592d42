# Code that must not compile, and the message that the compiler must give. All cases use one precompiled
# header. The right form of each case is compiled too, all of them in one file.
# SPDX-License-Identifier: MIT
file(GLOB compile_fail_sources CONFIGURE_DEPENDS compile_fail/*.cpp)
set(compile_fail_dir ${PROJECT_BINARY_DIR}/compile_fail)
set(compile_fail_command ${CMAKE_COMMAND}
  -DCXX=${CMAKE_CXX_COMPILER}
  -DCOMPILER=${CMAKE_CXX_COMPILER_ID}
  -DVERSION=${CMAKE_CXX_COMPILER_VERSION}
  -DSTD=${CMAKE_CXX23_STANDARD_COMPILE_OPTION}
  -DINCLUDES=${PROJECT_SOURCE_DIR}/include|${CMAKE_CURRENT_SOURCE_DIR}
  -DDIR=${compile_fail_dir})
set(compile_fail_script -P ${CMAKE_CURRENT_SOURCE_DIR}/check_compile_fail.cmake)

configure_file(compile_fail/all.hpp ${compile_fail_dir}/all.hpp COPYONLY)
add_test(NAME compile_fail.header
  COMMAND ${compile_fail_command} -DMODE=header ${compile_fail_script})
set_tests_properties(compile_fail.header PROPERTIES FIXTURES_SETUP compile_fail_header)

# Each case is in a namespace of its own, so that several may use the same name.
set(right "")
set(compile_fail_tests compile_fail.header compile_fail.right)
foreach(source IN LISTS compile_fail_sources)
  cmake_path(GET source STEM name)
  string(APPEND right "namespace ${name} {\n#include \"compile_fail/${name}.cpp\"\n}\n")
  file(STRINGS ${source} expected REGEX "^// expect")
  list(FILTER expected INCLUDE REGEX "^// expect( warning)?( of ${CMAKE_CXX_COMPILER_ID})?: ")
  if(expected)
    add_test(NAME compile_fail.${name}
      COMMAND ${compile_fail_command} -DMODE=case -DSOURCE=${source} ${compile_fail_script})
    list(APPEND compile_fail_tests compile_fail.${name})
  endif()
endforeach()
file(CONFIGURE OUTPUT ${compile_fail_dir}/right.cpp CONTENT "${right}" @ONLY)
add_test(NAME compile_fail.right
  COMMAND ${compile_fail_command} -DMODE=right ${compile_fail_script})

set_tests_properties(${compile_fail_tests} PROPERTIES LABELS compile_fail TIMEOUT 120)
list(REMOVE_ITEM compile_fail_tests compile_fail.header)
set_tests_properties(${compile_fail_tests} PROPERTIES FIXTURES_REQUIRED compile_fail_header)
