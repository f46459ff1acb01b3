#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run TAP programs one after the other; show what failed, count the rest.
#   test/run.sh PROGRAM...        WRAP='valgrind ...' runs each under it
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
	# shellcheck disable=SC2086  # WRAP is a command with its arguments
	${WRAP:-} "$program" >"$log" 2>&1 </dev/null
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | tail -n 1)
	if [ "$status" -ne 0 ] || [ "$bad" -ne 0 ] ||
		[ "${plan:-none}" != $((ok + bad)) ]; then
		[ "$bad" -ne 0 ] || bad=1
		grep -v '^ok ' "$log" | tail -n 60
		echo "# $program: status $status, plan ${plan:-none}"
	fi
	grep '^ok .*# SKIP' "$log" | sed 's/^ok/#/'
	echo "${program##*/}: $ok ok, $bad not ok," \
		"$(grep -c '^ok .*# SKIP' "$log") skipped"
	passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
