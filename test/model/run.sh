#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh - check the models, and that each of their mutants is caught. TAP.
#
#   run.sh         the short set: about two minutes on two idle cores
#   run.sh long    the large scopes: three quarters of an hour, up to 6 GiB
#   run.sh list    what either would run
#
# A model is ok when its search was complete and found nothing, a mutant when
# spin found an error. Exit: 0, 1 when one is not as expected, 77 without spin.
#
# JOBS, CC and MEMORY_MB (of each run) may be set in the environment.

set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what=${1:-short}
depth=400000

# set    expected  model  definitions
# "orders" is a script of Python's that says ok, and ends with 0 when all are;
# "sound" and "caught" run with -E, "lives" and "stuck" look for invalid end
# states as well: nobody may wait for ever.
cases() {
	cat <<-'END'
	short sound  swap.pml      -DADOPTERS=1
	short sound  swap.pml      -DNO_READER
	short sound  swap.pml      -DBOTH_DIE -DNO_READER
	short caught swap.pml      -DADOPTERS=1 -DVACUUM=0 -DNO_W1
	short caught swap.pml      -DADOPTERS=1 -DNO_R3
	short caught swap.pml      -DADOPTERS=1 -DSCRUB_BYTES_FIRST
	short caught swap.pml      -DADOPTERS=1 -DNO_READER -DNO_SCAN
	short caught swap.pml      -DADOPTERS=1 -DNO_READER -DNO_OWNER2
	short caught swap.pml      -DADOPTERS=1 -DNO_READER -DNO_ANNOUNCE
	short caught swap.pml      -DADOPTERS=1 -DNO_READER -DNO_UNDO
	short caught swap.pml      -DADOPTERS=1 -DNO_READER -DNO_IDLE_UNDO
	short sound  two_slots.pml
	short sound  two_slots.pml -DONE_TRY
	short caught two_slots.pml -DNO_SLOT
	short caught two_slots.pml -DTORN_RECORD
	short caught two_slots.pml -DNO_SEQUENCE
	short caught two_slots.pml -DNO_CLEAR
	short caught two_slots.pml -DNO_MARK
	short sound  insert.pml    -DOPS=1
	short sound  insert.pml    -DADOPTERS=1
	short sound  insert.pml    -DOPS=1 -DADOPTERS=1 -DREADER
	short sound  insert.pml    -DOPS=1 -DBOTH_DIE
	short caught insert.pml    -DOPS=1 -DNO_MARK
	short caught insert.pml    -DOPS=1 -DNO_ANNOUNCE
	short caught insert.pml    -DOPS=1 -DLATE_ANNOUNCE
	short caught insert.pml    -DOPS=1 -DNO_COUNT
	short caught insert.pml    -DOPS=1 -DNO_UNDO
	short caught insert.pml    -DOPS=1 -DNO_EXTRA
	short caught insert.pml    -DOPS=1 -DUNCLAIMED
	short sound  reuse.pml
	short caught reuse.pml     -DNO_SLOT
	short sound  table.pml
	short sound  table.pml     -DOPS=1 -DTWINS
	short sound  table.pml     -DOPS=1 -DGETS=2
	short sound  table.pml     -DOPS=1 -DLOOSE -DNO_SETTLE
	short caught table.pml     -DOPS=1 -DLOOSE -DHASH_LATE
	short caught table.pml     -DOPS=1 -DLOOSE -DREACH_LATE
	short caught table.pml     -DOPS=1 -DLOOSE -DSHRINK_EARLY
	short caught table.pml     -DOPS=1 -DLOOSE -DSHRINK_BY_ONE
	short caught table.pml     -DOPS=1 -DLOOSE -DSTOP_AT_EMPTY
	short caught table.pml     -DOPS=1 -DLOOSE -DNO_KEY
	short caught table.pml     -DOPS=1 -DLOOSE -DNO_LOOK
	short caught table.pml     -DOPS=1 -DLOOSE -DUNCLAIMED
	short caught table.pml     -DOPS=1 -DNO_SETTLE
	short sound  lease.pml
	short caught lease.pml     -DNO_LEASE
	short caught lease.pml     -DNO_RING_SCRUB
	short caught lease.pml     -DEARLY_FLAG
	short lives  vacuum.pml    -DOPS=1
	short caught vacuum.pml    -DOPS=1 -DNO_TAKE_SCRUB
	short caught vacuum.pml    -DOPS=1 -DPOOL_FIRST
	short caught vacuum.pml    -DOPS=1 -DNO_LEASE_WAIT
	short caught vacuum.pml    -DOPS=1 -DEARLY_FLAG
	short caught vacuum.pml    -DOPS=1 -DSTALE_FLAG
	short caught vacuum.pml    -DOPS=1 -DNO_SLACK
	short caught vacuum.pml    -DOPS=1 -DLEN_LATE
	short caught vacuum.pml    -DOPS=1 -DNO_TIDY
	short lives  steal.pml
	short lives  steal.pml     -DTHREADS
	short caught steal.pml     -DNO_LOCK
	short caught steal.pml     -DNO_ASK
	short stuck  steal.pml     -DNO_FORGET
	short stuck  steal.pml     -DTHREADS -DNO_FORGET
	short caught steal.pml     -DTHREADS -DNO_MUTEX
	short lives  wait.pml
	short stuck  wait.pml      -DSLEEP_ON_WORD
	short stuck  wait.pml      -DBOOLEAN
	short stuck  wait.pml      -DNO_SECOND_LOOK
	short stuck  wait.pml      -DWAKE_FIRST
	short lives  wait.pml      -DWORDS=2
	short lives  wait.pml      -DWORDS=2 -DEACH_IN_TURN
	short stuck  wait.pml      -DWORDS=2 -DEACH_BEFORE
	short stuck  wait.pml      -DWORDS=2 -DNO_FIRST
	short lives  wait.pml      -DMANY=1
	short stuck  wait.pml      -DMANY=1 -DFEED_FIRST
	short stuck  wait.pml      -DMANY=2 -DWORDS=2 -DNO_SECOND_LOOK
	short lives  wait.pml      -DDEATHS -DTIMEOUTS
	short stuck  wait.pml      -DDEATHS
	short lives  wait.pml      -DDATA -DDEATHS -DTIMEOUTS
	short stuck  wait.pml      -DDATA -DDEATHS -DTIMEOUTS -DONLY_COUNTED
	short stuck  wait.pml      -DDATA -DCOUNT_FIRST
	short stuck  wait.pml      -DDATA -DLOAD_LATE
	short lives  wait.pml      -DONE_DIES
	short stuck  wait.pml      -DONE_DIES -DAPART
	short lives  wait.pml      -DCANCEL -DWRITERS=1
	short stuck  wait.pml      -DCANCEL -DWRITERS=1 -DEARLY_ASK
	short stuck  wait.pml      -DCANCEL -DWRITERS=1 -DLATE_LIST
	short stuck  wait.pml      -DCANCEL -DWRITERS=1 -DLATE_CANCEL
	short stuck  wait.pml      -DCANCEL -DWRITERS=1 -DNO_COUNT
	short lives  wait.pml      -DCANCEL -DWRITERS=1 -DNO_COUNT -DREPEAT
	short lives  wait.pml      -DALWAYS -DREADERS=1
	short stuck  wait.pml      -DALWAYS -DREADERS=1 -DONLY_ODD
	short stuck  wait.pml      -DALWAYS -DREADERS=1 -DLATE_COUNT
	short lives  feed.pml      -DMORTAL_CHANGES=1
	short lives  feed.pml      -DCHANGES=1 -DMORTAL=2 -DADOPTERS=2
	short lives  feed.pml      -DNO_REPAIR
	short lives  feed.pml      -DMORTAL_CHANGES=1 -DTAIL
	short stuck  feed.pml      -DNO_HELP
	short caught feed.pml      -DPLAIN_STORE
	short caught feed.pml      -DAPPEND_FIRST
	short caught feed.pml      -DNO_CATCH_UP
	short caught feed.pml      -DSLOT_FIRST
	short caught feed.pml      -DLATE_TAIL
	short caught feed.pml      -DTAIL_ALONE
	short caught feed.pml      -DTAIL -DNO_REPAIR
	short lives  feed.pml      -DMOVES -DMORTAL=0
	short lives  feed.pml      -DMORTAL_CHANGES=1 -DMOVES
	short lives  feed.pml      -DMOVES -DMORTAL=0 -DLATE
	short lives  feed.pml      -DMOVES -DMORTAL=0 -DBELIEVE
	short caught feed.pml      -DMOVES -DMORTAL=0 -DBELIEVE -DLATE
	short caught feed.pml      -DMORTAL_CHANGES=1 -DMOVES -DBELIEVE
	short caught feed.pml      -DMOVES -DMORTAL=0 -DSLOT_MEMORY
	short lives  ttl.pml       -DEND=1
	short caught ttl.pml       -DNO_VERSION
	short caught ttl.pml       -DNOTE_FIRST
	short caught ttl.pml       -DLATE_NOTE
	short caught ttl.pml       -DNO_REPAIR
	short caught ttl.pml       -DLATE_LOAD
	short caught ttl.pml       -DPLAIN_STORE
	short caught ttl.pml       -DBLIND
	short orders orders.py
	short orders test_rules.py
	long  orders orders.py     long
	long  sound  swap.pml
	long  sound  swap.pml      -DSETS=3 -DNO_READER
	long  sound  swap.pml      -DSETS=2 -DADOPTERS=1 -DVACUUM=1
	long  sound  swap.pml      -DBOTH_DIE -DADOPTERS=1
	long  sound  swap.pml      -DBOTH_DIE -DSETS=2 -DNO_READER
	long  sound  two_slots.pml -DSETS=3
	long  sound  two_slots.pml -DSETS=3 -DONE_TRY
	long  sound  insert.pml
	long  sound  insert.pml    -DOPS=3 -DADOPTERS=1
	long  sound  insert.pml    -DOPS=1 -DREADER
	long  sound  insert.pml    -DREADER -DADOPTERS=1
	long  sound  insert.pml    -DBOTH_DIE
	long  sound  reuse.pml     -DSETS=8
	long  sound  table.pml     -DTWINS
	long  sound  table.pml     -DGETS=2
	long  sound  table.pml     -DOPS=3 -DCAPACITY=3
	long  sound  table.pml     -DOPS=3 -DTWINS
	long  sound  vacuum.pml
	long  sound  vacuum.pml    -DOPS=3
	long  lives  steal.pml     -DROUNDS=6
	long  lives  wait.pml      -DWORDS=2 -DMANY=1
	long  lives  wait.pml      -DWAITERS=3
	long  lives  wait.pml      -DWRITERS=3
	long  lives  wait.pml      -DWORDS=2 -DMANY=1 -DDEATHS -DTIMEOUTS
	long  lives  wait.pml      -DDEATHS -DTIMEOUTS -DSPURIOUS
	long  lives  wait.pml      -DDATA
	long  lives  wait.pml      -DDATA -DWORDS=2 -DDEATHS -DTIMEOUTS
	long  lives  wait.pml      -DCANCEL
	long  lives  wait.pml      -DALWAYS -DREADERS=1 -DMANY=2
	long  lives  wait.pml      -DALWAYS -DREADERS=1 -DWORDS=2 -DDEATHS -DTIMEOUTS
	long  lives  feed.pml
	long  lives  feed.pml      -DMORTAL=2
	long  lives  feed.pml      -DADOPTERS=2
	long  lives  feed.pml      -DCHANGES=3 -DNO_REPAIR
	long  lives  feed.pml      -DCHANGES=3 -DLEN=3
	long  lives  feed.pml      -DWRITERS=3 -DCHANGES=1
	long  lives  feed.pml      -DWRITERS=3 -DCHANGES=1 -DLEN=3 -DMORTAL=3
	long  lives  feed.pml      -DMOVES
	long  lives  feed.pml      -DMOVES -DWRITERS=3 -DCHANGES=1
	long  lives  feed.pml      -DMOVES -DLATE
	long  lives  feed.pml      -DMOVES -DMORTAL=0 -DCHANGES=3
	long  lives  feed.pml      -DMOVES -DMORTAL=0 -DCHANGES=3 -DBELIEVE
	long  lives  ttl.pml
	long  lives  ttl.pml       -DROUNDS=2
	long  lives  ttl.pml       -DEND=1 -DRECLAIMERS=2
	END
}

