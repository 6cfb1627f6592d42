# cmake -DCXX=... -DSTD=... -DSOURCE=... -DINCLUDES=a|b -P check_compile_fail.cmake
file(STRINGS ${SOURCE} first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${SOURCE}:1: the first line must be '// expect: <text of the error>'")
endif()
set(expected "${CMAKE_MATCH_1}")

string(REPLACE "|" ";" include_dirs "${INCLUDES}")
list(TRANSFORM include_dirs PREPEND "-I")
set(compile ${CMAKE_COMMAND} -E env LC_ALL=C ${CXX} ${STD} -fsyntax-only ${include_dirs})

# First that the rest of the file is right, or it would fail for a reason that nobody meant.
execute_process(COMMAND ${compile} -DEDDY_COMPILE_OK ${SOURCE}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} must compile with -DEDDY_COMPILE_OK, but does not:\n${output}")
endif()

execute_process(COMMAND ${compile} ${SOURCE}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, but must not")
endif()
string(FIND "${output}" "${expected}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${SOURCE} fails, but does not say '${expected}':\n${output}")
endif()
