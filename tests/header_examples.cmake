# The programs that hold the examples of the headers' comments are compiled, and run.
# SPDX-License-Identifier: MIT
foreach(name IN ITEMS compose sync rest)
  add_executable(header_examples_${name} header_examples/${name}.cpp)
  target_link_libraries(header_examples_${name} PRIVATE eddy::eddy)
  set_target_properties(header_examples_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME header_examples.${name} COMMAND header_examples_${name})
  set_tests_properties(header_examples.${name} PROPERTIES LABELS doc TIMEOUT 60)
endforeach()
