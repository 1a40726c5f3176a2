/*
 * t_main.c - runs the suite of a test file.
 *
 * Prints the seed first and "<program>: N passed, N failed, N skipped" last. Exit status 0,
 * 1 if a case failed or there was none, 77 if every case was skipped.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "t_support.h"

#define EXIT_SKIPPED 77

int
main(void)
{
    int run, failed, skipped;
    char registry[64];
    SRunner *runner;

    /* Its own, so that programs that run beside each other do not see each other's requests. */
    (void)snprintf(registry, sizeof(registry), "/dev/shm/dbio-test-%d", (int)getpid());
    if (setenv("DBIO_REGISTRY", registry, 0) != 0)
        return EXIT_FAILURE;
    /* Check's 4 seconds are few for a busy disk; read when a test case is made. */
    setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    t_support_start(program_invocation_short_name);
    printf("seed: DBIO_TEST_SEED=0x%016" PRIx64 "\n", t_seed());
    fflush(stdout); /* or every forked case prints it again */
    runner = srunner_create(t_suite());
    srunner_run_all(runner, CK_ENV);
    run = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    skipped = t_support_skipped();
    srunner_free(runner);
    (void)unlink(registry);
    t_support_end();
    printf("%s: %d passed, %d failed, %d skipped\n", program_invocation_short_name,
           run - failed - skipped, failed, skipped);
    if (failed != 0 || run == 0)
        return EXIT_FAILURE;
    return skipped == run ? EXIT_SKIPPED : EXIT_SUCCESS;
}
