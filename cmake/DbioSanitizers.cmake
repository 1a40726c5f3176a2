# Sanitizers and coverage for everything built here. All or nothing: a program and the
# library that it links must agree, or the sanitizer reports what is not there.
if(DBIO_SANITIZE)
    if(NOT DBIO_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
        message(FATAL_ERROR "DBIO_SANITIZE: address,undefined or thread, not '${DBIO_SANITIZE}'")
    endif()
    # Without -fno-sanitize-recover undefined behaviour is printed and the test passes.
    add_compile_options(-fsanitize=${DBIO_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${DBIO_SANITIZE})
    if(DBIO_SANITIZE STREQUAL "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
        # gcc says that this sanitizer does not understand fences. Ours order atomics only, which
        # it never reports.
        add_compile_options(-Wno-tsan)
    endif()
endif()
# The preset tsan goes without jemalloc: it is not compiled with the sanitizer, so its locks are
# reported by the dozen.
if(DBIO_COVERAGE)
    # Atomic counters: several threads run the same lines.
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
