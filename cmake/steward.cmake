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
