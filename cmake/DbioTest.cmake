# How a test is declared. A test prints "<name>: N passed, N failed, N skipped" and exits 0, 1,
# or 77 if it was skipped; its label is the name of its folder.

# dbio_register_test(name LABEL label TIMEOUT seconds [SERIAL] [LOCK resource] COMMAND command ...)
# SERIAL: beside no other test. LOCK: beside none that locks the same.
function(dbio_register_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "LABEL;TIMEOUT;LOCK" "COMMAND")
    add_test(NAME ${name} COMMAND ${arg_COMMAND})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
                                            SKIP_RETURN_CODE 77)
    if(arg_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
    if(arg_LOCK)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ${arg_LOCK})
    endif()
    if(DBIO_SANITIZE)
        # A case runs in a process of its own and leaves what it holds to its end. Memory of the
        # library does not come from malloc: tests ask dbio__mem_outstanding() for leaks of that.
        # A cancelled thread's frames stay marked, and its signal stack's end trips over them
        # (google/sanitizers issue 1171): none is made.
        set_tests_properties(${name} PROPERTIES ENVIRONMENT
            "ASAN_OPTIONS=detect_leaks=0:use_sigaltstack=0;UBSAN_OPTIONS=print_stacktrace=1")
    endif()
endfunction()

# dbio_add_tests(folder SUPPORT library TIMEOUT seconds [SERIAL]): every .c file of a folder is a
# test program. Found by pattern, so that a new test is one new file and nothing else.
function(dbio_add_tests folder)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "SUPPORT;TIMEOUT" "")
    set(serial "")
    if(arg_SERIAL)
        set(serial SERIAL)
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/test_*.c ${folder}/stress_*.c)
    foreach(source IN LISTS sources)
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE ${arg_SUPPORT})
        dbio_register_test(${name} LABEL ${folder} TIMEOUT ${arg_TIMEOUT} ${serial}
                           COMMAND ${name})
    endforeach()
endfunction()
