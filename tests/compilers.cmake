# Tests of users' compilers with eddy and with coroutines; see docs/compilers.md.
# SPDX-License-Identifier: MIT
set(eddy_flags ${CMAKE_CXX23_STANDARD_COMPILE_OPTION} -I${PROJECT_SOURCE_DIR}/include)
list(JOIN eddy_flags | eddy_flags)

file(GLOB trap_sources CONFIGURE_DEPENDS compiler_traps/*.cpp)
add_executable(compiler_traps ${trap_sources})
target_include_directories(compiler_traps PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(compiler_traps PRIVATE eddy::eddy)
# The warnings of compilers about forms that they get wrong.
target_compile_options(compiler_traps PRIVATE -w)
get_property(precompiled GLOBAL PROPERTY eddy_precompiled)
target_precompile_headers(compiler_traps REUSE_FROM ${precompiled})
set_target_properties(compiler_traps PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME compiler_traps.each_form_shows_what_is_written_for_this_compiler
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/compiler_traps/check_traps.py
    --program $<TARGET_FILE:compiler_traps>
    --sources ${CMAKE_CURRENT_SOURCE_DIR}/compiler_traps/loud
    --page ${PROJECT_SOURCE_DIR}/docs/compilers.md
    --cxx ${CMAKE_CXX_COMPILER} --flags=${eddy_flags}|-I${CMAKE_CURRENT_SOURCE_DIR}|-w
    --library $<TARGET_FILE:eddy>
    --compiler ${CMAKE_CXX_COMPILER_ID} --version ${CMAKE_CXX_COMPILER_VERSION})
set_tests_properties(compiler_traps.each_form_shows_what_is_written_for_this_compiler
  PROPERTIES TIMEOUT 300)

function(eddy_compiler_test name what)
  add_test(NAME compilers.${name}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/compilers/check_headers.py ${what}
      --cxx ${CMAKE_CXX_COMPILER} --flags=${eddy_flags} --library $<TARGET_FILE:eddy>)
  set_tests_properties(compilers.${name} PROPERTIES TIMEOUT 300)
endfunction()
eddy_compiler_test(a_users_program_gives_no_warning_at_any_optimisation warnings)
eddy_compiler_test(an_older_standard_is_refused_by_each_header_at_once standard)
# g++ 14 and older cannot read back all of the module that they wrote.
if((CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19)
   OR (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 15))
  eddy_compiler_test(a_server_and_its_client_work_that_import_eddy_as_a_module module)
endif()
