# sum_up.awk - reads the output of ctest -V; prints the whole output of each test that failed,
# or with only_counts=1 one line "passed failed skipped".
#
# A test says how many cases it has by its last line "<name>: N passed, N failed, N skipped"; one
# that says nothing is one case. A test that ctest counts as failed has failed, whatever it said.

/^[0-9]+: / {
    number = $0
    sub(/: .*/, "", number)
    line = substr($0, length(number) + 3)
    output[number] = output[number] line "\n"
    if (line ~ /^[A-Za-z0-9_.-]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/) said[number] = line
    next
}

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    number = $0
    sub(/^[^#]*#/, "", number)
    sub(/:.*/, "", number)
    result = $0
    sub(/^[^#]*#[0-9]+: /, "", result)
    name[number] = result
    sub(/ .*/, "", name[number])
    verdict = /\*\*\*Skipped/ ? "skipped" : (/ Passed +[0-9.]+ sec/ ? "passed" : "failed")
    add_up(number, verdict)
    if (verdict == "failed") broken[number] = result
}

/^[0-9]+% tests passed/ {
    ended = 1
}

function add_up(number, verdict,    words) {
    if (split(said[number], words, /[ ,]+/) >= 7) {
        passed += words[2]
        failed += words[4]
        skipped += words[6]
        if (verdict == "failed" && words[4] == 0) failed++
    } else if (verdict == "skipped") {
        skipped++
    } else if (verdict == "passed") {
        passed++
    } else {
        failed++
    }
}

END {
    if (!ended) failed++
    if (only_counts) {
        print passed + 0, failed + 0, skipped + 0
        exit
    }
    if (!ended) print "FAILED: there were no tests to run, or they did not come to an end"
    for (number in broken) {
        print "---- FAILED: " broken[number]
        printf "%s", output[number]
        print "---- end of " name[number]
    }
}
