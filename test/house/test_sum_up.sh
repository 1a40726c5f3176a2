#!/bin/bash
# test_sum_up.sh ROOT - the closing line of test/run.sh counts what happened.
#
# Feeds test/sum_up.awk with what ctest -V prints; no failure may vanish in the sum.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}

# expect_counts WHAT COUNTS: of the log on standard input.
expect_counts() {
    local counts
    counts=$(awk -v only_counts=1 -f "$root/test/sum_up.awk")
    judge "$1" "$([ "$counts" = "$2" ] || echo "counted '$counts' instead of '$2'")"
}

expect_counts "cases that passed, side by side" "5 0 1" <<'END'
1: seed: 1
2: test_b: 2 passed, 0 failed, 1 skipped
1: test_a: 3 passed, 0 failed, 0 skipped
1/2 Test #1: test_a ....   Passed    0.10 sec
2/2 Test #2: test_b ....   Passed    0.10 sec
100% tests passed, 0 tests failed out of 2
END
expect_counts "failed cases" "3 2 0" <<'END'
1: test_a: 3 passed, 2 failed, 0 skipped
1/1 Test #1: test_a ....***Failed    0.10 sec
0% tests passed, 1 tests failed out of 1
END
expect_counts "a crash after a clean count, a crash before any, a time-out" "3 3 0" <<'END'
1: test_a: 3 passed, 0 failed, 0 skipped
1/3 Test #1: test_a ....***Failed    0.10 sec
2/3 Test #2: test_b ....***Exception: SegFault  0.10 sec
3/3 Test #3: test_c ....***Timeout  60.00 sec
0% tests passed, 3 tests failed out of 3
END
expect_counts "a program that is not there" "0 1 0" <<'END'
1/1 Test #1: test_a ....***Not Run   0.00 sec
0% tests passed, 1 tests failed out of 1
END
expect_counts "tests that say nothing" "1 0 1" <<'END'
1/2 Test #1: test_a ....   Passed    0.10 sec
2/2 Test #2: test_b ....***Skipped   0.10 sec
100% tests passed, 0 tests failed out of 2
END
expect_counts "only the last count of a test is its own" "4 0 0" <<'END'
1: test_inner: 0 passed, 7 failed, 0 skipped
1: test_a: 4 passed, 0 failed, 0 skipped
1/1 Test #1: test_a ....   Passed    0.10 sec
100% tests passed, 0 tests failed out of 1
END
expect_counts "no tests at all" "0 1 0" <<'END'
No tests were found!!!
END
expect_counts "a run that was cut off" "3 1 0" <<'END'
1: test_a: 3 passed, 0 failed, 0 skipped
1/2 Test #1: test_a ....   Passed    0.10 sec
END
finish
