# The library blst (BLS12-381 in C and assembly, Apache License 2.0): target `blst`. Debian has no
# package of it; its sources travel, complete, in this npm package, which the hash pins.
set(_blst_archive blst-0.2.11.tgz)
set(_blst_url https://registry.npmjs.org/@chainsafe/blst/-/${_blst_archive})
set(_blst_sha256 7e53abd85e87a59dd11f5d1e22cc3435edd238c1f05f1afe26132b3642e3229b)

# One copy for all build directories. It comes into being by a rename, complete or not at all.
set(_deps ${PROJECT_SOURCE_DIR}/build/deps)
set(BLST_DIR ${_deps}/blst-0.2.11)

# steward_fetch_blst(): the archive, at its place in build/deps, with the right content.
function(steward_fetch_blst)
  set(_there ${_deps}/${_blst_archive})
  if(EXISTS ${_there})
    file(SHA256 ${_there} _sha256)
    if(_sha256 STREQUAL _blst_sha256)
      return()
    endif()
  endif()
  message(STATUS "Fetching ${_blst_url}")
  file(DOWNLOAD ${_blst_url} ${_there}.part STATUS _status INACTIVITY_TIMEOUT 30 TLS_VERIFY ON)
  list(GET _status 0 _code)
  list(GET _status 1 _what)
  if(_code EQUAL 0)
    file(SHA256 ${_there}.part _sha256)
    if(_sha256 STREQUAL _blst_sha256)
      file(RENAME ${_there}.part ${_there})
      return()
    endif()
    set(_what "what came has the wrong SHA-256, ${_sha256}")
  endif()
  file(REMOVE ${_there}.part)
  message(FATAL_ERROR "The sources of the library blst could not be fetched: ${_what}.\n"
    "Please download ${_blst_url} by other means, put it at ${_there} and configure again. "
    "Its SHA-256 must be ${_blst_sha256}.")
endfunction()

if(NOT EXISTS ${BLST_DIR})
  file(MAKE_DIRECTORY ${_deps})
  file(LOCK ${_deps}/lock GUARD FILE TIMEOUT 300)
  if(NOT EXISTS ${BLST_DIR})
    steward_fetch_blst()
    file(REMOVE_RECURSE ${_deps}/unpacked)
    file(ARCHIVE_EXTRACT INPUT ${_deps}/${_blst_archive} DESTINATION ${_deps}/unpacked
      PATTERNS package/blst)
    file(RENAME ${_deps}/unpacked/package/blst ${BLST_DIR})
    file(REMOVE_RECURSE ${_deps}/unpacked)
  endif()
  file(LOCK ${_deps}/lock RELEASE)
endif()

enable_language(C ASM)
add_library(blst STATIC ${BLST_DIR}/src/server.c ${BLST_DIR}/build/assembly.S)
# The portable variant: no instruction that an old x86-64 lacks. Fast in every build type; never
# with sanitizers, which cannot look into the assembly.
target_compile_definitions(blst PRIVATE __BLST_PORTABLE__)
target_compile_options(blst PRIVATE -O2 -fno-builtin)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  target_compile_options(blst PRIVATE -mno-avx)  # mixing AVX and SSE costs more than it gains
endif()
target_include_directories(blst SYSTEM INTERFACE ${BLST_DIR}/bindings)
