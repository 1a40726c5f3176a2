# One list of warnings for everything built here, gcc and clang alike.
if(DBIO_WARNINGS)
    add_compile_options(
        -Wall -Wextra -Wpedantic -Wconversion -Wshadow
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
        $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
        -Wformat=2 -Wpointer-arith -Wundef)
endif()
if(DBIO_WERROR)
    add_compile_options(-Werror)
endif()
