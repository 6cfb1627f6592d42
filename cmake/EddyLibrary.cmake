# eddy::eddy, put together from eddy_objects and the kernel seam.
#
# eddy_objects is the library without its kernel calls. The fault tests link it with an eddy::sys of their
# own, so they test the same object code that users get.
# SPDX-License-Identifier: MIT

find_package(Threads REQUIRED)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(STATUS "eddy: g++ ${CMAKE_CXX_COMPILER_VERSION} is wrong in silence in some forms of coroutines: "
    "read docs/compilers.md, or use g++ 14 or clang 19, or later")
endif()

# eddy_platforms: the folders of src/platform to build. eddy_os: the folder of "os.hpp".
if(EDDY_BACKEND STREQUAL "kqueue")
  # The kqueue of tests/kqueue, on Linux: only for the tests of the backend.
  set(eddy_backends kqueue)
  set(eddy_platforms posix bsd)
  set(eddy_os tests/kqueue)
elseif(EDDY_BACKEND)
  message(FATAL_ERROR "EDDY_BACKEND is '${EDDY_BACKEND}': it may be empty, or kqueue.")
elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(eddy_backends epoll)
  set(eddy_platforms posix linux)
  set(eddy_os src/platform/linux)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Darwin")
  set(eddy_backends kqueue)
  set(eddy_platforms posix bsd)
  set(eddy_os src/platform/macos)
elseif(CMAKE_SYSTEM_NAME STREQUAL "FreeBSD")
  set(eddy_backends kqueue)
  set(eddy_platforms posix bsd)
  set(eddy_os src/platform/freebsd)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  set(eddy_backends iocp)
  set(eddy_platforms windows)
  set(eddy_os src/platform/windows)
  set(eddy_system_libraries ws2_32 ntdll)
  set(eddy_definitions _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX)  # Windows 10 and later
else()
  message(FATAL_ERROR "eddy ${PROJECT_VERSION} does not run on ${CMAKE_SYSTEM_NAME}.")
endif()

set(eddy_globs src/*.cpp src/reactor/*.cpp src/platform/*.cpp)
foreach(folder IN ITEMS core worker task time compose sync net signal)
  list(APPEND eddy_globs src/${folder}/*.cpp)
endforeach()
set(eddy_seam_globs)
foreach(folder IN LISTS eddy_platforms)
  list(APPEND eddy_globs src/platform/${folder}/*.cpp)
  list(APPEND eddy_seam_globs src/platform/${folder}/sys*.cpp)
endforeach()

file(GLOB eddy_headers CONFIGURE_DEPENDS include/eddy/*.hpp include/eddy/*/*.hpp)
file(GLOB eddy_sources CONFIGURE_DEPENDS ${eddy_globs})
file(GLOB eddy_seam CONFIGURE_DEPENDS ${eddy_seam_globs})
list(REMOVE_ITEM eddy_sources ${eddy_seam})
if(EDDY_BACKEND STREQUAL "kqueue")
  list(APPEND eddy_seam tests/kqueue/kqueue.cpp)
endif()

foreach(backend IN ITEMS epoll kqueue iocp uring)
  if(NOT backend IN_LIST eddy_backends)
    list(FILTER eddy_sources EXCLUDE REGEX "/src/reactor/${backend}\\.cpp$")
  endif()
endforeach()

if(NOT MINGW)
  list(FILTER eddy_sources EXCLUDE REGEX "/mingw_[a-z_]+\\.cpp$")
endif()

# A sanitizer sees a use after free only if every frame comes from the sanitizer's allocator. LeakSanitizer looks for
# pointers only in that memory. Flags of the user count too.
if(EDDY_SANITIZE OR CMAKE_CXX_FLAGS MATCHES "-fsanitize=[a-z,]*(address|thread|memory|leak)")
  list(FILTER eddy_sources EXCLUDE REGEX "/src/worker/frame_pool\\.cpp$")
else()
  list(FILTER eddy_sources EXCLUDE REGEX "/src/worker/frame_malloc\\.cpp$")