case $what in
short)
	jobs=${JOBS:-2} memory=${MEMORY_MB:-1500} limit=300
	speed=-O0 # compiling takes longer than running
	;;
long)
	jobs=${JOBS:-1} memory=${MEMORY_MB:-5800} limit=3600 speed=-O2
	;;
list)
	cases
	exit 0
	;;
*)
	echo "usage: run.sh [short|long|list]" >&2
	exit 2
	;;
esac

for tool in spin "${CC:-gcc}" python3 timeout; do
	if ! command -v "$tool" >/dev/null; then
		echo "1..0 # SKIP $tool is not installed"
		exit 77
	fi
done

tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-model.XXXXXX") || exit 1
pids=()

# Each job kills its own child; see run().
clean() {
	trap - EXIT INT TERM HUP
	if ((${#pids[@]})); then
		kill "${pids[@]}" 2>/dev/null
		wait
	fi
	rm -rf "$tmp"
}
trap clean EXIT
trap 'clean; exit 130' INT
trap 'clean; exit 143' TERM HUP

# Run a command so that a signal to this subshell takes it along.
run() {
	timeout -k 5 "$limit" "$@" &
	child=$!
	wait "$child"
}

# verdict OUTPUT RC - "none", "assertion", "stuck", or why it does not count
verdict() {
	if grep -qE 'max search depth too small|out of memory|memory limit|vector too|too many' "$1"; then
		echo "the search was cut short"
	elif grep -q '^pan:1: assertion violated' "$1"; then
		echo assertion
	elif grep -q '^pan:1: invalid end state' "$1"; then
		echo stuck
	elif [ "$2" = 124 ]; then
		echo "killed after $limit s"
	elif grep -q 'errors: 0$' "$1" && ! grep -q 'not completed' "$1"; then
		echo none
	else
		echo "no result, see the output"
	fi
}

# check NUMBER EXPECTED MODEL DEFINITION... - leaves NUMBER.tap in $tmp
check() {
	local number=$1 expected=$2 model=$3
	shift 3
	local dir=$tmp/$number name="$model $*" ends=(-E) found states good
	child=
	# shellcheck disable=SC2317,SC2154 # called by the trap
	trap '[ -n "$child" ] && kill "$child" 2>/dev/null; exit 1' TERM
	mkdir "$dir" && cd "$dir" || exit 1

	local start=$SECONDS
	if [ "$expected" = orders ]; then
		run python3 "$here/$model" "$@" >out 2>&1
		good=$?
		states=$(awk '$1 == "ok" { n++ } END { print n + 0 }' out)
		found="$states cases as expected"
		[ "$good" = 0 ] || found="not as expected"
	else
		case $expected in lives | stuck) ends=() ;; esac
		cp "$here/$model" . &&
			run spin -a "$@" "$model" >out 2>&1 &&
			run "${CC:-gcc}" "$speed" -w -DSAFETY -DCOLLAPSE \
				-DMEMLIM="$memory" -o pan pan.c >>out 2>&1 &&
			run ./pan -m"$depth" -n "${ends[@]}" >>out 2>&1
		found=$(verdict out $?)
		states=$(awk '/states, stored/ { printf "%.0f", $1; exit }' out)
		case $expected:$found in
		sound:none | lives:none | caught:assertion | stuck:stuck)
			good=0
			;;
		*)
			good=1
			;;
		esac
		found="$found found, ${states:-0} states"
	fi
	{
		[ $good = 0 ] || printf 'not '
		echo "ok $number - ${name% }: $expected # $found, $((SECONDS - start)) s"
		[ $good = 0 ] || tail -n 30 out | sed 's/^/# /'
	} >"$tmp/$number.part"
	mv "$tmp/$number.part" "$tmp/$number.tap"
	rm -rf "$dir"
}

mapfile -t list < <(cases | awk -v want="$what" '$1 == want')
total=${#list[@]}
echo "1..$total"

shown=0 failed=0
# Print what is ready, in order.
show() {
	while ((shown < total)) && [ -e "$tmp/$((shown + 1)).tap" ]; do
		shown=$((shown + 1))
		cat "$tmp/$shown.tap"
		grep -q '^not ok' "$tmp/$shown.tap" && failed=$((failed + 1))
	done
}

reap() {
	local still=() pid
	wait -n
	for pid in "${pids[@]}"; do
		kill -0 "$pid" 2>/dev/null && still+=("$pid")
	done
	pids=("${still[@]+"${still[@]}"}")
	show
}

for i in "${!list[@]}"; do
	while ((${#pids[@]} >= jobs)); do
		reap
	done
	read -r _ expected model definitions <<<"${list[i]}"
	read -ra options <<<"$definitions"
	(check $((i + 1)) "$expected" "$model" "${options[@]+"${options[@]}"}") &
	pids+=($!)
done
while ((${#pids[@]})); do
	reap
done

if ((shown < total || failed)); then
	echo "# $failed not as expected, $((total - shown)) without a result"
	exit 1
fi
