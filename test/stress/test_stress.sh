#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_stress.sh - splinter_stress and splinterp_stress: that they find
# nothing in a sound store and everything in a damaged one, what their options
# do, what they print, and that nothing is left. TAP on stdout.
#
# usage: test_stress.sh DIRECTORY_OF_THE_BINARIES

set -u

bindir=$(cd "${1:?usage: $0 DIRECTORY_OF_THE_BINARIES}" && pwd) || exit 1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
man=$here/../../man/splinter_stress.1
export LC_ALL=C
ulimit -c 0

tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-stress.XXXXXX") || exit 1
s=splinter_stress_test_$$
mkdir "$tmp/files"
echo "$s" >"$tmp/name"
cd "$tmp/files" || exit 1
mkfifo "$tmp/never"
exec {never}<>"$tmp/never"
started=()

# All that have our store's name on their command line.
processes() { # the name from a file, or grep would find itself
	grep -lsaFf "$tmp/name" /proc/[0-9]*/cmdline | tr -dc '0-9\n'
}
no_process() { [[ -z $(processes) ]]; }

clean_up() {
	# shellcheck disable=SC2046 # a word each
	kill -KILL "${started[@]}" $(processes) 2>/dev/null
	rm -rf "$tmp" "/dev/shm/$s" "/dev/shm/$s"-*
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# --- TAP -------------------------------------------------------------------

count=0
failed=0

check() { # NAME COMMAND...: passes when the command succeeds
	local name=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $prog: $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $prog: $name"
		{
			echo "failed: $*"
			echo "status ${rc-}, stdout:"
			cat -v "$tmp/out"
			echo "stderr:"
			cat -v "$tmp/err"
		} | sed 's/^/# /'
	fi
}

# --- Running ---------------------------------------------------------------

run() { # OPTION...: leaves $rc, out and err
	timeout -k 5 60 "$bin" --store "$s" --duration-ms 200 "$@" \
		>"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
}

run_json() {
	run --json "$@"
	cp "$tmp/out" "$tmp/json"
}

start() { # OPTION...: leaves $pid; Ctrl-C works as at a terminal
	env "${signals:---default-signal=HUP,INT,QUIT,TERM,PIPE}" "$bin" --store "$s" --duration-ms 25000 "$@" \
		>"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	started+=("$pid")
	until_true "its store appears" test -e "$path"
}

finish() { # SIGNAL: ends what was started; leaves $rc
	kill "-$1" "$pid"
	{ wait "$pid"; } 2>/dev/null
	rc=$?
	started=()
}

# Waits for a condition; a moment is no sleep, nothing is ever written there.
until_true() { # WHAT COMMAND...
	local what=$1 deadline=$((SECONDS + 20))
	shift
	until "$@"; do
		if ((SECONDS >= deadline)); then
			check "$what" false
			return 1
		fi
		read -r -t 0.01 -u "$never" || :
	done
}

peer() { "$bindir/$ctl" --use "$s" "$@" >"$tmp/peer" 2>&1; }
says() { [[ $(<"$tmp/err") == "$prog: $1" ]]; }
has_status() { ((rc == $1)); }
finds() { grep -qE -- "$1" "$tmp/${2:-err}"; }
is_true() { jq -e "$1" "$tmp/json" >/dev/null; }
is_gone() { [[ ! -e $path ]]; }

leaves_nothing() { is_gone && [[ -z $(ls -A "$tmp/files") ]]; }
leaves_nobody() { leaves_nothing && no_process; }

refuses() { # SENTENCE OPTION...
	local sentence=$1
	shift
	run "$@"
	check "refuses '$*'" has_status 2
	check "and says why" says "$sentence"
	check "and leaves nothing" leaves_nothing
}

# --- A sound store ---------------------------------------------------------

sound='.failures == 0 and .errors == 0 and .reads > 0 and .writes > 0 and
	.checked == .keys and .rewritten == ([.keys, 1000] | min) and
	.read_bytes >= .min_value * (.reads - .absent) and
	.read_bytes <= .max_value * .reads and
	.write_bytes >= .min_value * .writes and .unsets <= .writes'

test_default() {
	run
	check "finds no failure in a sound store" has_status 0
	for line in 'run: 0\.[2-9] s, seed [0-9]+' 'readers: 2 threads' \
		'writers: 1 thread' \
		'store: 1000 keys in 1024 slots, values of 1 to 4096 bytes, in .*' \
		'reads: [1-9].* a second, .* MiB verified, .*' \
		'writes: [1-9].* a second, .*' 'retries: .*' \
		'check: 1000 keys read and listed, 1000 written again' \
		'failures: 0'; do
		check "prints '${line%%:*}'" finds "^$line\$" out
	done
	check "removes its store" leaves_nothing
	if [[ $kind == memory ]]; then
		check "and says nothing else" test ! -s "$tmp/err"
	else
		check "and said first that it wears media" \
			finds "writes to '$s' all the time, which wears .*1000 micro"
	fi
}

test_json() {
	run_json --seed 12345
	check "--json: one object" test "$(jq -s length "$tmp/json")" = 1
	check "of numbers" is_true 'all(.[]; type == "number")'
	check "that are plausible" is_true "$sound"
	check "and say what was done" is_true ".readers == 2 and .writers == 1 and
		.procs == 0 and .kill == 0 and .keys == 1000 and
		.slots == 1024 and .min_value == 1 and .max_value == 4096 and
		.seed == 12345 and .toggle_vacuum == 0 and .switches == 0 and
		.kills == 0 and .interrupted == 0 and
		.file == $([[ $kind == file ]] && echo 1 || echo 0)"
	check "--duration-ms is kept" is_true '.elapsed_ms >= 200'
	check "rates are counts by time" is_true \
		'(.reads_per_s * .elapsed_ms / 1000 / .reads - 1 | fabs) < 0.02'
}

test_options() {
	run_json --threads 3 --writers 2 --keys 2K --max-value 1k \
		--slots 3000 --writer-us 10000
	check "takes numbers with units" has_status 0
	check "and uses them" is_true "$sound and .readers == 3 and
		.writers == 2 and .keys == 2048 and .max_value == 1024 and
		.slots == 3000 and .writer_us == 10000"
	check "a writer pauses" is_true \
		'.writes / 2 * 10 <= .elapsed_ms + 20'
	run_json --keys 2000 --writers 0
	check "has slots for its keys" is_true '.slots == 2000'
	check "can only read" is_true \
		'.writes == 0 and .reads > 0 and .failures == 0'
	run_json --threads 0 --writer-us 0
	check "can only write, and reads that back" is_true \
		'.readers == 0 and .writes > 0 and .reads > 0'
	run_json --max-value 1 --keys 1 --slots 1 --writers 3
	check "takes the smallest store" is_true "$sound"
	run_json --max-value 31 --keys 10 --writers 2
	check "unsets keys whose values are too short for a stamp" is_true \
		"$sound and .unsets > 0"
	run_json --min-value 100 --max-value 100 --keys 10
	check "--min-value: no value is shorter" is_true "$sound and
		.read_bytes == 100 * (.reads - .absent) and
		.write_bytes == 100 * .writes"
	run_json --keys 10
	check "lists beside writers" is_true "$sound and .lists > 0"
	check "leaves nothing" leaves_nothing
}

test_processes() {
	run_json --procs --threads 3 --writers 2
	check "--procs finds no failure" has_status 0
	check "and counts across processes" is_true "$sound and .procs == 1"
	check "and leaves nothing" leaves_nobody
	run_json --kill --writers 2 --writer-us 0
	check "--kill finds no failure" has_status 0
	check "and kills writers, who are repaired" is_true \
		"$sound and .kills > 2 and .repairs > 0"
	check "and says that they are processes" \
		finds '--kill: writers are processes, readers stay threads'
	check "and leaves nothing" leaves_nobody
	run --kill --procs --writers 3 --writer-us 0
	check "--kill beside reading processes finds no failure" has_status 0
	check "and prints kills" finds '^kills: [1-9][0-9]*, [0-9]+ repaired$' \
		out
	check "and readers as processes" finds '^readers: 2 processes$' out
}

test_vacuum() {
	run_json --toggle-vacuum --writers 2 --duration-ms 500
	check "--toggle-vacuum finds no failure" has_status 0
	check "and switches" is_true "$sound and .switches > 0"
	check "and leaves nothing" leaves_nothing
	run --toggle-vacuum --procs --kill --writers 2 --writer-us 0
	check "--toggle-vacuum: who switches may be killed" has_status 0
	check "and prints switches" finds \
		'^vacuum: switched [0-9]+ times$' out
	check "and leaves nothing" leaves_nobody
}

test_quiet() {
	run --kill --quiet
	if [[ $kind == memory ]]; then
		check "--quiet says nothing" test ! -s "$tmp/err"
	else
		check "--quiet still warns, and says nothing else" \
			test "$(grep -c '' "$tmp/err")" = 1
	fi
	check "and prints the summary" finds '^failures: 0$' out
}

test_terminal() {
	python3 "$here/at_terminal.py" ' failures 0' "$bin" --store "$s" \
		--duration-ms 25000 --kill >"$tmp/out" 2>"$tmp/err"
	check "shows progress at a terminal" finds \
		'^1 s  reads/s [1-9][0-9]*  writes/s [1-9][0-9]*  retries [0-9]+  kills [1-9][0-9]*  failures 0' \
		out
	check "ends by Ctrl-C" finds '^interrupted: by signal 2, Interrupt$' out
	check "and sums up" finds '^reads: [1-9]' out
	check "and dies of it" finds '^status 130$' out
	check "and leaves nothing" leaves_nobody
	python3 "$here/at_terminal.py" '' "$bin" --store "$s" --quiet \
		--duration-ms 1050 >"$tmp/out" 2>"$tmp/err"
	check "--quiet shows no progress" eval \
		"finds '^status 0\$' out && ! finds 'reads/s' out"
}

test_signals() {
	local signal
	for signal in INT TERM HUP QUIT; do
		start --procs --kill
		finish "$signal"
		check "SIG$signal ends it" has_status \
			$((128 + $(kill -l "$signal")))
		check "with a summary" finds '^interrupted: ' out
		check "and leaves nothing" leaves_nobody
	done
	start
	finish TERM
	check "SIGTERM ends threads" has_status 143
	check "and leaves nothing" leaves_nobody
	signals=--ignore-signal=HUP start
	kill -HUP "$pid"
	finish TERM
	check "an ignored signal stays ignored" has_status 143
	start --procs
	finish KILL
	until_true "its processes end" no_process
	check "no process outlives a killed leader" no_process
	rm -f "$path"
}

# --- The store's name ------------------------------------------------------

test_names() {
	"$bin" --duration-ms 60000 >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	started+=("$pid")
	until_true "it names its store itself" test -e \
		"${dir}splinter_stress_$pid"
	finish TERM
	check "and removes it" test ! -e "${dir}splinter_stress_$pid"
	run --keep-test-store --keys 7
	check "--keep-test-store says how to look at it" finds \
		"^$prog: kept store '$s': look at it with '$ctl --use $s list', remove it with '$ctl destroy $s'\$"
	check "and leaves it, with all keys" test \
		"$("$bindir/$ctl" --use "$s" list | grep -c '^stress-[0-6] ')" = 7
	run
	check "an existing store is refused" has_status 1
	check "and says so" says "'$s' exists already and is left alone: give another --store, or remove it first ('$ctl destroy $s' if it is a store)"
	check "and left alone" peer head stress-0
	"$bindir/$ctl" destroy "$s" 2>"$tmp/err"
	echo precious >"$path"
	run
	check "so is what is no store" has_status 1
	check "and it keeps what is in it" test "$(cat "$path")" = precious
	rm -f "$path"
	start
	mv "$path" "$tmp/moved"
	echo precious >"$path"
	finish TERM
	check "a stranger under its name is left alone" \
		test "$(cat "$path")" = precious
	check "which it says" finds "somebody else has removed or replaced"
	rm -f "$path" "$tmp/moved"
}

# --- A store that is not sound ---------------------------------------------

# Damages the store until it is noticed; the first ten failures are told.
test_scribbled() { # HOW SENTENCE OPTION...
	local how=$1 sentence=$2 scribbler
	shift 2
	python3 "$here/scribble.py" "$how" "$path" >"$tmp/ready" &
	scribbler=$!
	started+=("$scribbler")
	until_true "scribbles" test -s "$tmp/ready"
	start --json "$@"
	until_true "$how: it is noticed" finds "$sentence"
	finish TERM
	wait "$scribbler"
	cp "$tmp/out" "$tmp/json"
	check "$how: the failure is told" finds "$sentence"
	check "$how: status 1, although it was interrupted" has_status 1
	check "$how: failures are counted" is_true \
		'.failures > 0 and .interrupted == 15'
	check "$how: ten are told at most" \
		test "$(grep -c "^$prog: failure: " "$tmp/err")" -le 10
	check "$how: leaves nothing" leaves_nothing
	rm "$tmp/ready"
}

key="^[a-z_]+: failure: key stress-[0-9]+: expected"
seen='; epoch (now )?[0-9]+, seen by (reader|writer) [0-9]+ (in a copy|in place)$'

test_damage() {
	test_scribbled values "$key byte [0-9]+ of [0-9]+ 0x[0-9a-f]{2} \\(writer [0-9]+, version [0-9]+\\), found 0x[0-9a-f]{2}$seen" \
		--writer-us 100
	test_scribbled stamps "$key (the stamp's check|a value of|as the stamp) .*, found [0-9]+$seen" \
		--writer-us 100 --procs
	test_scribbled epochs "$key epoch [0-9]+ or later, found epoch [0-9]+$seen" \
		--writer-us 100 --keys 8 --min-value 32
	# Too short for a stamp: only its epoch tells what it should be.
	short="$key byte [0-9]+ of [0-9]+ 0x[0-9a-f]{2} \\(epoch [0-9]+\\), found 0x[0-9a-f]{2}$seen"
	test_scribbled values "$short" --writer-us 100 --max-value 8
	test_scribbled epochs "$short" --writer-us 100 --max-value 8 --keys 8
	test_scribbled lengths "$short" --writer-us 100 --max-value 8 --keys 8
	test_scribbled lengths "$key as the stamp says a length of [0-9]+, found [0-9]+$seen" \
		--writer-us 100 --min-value 64
	# The first value that is seen may be the leader's, who writes as the
	# last one, or already one of writer 0.
	test_scribbled old "$key version [0-9]+ of writer 0 or later, found version [0-9]+ of writer [01]$seen" \
		--writer-us 100 --keys 8 --min-value 32 --max-value 32
	# A copy may have no epoch to tell. Few enough that all are told.
	test_scribbled back "$key version [0-9]+ of writer 0 or later, found version [0-9]+ of writer 0; epoch (now )?[0-9]+, seen by reader 0 in a copy$" \
		--writer-us 100 --keys 2 --min-value 32 --max-value 32 --threads 1
}

test_peer() {
	# So few that all failures are told.
	start --threads 1 --writers 0 --min-value 32
	until_true "it is filled" peer head stress-999
	peer unset stress-0
	until_true "a lost key is noticed" \
		finds "$key a value, found No such file or directory$seen"
	until_true "a lost key is noticed in lists" \
		finds "500 keys are never unset, but only 499 of them are listed, seen by reader 0\$"
	peer set stress-2 short
	until_true "a foreign value is noticed" \
		finds "$key a length of at least 32, found 5$seen"
	peer set intruder x
	python3 "$here/scribble.py" pool "$path" >"$tmp/ready"
	finish TERM
	check "keys that are no more, are foreign or others' are failures" \
		has_status 1
	check "so is a key that nobody wrote" \
		finds "failure: key intruder is listed: nobody wrote it"
	check "so is a block that no key needs" \
		finds "failure: the store counts 1002 keys, but 1001 are there"
	rm "$tmp/ready"
	check "and nothing is left" leaves_nothing
}

test_lost_writer() {
	local children
	start --procs --threads 0 --writers 2 --json
	children=/proc/$pid/task/$pid/children
	until_true "a writer runs" grep -q ' ' "$children"
	kill -KILL "$(cut -d ' ' -f 1 "$children")"
	until_true "a writer that dies is noticed" \
		finds "^$prog: failure: writer [01] died of signal 9, Killed\$"
	finish TERM
	check "and a failure" has_status 1
	check "and leaves nothing" leaves_nobody
}

# --- What cannot be done ---------------------------------------------------

number_of() { # OPTION TEXT MIN MAX
	refuses "'--$1 $2' is no number that it takes: give a whole number from $3 to $4, with K, M or G for times 1024" \
		"--$1" "$2"
}

test_usage() {
	local bad
	for bad in x -1 1.5 '' ' 1' 1KK 1Q 0x10 18446744073709551616 \
		99999999999999999G 0; do
		number_of keys "$bad" 1 1073741824
	done
	number_of threads 1025 0 1024
	number_of writers 1001 0 1000
	number_of duration-ms 0 1 31536000000
	number_of slots 2G 1 1073741824
	number_of min-value 0 1 4294967295
	number_of max-value 0 1 4294967295
	number_of writer-us -5 0 86400000000
	number_of seed 0 1 9007199254740991
	refuses "unknown option '--foo': '$prog --help' lists the options" --foo
	refuses "unknown option '-x': '$prog --help' lists the options" -x
	refuses "'foo' is no option: '$prog --help' lists the options" foo
	refuses "option '--keys' needs a value: write '--keys K'" --keys
	refuses "option '--procs' takes no value: write '--procs'" --procs=1
	refuses "2048 keys do not fit into 1024 slots: give --slots at least 2048, or fewer --keys" \
		--keys 2K --slots 1K
	refuses "the smallest value, 5000 bytes, is larger than the largest, 4096: give a smaller --min-value or a larger --max-value" \
		--min-value 5000
	refuses "without readers and writers there is nothing to do: give --threads or --writers at least 1" \
		--threads 0 --writers 0
	refuses "--kill kills writers and there are none: give --writers at least 1" \
		--kill --writers 0
	refuses "501 writers are more than a store has room for in one process: give at most 500, or --procs" \
		--writers 501
	if [[ $kind == memory ]]; then
		refuses "'a/b' cannot name a store in memory: use a plain name without '/', or splinterp_stress for a store in a file" \
			--store a/b
	else
		refuses "'' cannot name a store: give the path of a file that does not exist yet" \
			--store ''
	fi
	run --keys 1G --quiet
	check "refuses what no memory can hold" has_status 2
	check "and says how much it is" finds "^$prog: 1073741824 keys of up to 4096 bytes, .* need [0-9]+ MiB .* are free: give fewer "
	check "and leaves nothing" leaves_nothing
	run --threads 1K --max-value 1G --keys 1
	check "also what only the workers need" has_status 2
}

test_failing() {
	run --store "$(printf 'x%.0s' {1..300})" --quiet
	check "a name that is too long" has_status 1
	check "says so" finds 'the name of the store is too long: '
	"$bin" --store "$s" --duration-ms 50 --quiet >/dev/full 2>"$tmp/err"
	rc=$?
	check "a full disk below stdout" has_status 1
	check "is told" finds 'cannot write to standard output: No space left'
	check "and leaves nothing" leaves_nothing
	{
		"$bin" --store "$s" --duration-ms 50 2>"$tmp/err"
		echo $? >"$tmp/status"
	} | :
	rc=$(<"$tmp/status")
	check "a pipe that nobody reads" has_status 1
	check "leaves nothing" leaves_nothing
}

# A writer on a file begins with pauses of 50 ms, whatever was asked for.
test_gentle() {
	timeout -s TERM 0.5 "$bin" --store "$s" --duration-ms 60000 --json \
		--writer-us 0 >"$tmp/json" 2>"$tmp/err"
	check "starts gently" is_true \
		'.writes > 0 and .writes * 40 <= .elapsed_ms + 50'
	(
		ulimit -f 50
		run
		has_status 1
	)
	check "what no file can hold" test $? = 0
	check "is told" finds "store '$s' does not fit onto the disk: give "
	check "and leaves nothing" leaves_nothing
	run --store "absent/$s"
	check "a directory that is missing" has_status 1
	check "is told" finds "cannot make store 'absent/$s': its directory"
}

# --- Help ------------------------------------------------------------------

options_of_help() { grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--.*'; }

options_of_man() {
	sed -n '/^\.SH OPTIONS/,/^\.SH OUTPUT/p' "$man" | grep -A 1 '^\.TP' |
		sed 's/\\-/-/g' | grep -oE -- '--[a-z-]+'
}

members_of_man() {
	sed -n '/^\.SH OUTPUT/,/^\.SH EXIT/p' "$man" |
		grep -oE '\b[a-z]+(_[a-z]+)*\b' | sort -u
}

test_help() {
	run --help
	check "--help prints the options" has_status 0
	check "on stdout" test ! -s "$tmp/err"
	check "each is in the man page, and none else" test \
		"$(options_of_help <"$tmp/out" | sort)" = "$(options_of_man | sort)"
	check "--help: 80 columns" eval "! finds '.{81}' out"
	run -v
	check "-v prints the version" finds \
		"^$prog version [0-9.]+ build [a-z0-9]+\$" out
	run_json
	check "each member of the JSON is in the man page" test -z \
		"$(jq -r 'keys[]' "$tmp/json" | sort | comm -23 - <(members_of_man))"
}

# --- All of it, for both programs ------------------------------------------

suite() { # PROGRAM KIND DIRECTORY
	prog=$1
	kind=$2
	dir=$3
	bin=$bindir/$prog
	ctl=splinterctl
	[[ $kind == file ]] && ctl=splinterpctl
	path=$dir$s
	test_default
	test_json
	test_options
	test_processes
	test_vacuum
	test_quiet
	test_names
	test_signals
	test_usage
	test_failing
	test_help
}

suite splinter_stress memory /dev/shm/
test_terminal
test_damage
test_peer
test_lost_writer
suite splinterp_stress file ''
test_gentle
echo "1..$count"
((failed == 0))
