# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # the variables are test_cli.sh's
#
# harness.sh - runs a command, compares what came of it, says so in TAP.
#
# Needs $tmp, a directory; $bin, the program; $prog, its name; $s, the name of
# its store; $never, a descriptor that nothing is ever read from.

# --- TAP -------------------------------------------------------------------

count=0
failures=0

pass() {
	count=$((count + 1))
	echo "ok $count - $prog: $1"
}

fail() {
	count=$((count + 1))
	failures=$((failures + 1))
	echo "not ok $count - $prog: $1"
	printf '%s\n' "${2-}" | sed 's/^/# /'
}

skip() {
	count=$((count + 1))
	echo "ok $count - $prog: $1 # SKIP $2"
}

check() { # NAME COMMAND...: passes when the command succeeds
	local name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
}

# --- Running a command -----------------------------------------------------

exec_into() { # COMMAND...: leaves $rc, out and err
	timeout -k 5 60 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
}

run() { exec_into "$bin" "$@"; }

on() { exec_into "$bin" --use "$s" "$@"; }

# With mounts of our own: first MOUNTS, a script, then the program.
mounted() { # MOUNTS ARGUMENT...
	local mounts=$1 unshare=(unshare -m)
	shift
	((EUID)) && unshare=(unshare -rm)
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec_into "${unshare[@]}" bash -c \
		'bin=$1; eval "$2" >/dev/null 2>&1; shift 2; exec "$bin" "$@"' \
		mounted "$bin" "$mounts" "$@"
}

differs() { # FILE TEXT: the file is not this text and, if any, a newline
	if [[ $2 ]]; then printf '%s\n' "$2"; else :; fi |
		cmp -s - "$1" && return 1
	return 0
}

outcome() {
	echo "status $rc, stdout:"
	cat -v "$tmp/out"
	echo "stderr:"
	cat -v "$tmp/err"
}

expect() { # NAME STATUS STDOUT STDERR
	local wrong=
	[[ $rc == "$2" ]] || wrong="status is not $2"
	differs "$tmp/out" "$3" && wrong+="; stdout is not: $3"
	differs "$tmp/err" "$4" && wrong+="; stderr is not: $4"
	if [[ $wrong ]]; then
		fail "$1" "$wrong"$'\n'"$(outcome)"
	else
		pass "$1"
	fi
}

expect_like() { # NAME STATUS STDOUT-GLOB STDERR-GLOB
	local out err
	out=$(<"$tmp/out")
	err=$(<"$tmp/err")
	# shellcheck disable=SC2053 # patterns are meant
	if [[ $rc == "$2" && $out == $3 && $err == $4 ]]; then
		pass "$1"
	else
		fail "$1" "$(outcome)"
	fi
}

says() { # NAME STATUS SENTENCE: nothing but this sentence
	expect "$1" "$2" '' "$prog: $3"
}

# A moment that is no sleep: nothing is ever written to that pipe.
moment() { read -r -t 0.02 -u "$never" || :; }

repeat() { # CHARACTER COUNT
	head -c "$2" /dev/zero | tr '\0' "$1"
}
