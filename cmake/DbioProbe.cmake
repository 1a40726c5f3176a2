# What this machine offers, asked once at configure time.
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)

# A macro: what pkg_check_modules finds belongs to the caller.
macro(dbio_probe_package prefix module)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(${prefix} QUIET ${module})
    endif()
    if(${prefix}_FOUND)
        message(STATUS "dbio: ${module}: yes, ${${prefix}_VERSION}")
    else()
        message(STATUS "dbio: ${module}: no")
    endif()
endmacro()

if(DBIO_JEMALLOC)
    dbio_probe_package(DBIO_PROBE_JEMALLOC "jemalloc>=5")
endif()
# Batches go through io_uring where it is found, else through threads.
dbio_probe_package(DBIO_PROBE_LIBURING "liburing>=2.3")

configure_file(include/dbio_version.h.in include/dbio_version.h @ONLY)
