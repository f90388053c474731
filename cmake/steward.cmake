# The few functions that every folder's CMakeLists.txt uses.
include(GoogleTest)

add_library(steward_options INTERFACE)
target_compile_options(steward_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wswitch-enum -Wimplicit-fallthrough
  -Wformat=2)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Clang, which only builds fuzzers here, does not know these and warns of other things.
  target_compile_options(steward_options INTERFACE
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Werror)
endif()
target_include_directories(steward_options INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
if(STEWARD_SANITIZE)
  target_compile_options(steward_options INTERFACE
    -fsanitize=${STEWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(steward_options INTERFACE -fsanitize=${STEWARD_SANITIZE})
endif()
if(STEWARD_FUZZ)
  target_compile_options(steward_options INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(steward_options INTERFACE -fsanitize=address,undefined)
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

# steward_fuzzer(NAME [SOURCES a.cc …] [DEPS lib …] [MUTATIONS n]): NAME_fuzz.cc as the program
# fuzz_NAME. With STEWARD_FUZZ it is a libFuzzer; otherwise it replays corpus/NAME and n mutations
# of each file, as the test fuzz.NAME.
function(steward_fuzzer name)
  cmake_parse_arguments(arg "" "MUTATIONS" "SOURCES;DEPS" ${ARGN})
  add_executable(fuzz_${name} ${name}_fuzz.cc ${arg_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(fuzz_${name} PRIVATE steward_options ${arg_DEPS})
  if(STEWARD_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE replay_main.cc)
    add_test(NAME fuzz.${name}
      COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name} ${arg_MUTATIONS})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300)
  endif()
  add_dependencies(fuzzers fuzz_${name})
endfunction()
