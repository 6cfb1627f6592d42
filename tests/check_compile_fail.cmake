# cmake -DMODE=header|right|case -DCXX=... -DCOMPILER=... -DSTD=... -DINCLUDES=a|b -DDIR=... [-DSOURCE=...]
#   -P check_compile_fail.cmake
# SPDX-License-Identifier: MIT
string(REPLACE "|" ";" include_dirs "${INCLUDES}")
list(TRANSFORM include_dirs PREPEND "-I")
set(compile ${CMAKE_COMMAND} -E env LC_ALL=C ${CXX} ${STD} -Wall -Wextra
  -Wno-unused-parameter -Wno-unused-variable ${include_dirs})
# Both compilers use this file as the precompiled form of the header beside it.
set(precompiled ${DIR}/all.hpp.gch)
set(with_header -fsyntax-only -Winvalid-pch -include ${DIR}/all.hpp)

# The output of g++ 12 is limited: most users read it, and it is the longest.
set(lines_per_error 20)
if(COMPILER STREQUAL "GNU" AND VERSION VERSION_GREATER_EQUAL 13)
  set(lines_per_error 30)  # newer ones show the source of each place
endif()
if(COMPILER STREQUAL "Clang")
  list(APPEND with_header -ferror-limit=0)
  set(lines_per_error 40)
endif()

if(MODE STREQUAL "header")
  execute_process(COMMAND ${compile} -x c++-header ${DIR}/all.hpp -o ${precompiled}
    COMMAND_ERROR_IS_FATAL ANY)
  return()
endif()
if(MODE STREQUAL "right")
  if(COMPILER STREQUAL "GNU")
    # This compiler treats the cases as headers, because another file includes them.
    list(APPEND with_header -Wno-subobject-linkage)
  endif()
  execute_process(COMMAND ${compile} ${with_header} -Werror -DEDDY_COMPILE_OK ${DIR}/right.cpp
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(NOTICE "${output}")
    message(FATAL_ERROR "with -DEDDY_COMPILE_OK each case must compile without a warning")
  endif()
  return()
endif()

file(STRINGS ${SOURCE} lines REGEX "^// expect")
set(expected)
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^// expect( warning)?( of (GNU|Clang))?: (.+)$")
    message(FATAL_ERROR "${SOURCE}: '${line}' must be "
      "'// expect: TEXT', '// expect warning: TEXT' or '// expect warning of GNU: TEXT'")
  endif()
  if("${CMAKE_MATCH_3}" STREQUAL "" OR "${CMAKE_MATCH_3}" STREQUAL COMPILER)
    set(warning "${CMAKE_MATCH_1}")
    set(expected "${CMAKE_MATCH_4}")
  endif()
endforeach()
if(NOT expected)
  message(FATAL_ERROR "${SOURCE}: it must begin with '// expect: TEXT'")
endif()
# A case for a warning must fail only by that warning. A case for an error must fail even without any warning
# option.
set(warnings -w)
if(warning)
  set(warnings -Werror)
endif()

execute_process(COMMAND ${compile} ${with_header} ${warnings} ${SOURCE}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
function(fail why)
  message(NOTICE "${output}")
  message(FATAL_ERROR "${SOURCE} ${why}")
endfunction()
if(status EQUAL 0)
  fail("compiles, but must not")
endif()

# The first error must say what to do: nobody reads the others.
string(REGEX MATCH "error: [^\n]*" first_error "${output}")
string(FIND "${first_error}" "${expected}" at)
if(at EQUAL -1)
  fail("fails, but its first error does not say '${expected}'")
endif()

# Each line that ends in "// here" has such an error of its own.
file(STRINGS ${SOURCE} lines)
set(number 0)
set(errors 1)
foreach(line IN LISTS lines)
  math(EXPR number "${number} + 1")
  if(line MATCHES "// here$")
    math(EXPR errors "${errors} + 1")
    cmake_path(GET SOURCE FILENAME name)
    string(REGEX MATCHALL "${name}:${number}:[0-9]+: error: [^\n]*" found "${output}")
    string(FIND "${found}" "${expected}" at)
    if(at EQUAL -1)
      fail("has no error that says '${expected}' in line ${number}")
    endif()
  endif()
endforeach()

string(REGEX MATCHALL "\n" line_ends "${output}")
list(LENGTH line_ends count)
math(EXPR most "${lines_per_error} * ${errors}")
if(NOT count LESS most)
  fail("fails as it must, but in ${count} lines: no more than ${most} are read")
endif()
