#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzz with AFL++ for some time, without a terminal and without root.
#   test/fuzz/afl.sh PROGRAM SECONDS CORPUS FOUND
# What is found is kept in FOUND, and where the next run goes on.
set -u
program=$1
seconds=$2
corpus=$3
found=$4
# The kernel hands crashes to whomever it likes; the clock may change pace.
export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_AUTORESUME=1 \
	AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

figure() { # NAME: of AFL's statistics
	sed -n "s/^$1 *: *//p" "$found/default/fuzzer_stats"
}

# What is left from earlier runs has been seen.
rm -rf "$found/default/crashes" "$found/default/hangs"
status=0
afl-fuzz -V "$seconds" -t 20000 -m none -i "$corpus" -o "$found" \
	"$program" >"$log" 2>&1 </dev/null || status=$?
if [ "$status" -ne 0 ] || ! [ -e "$found/default/fuzzer_stats" ]; then
	sed 's/^/# /' "$log" | tail -n 40
	echo "not ok 1 - afl-fuzz: status $status"
	echo 1..1
	exit 1
fi
crashes=$(figure saved_crashes)
hangs=$(figure saved_hangs)
ok=
[ "$crashes$hangs" = 00 ] || ok='not '
echo "${ok}ok 1 - $(figure execs_done) executions," \
	"$(figure execs_per_sec) a second, $(figure corpus_count) inputs," \
	"$(figure bitmap_cvg) covered: $crashes crashes, $hangs hangs" \
	"(see $found)"
echo 1..1
[ -z "$ok" ]
