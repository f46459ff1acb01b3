#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzz the command line and stores for some time, one target after the other.
#   test/fuzz/run.sh BUILD SECONDS [CORPUS]
# BUILD has the fuzz_* programs and a splinterctl, all sanitized. What is new
# to a target is kept in CORPUS/TARGET; what fails stays in BUILD. FUZZ_SEED
# begins with the same inputs each time.
set -u
here=$(dirname "$0")
build=$1
seconds=$2
tmp=$(mktemp -d)
corpus=${3:-$tmp}
seed=${FUZZ_SEED:-$((SRANDOM % 1000000 + 1))}
export SPLINTER_FUZZ_NAME=splinter_fuzz_$$
trap 'rm -rf "$tmp" /dev/shm/"$SPLINTER_FUZZ_NAME".*' EXIT
# Else each would end one target only.
trap 'exit 130' INT
trap 'exit 143' TERM
count=0
failed=0

report() { # STATUS NAME WHAT
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2: $3"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2: status $1"
	grep -v -e '^#[0-9]' -e 'NEW_FUNC' "$tmp/log" | tail -n 60 |
		sed 's/^/# /'
}

share() { # PERCENT: of the time, in seconds
	local part=$((seconds * $1 / 100))
	echo $((part > 0 ? part : 1))
}

# Of one input: longer than that, and it hangs. Options are libFuzzer's.
target() { # PERCENT NAME LENGTH [OPTION]...
	local status=0 time
	time=$(share "$1")
	mkdir -p "$corpus/$2"
	timeout --foreground -k 5 $((2 * time + 120)) "$build/fuzz_$2" \
		-max_total_time="$time" -timeout=20 -max_len="$3" "${@:4}" \
		-seed="$seed" -artifact_prefix="$build/fuzz_$2-" \
		"$corpus/$2" "$here/corpus/$2" >"$tmp/log" 2>&1 || status=$?
	report "$status" "fuzz_$2" "$(tail -n 1 "$tmp/log")"
}

program() { # PERCENT NAME
	local status=0 time
	time=$(share "$1")
	timeout --foreground -k 5 $((2 * time + 120)) "$here/fuzz_$2.py" \
		--seconds "$time" --seed "$seed" "$build/splinterctl" \
		>"$tmp/log" 2>&1 || status=$?
	report "$status" "fuzz_$2" \
		"$(sed -n 's/^ok 1 - [^:]*: //p' "$tmp/log")"
}

export UBSAN_OPTIONS=print_stacktrace=1
target 7 words 512
target 7 text 512
target 7 json 512
target 4 number 64
target 4 plan 256
target 5 filter 256
target 18 line 1024
target 18 store 512 -len_control=10
program 15 process
program 15 prompt
echo "1..$count"
[ "$failed" -eq 0 ]