endif()

# Not on Windows: clang-tidy does not know the option of g++ that CMake uses, and nothing is visible there anyway.
set(eddy_inlines_hidden ON)
if(WIN32)
  set(eddy_inlines_hidden OFF)
endif()

function(eddy_usage target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(${target} PRIVATE
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/${eddy_os})
  target_link_libraries(${target} PUBLIC Threads::Threads ${eddy_system_libraries})
  target_compile_definitions(${target} PRIVATE ${eddy_definitions})
  if(EDDY_DEBUG_CHECKS)
    target_compile_definitions(${target} PUBLIC EDDY_DEBUG_CHECKS)
  endif()
  if(EDDY_BACKEND STREQUAL "kqueue")
    target_compile_definitions(${target} PUBLIC EDDY_BACKEND_KQUEUE)
    target_include_directories(${target} SYSTEM PRIVATE ${PROJECT_SOURCE_DIR}/tests/kqueue/include)
  endif()
  if(BUILD_SHARED_LIBS)
    target_compile_definitions(${target} PUBLIC EDDY_SHARED)
  endif()
  if(NOT WIN32 AND NOT MSVC)
    # Gives the same archive in every folder. EDDY_SANITIZE and Debug builds keep the real paths, for debuggers.
    if(NOT EDDY_SANITIZE)
      target_compile_options(${target} PRIVATE
        $<$<NOT:$<CONFIG:Debug>>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=eddy>
        $<$<NOT:$<CONFIG:Debug>>:-ffile-prefix-map=${PROJECT_BINARY_DIR}=eddy/build>)
    endif()
    # Nobody replaces a function of eddy, so it may be inlined in code for shared objects too.
    # macOS has no such replacement, and its clang has no such option.
    if(NOT APPLE)
      target_compile_options(${target} PRIVATE -fno-semantic-interposition)
    endif()
  endif()
  # For every setting of the user: EDDY_EXPORT says what is exported.
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ${eddy_inlines_hidden}
    POSITION_INDEPENDENT_CODE ${eddy_pic})
  if(EDDY_SANITIZE)
    # The vptr check opens a pipe to look at memory. It reports a fault if no descriptor is free, and some
    # tests use up all descriptors.
    target_compile_options(${target} PUBLIC
      -fsanitize=${EDDY_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${EDDY_SANITIZE})
  endif()
endfunction()

# A static eddy for a user's shared object needs an option: it calls a function to find a variable of its thread,
# which costs 14 instructions an echo. With the model that needs no call, dlopen could not load the object.
set(eddy_pic OFF)
if(BUILD_SHARED_LIBS OR CMAKE_POSITION_INDEPENDENT_CODE)
  set(eddy_pic ON)
endif()

# Without types gdb cannot `call eddy::dump_tasks_to_stderr()`; those of this small file are enough.
if(NOT MSVC)
  set_source_files_properties(src/worker/dump_to_stderr.cpp PROPERTIES
    COMPILE_OPTIONS -g
    SKIP_PRECOMPILE_HEADERS ON)  # they were compiled without -g
endif()

add_library(eddy_objects OBJECT ${eddy_sources})
eddy_usage(eddy_objects)

add_library(eddy ${eddy_seam} $<TARGET_OBJECTS:eddy_objects>)
add_library(eddy::eddy ALIAS eddy)
eddy_usage(eddy)
target_sources(eddy PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${eddy_headers})
if(MINGW)
  target_link_options(eddy PUBLIC LINKER:--undefined=eddy_mingw_thread_exit)
endif()
if(BUILD_SHARED_LIBS AND CMAKE_SYSTEM_NAME MATCHES "^(Linux|FreeBSD)$")
  set(eddy_exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(eddy PRIVATE LINKER:--version-script=${eddy_exports})
  set_target_properties(eddy PROPERTIES LINK_DEPENDS ${eddy_exports})
endif()
# Before 1.0 a minor version may break the ABI.
set_target_properties(eddy PROPERTIES
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
