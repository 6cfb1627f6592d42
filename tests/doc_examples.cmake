# Every program in the documentation is compiled, and run.
# SPDX-License-Identifier: MIT
file(GLOB doc_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/docs/*.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${doc_pages} ${PROJECT_SOURCE_DIR}/tools/doc_examples.py)
set(doc_dir ${PROJECT_BINARY_DIR}/doc_examples)
execute_process(
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/doc_examples.py
    --root ${PROJECT_SOURCE_DIR} --out ${doc_dir} ${doc_pages}
  OUTPUT_VARIABLE doc_programs
  OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" doc_programs "${doc_programs}")

foreach(line IN LISTS doc_programs)
  string(REGEX MATCH "^(run|build-only) (.+)$" _ "${line}")
  set(how ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  add_executable(doc_${name} ${doc_dir}/${name}.cpp)
  target_link_libraries(doc_${name} PRIVATE eddy::eddy)
  set_target_properties(doc_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${doc_dir})
  if(how STREQUAL "run")
    add_test(NAME doc.${name} COMMAND doc_${name})
    set_tests_properties(doc.${name} PROPERTIES LABELS doc TIMEOUT 60)
  endif()
endforeach()
