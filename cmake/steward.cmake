# The few functions that every folder's CMakeLists.txt uses.
include(GoogleTest)

add_library(steward_options INTERFACE)
target_compile_options(steward_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wswitch-enum -Wimplicit-fallthrough
  -Wformat=2 -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Werror)
target_include_directories(steward_options INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
if(STEWARD_SANITIZE)
  target_compile_options(steward_options INTERFACE
    -fsanitize=${STEWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(steward_options INTERFACE -fsanitize=${STEWARD_SANITIZE})
endif()

# steward_library(NAME SOURCES a.cc … [DEPS lib …]): the static library steward_NAME.
function(steward_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(steward_${name} STATIC ${arg_SOURCES})
  target_link_libraries(steward_${name} PUBLIC steward_options ${arg_DEPS})
endfunction()

# steward_test(NAME SOURCES a_test.cc … [DEPS lib …]): one test program, each case a ctest entry.
function(steward_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE steward_options ${arg_DEPS}
    GTest::gtest GTest::gtest_main Threads::Threads)
  gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300)
endfunction()

# steward_proto(TARGET a.proto …): generates C++ into the target; included as "FOLDER/a.pb.h".
# Generated code is not held to our warnings.
function(steward_proto target)
  set(_out ${PROJECT_BINARY_DIR}/generated)
  file(RELATIVE_PATH _folder ${PROJECT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(_proto ${ARGN})
    get_filename_component(_stem ${_proto} NAME_WE)
    get_filename_component(_dir ${_folder}/${_proto} DIRECTORY)
    set(_base ${_out}/${_dir}/${_stem}.pb)
    add_custom_command(
      OUTPUT ${_base}.cc ${_base}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${_out}
      COMMAND protobuf::protoc -I${PROJECT_SOURCE_DIR}/src --cpp_out=${_out} ${_dir}/${_stem}.proto
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${_proto}
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/src
      VERBATIM)
    set_source_files_properties(${_base}.cc PROPERTIES COMPILE_OPTIONS "-w")
    target_sources(${target} PRIVATE ${_base}.cc ${_base}.h)
  endforeach()
  target_include_directories(${target} SYSTEM PUBLIC ${_out})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf-lite)
endfunction()
