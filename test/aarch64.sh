#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64.sh PROGRAM - the unit tests of a cross build under qemu-user. TAP.
#
# A smoke test: that the code runs where words, calls and barriers are others.
# It proves nothing about memory orders, as qemu runs all of it in the order of
# the machine below it (test/model/ has those). Each test is one line. One in
# which qemu itself fails ("ERROR:../../accel/...", as it does when a process
# with threads forks) is skipped and says so; what the kernel does not have
# under qemu the tests find out themselves.
#
# QEMU, and TESTS to choose, may be set in the environment.
set -u

program=$1
qemu=${QEMU:-qemu-aarch64 -L /usr/aarch64-linux-gnu}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
limit=300

# They take most of the time, with thousands of deaths and changes each, and
# have nothing that depends on the machine which the others do not have.
long='repair repair_rivals follow_past'

if ! command -v "${qemu%% *}" >/dev/null; then
	echo "1..0 # SKIP ${qemu%% *} is not installed"
	exit 77
fi
tests=${TESTS:-$(sed -n 's/^\tT(\([a-z_]*\)).*/\1/p' "$here/unit/unit.h")}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-aarch64.XXXXXX") || exit 1
child=
clean() {
	trap - EXIT INT TERM HUP
	[ -z "$child" ] || kill -TERM "$child" 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap clean EXIT
trap 'clean; exit 130' INT
trap 'clean; exit 143' TERM HUP

# Run one test, in a group of its own that timeout makes; as soon as qemu says
# that it has failed itself, end that: who waits for a process that is gone
# would wait for ever.
attempt() {
	mkfifo "$tmp/said"
	# shellcheck disable=SC2086  # a command with its arguments
	SPLINTER_TEST_SMALL=1 timeout -k 5 "$limit" $qemu "$program" "$1" \
		>"$tmp/said" 2>&1 </dev/null &
	child=$!
	failed_itself=
	while read -r line; do
		printf '%s\n' "$line"
		case $line in
		*ERROR:../../*)
			failed_itself=${line#*ERROR:../../}
			kill -TERM "$child" 2>/dev/null
			;;
		esac
	done <"$tmp/said" >"$tmp/log"
	wait "$child"
	status=$?
	child=
	rm -f "$tmp/said"
}

count=0 failed=0 passed=0
for name in $tests; do
	count=$((count + 1))
	if [ -z "${TESTS:-}" ] && [[ " $long " == *" $name "* ]]; then
		echo "ok $count - $name # SKIP takes long"
		continue
	fi
	attempt "$name"
	if [ -n "$failed_itself" ]; then
		echo "ok $count - $name # SKIP qemu: $failed_itself"
	elif [ "$status" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $count - $name # $(grep -c '^ok ' "$tmp/log") ok," \
			"$(grep -c '# SKIP' "$tmp/log") skipped"
		sed -n 's/^ok .* # SKIP/# skipped:/p' "$tmp/log" | sort -u
	else
		echo "not ok $count - $name # status $status"
		grep -v '^ok ' "$tmp/log" | tail -n 20 | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
# Not that qemu failed in most of them.
if [ -z "${TESTS:-}" ]; then
	count=$((count + 1)) few=
	[ $((passed * 3)) -ge $((count * 2)) ] || few='not ' failed=1
	echo "${few}ok $count - qemu ran $passed tests"
fi
echo "1..$count"
[ "$failed" = 0 ]
