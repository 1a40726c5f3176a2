# Every option, with a line that explains it. Options choose which files are built; there is
# no #ifdef on them inside functions.

# Whoever includes dbio as a subfolder wants the library and nothing else.
option(DBIO_TESTS "Build the tests and the micro-benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(DBIO_EXAMPLES "Build hello, the SQLite VFS and dbio-tpcc" ${PROJECT_IS_TOP_LEVEL})
option(DBIO_TOOLS "Build the command dbio" ${PROJECT_IS_TOP_LEVEL})
option(DBIO_SHIM "Build libdbio-shim.so, which is preloaded under programs" ${PROJECT_IS_TOP_LEVEL})
option(DBIO_INSTALL "Add install rules" ${PROJECT_IS_TOP_LEVEL})
option(DBIO_WARNINGS "Compile with the list of warnings in DbioWarnings.cmake"
       ${PROJECT_IS_TOP_LEVEL})
option(DBIO_WERROR "Make those warnings errors" OFF)
option(DBIO_JEMALLOC "Shared library: take memory from a jemalloc arena, if jemalloc is there" ON)
option(DBIO_LTO "Optimise across the library's files in release builds (gcc)" ON)
option(DBIO_COVERAGE "Record which lines the tests run (gcov)" OFF)
set(DBIO_SANITIZE "" CACHE STRING
    "Sanitizers for everything built here: address,undefined or thread; empty for none")
set_property(CACHE DBIO_SANITIZE PROPERTY STRINGS "" "address,undefined" "thread")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()
