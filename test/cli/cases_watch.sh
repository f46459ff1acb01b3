# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_watch.sh - watch, beside writers and at a terminal.

# --- watch ------------------------------------------------------

start_watch() { # WORD...
	: >"$tmp/watch.out"
	: >"$tmp/watch.err"
	"$bin" -u "$s" watch "$@" >"$tmp/watch.out" 2>"$tmp/watch.err" \
		</dev/null &
	watcher=$!
}

# Sets the key to 1, 2, 3 ... until a condition holds; false after too many.
set_until() { # KEY CONDITION...
	local key=$1 i=0
	shift
	until "$@"; do
		((++i < 500)) || return 1
		"$bin" -u "$s" set "$key" $i || return 1
		moment
	done
}

wait_until() { # CONDITION...
	local i=0
	until "$@"; do
		((++i < 1500)) || return 1
		moment
	done
}

ended() { ! kill -0 "$watcher" 2>/dev/null; }

has_output() { test -s "$tmp/watch.out"; }

has_two_lines() { (($(wc -l <"$tmp/watch.out") >= 2)); }

has_message() { test -s "$tmp/watch.err"; }

finish_watch() { # leaves $rc, out and err as exec_into does
	wait "$watcher"
	rc=$?
	watcher=
	cp "$tmp/watch.out" "$tmp/out"
	cp "$tmp/watch.err" "$tmp/err"
}

test_watch_oneshot() {
	start_watch --oneshot absent
	set_until absent ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch --oneshot waits for a key to be created" 0 \
		'[1-9]:[1-9]*([0-9])' ''
	check "and prints one value" test "$(wc -l <"$tmp/out")" = 1
	start_watch --oneshot absent
	set_until absent ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch --oneshot waits for a key to change" 0 '[1-9]:?*' ''
	on unset absent
}

test_watch_timeout() {
	local bad
	on watch --timeout 20 absent
	expect "a timeout ends watch" 0 '' ''
	on watch --timeout=20ms --oneshot absent
	says "and watch --oneshot, which has not seen anything" 1 \
		"watch: key 'absent' did not change within 20 ms: try again, or give it more time"
	on watch --timeout 0 absent
	expect "a timeout of nothing only looks" 0 '' ''
	start_watch --oneshot --timeout 10m absent
	set_until absent ended || kill -KILL "$watcher"
	finish_watch
	expect_like "a timeout does not delay" 0 '[1-9]:[1-9]*([0-9])' ''
	on unset absent
	on set since 1
	on watch --oneshot --since 0 since
	expect "watch --since misses no change" 0 '1:1' ''
	on head --json since
	on watch --oneshot --timeout 20 --since "$(jq .epoch "$tmp/out")" since
	expect_like "and sees none that was seen" 1 '' '*did not change*'
	on unset since
	on watch --oneshot --since 2 since
	expect "nor a removal" 0 '' "watch: key 'since' was removed"
	on watch --since last since
	expect_like "watch refuses what is no epoch" 2 '' \
		"$prog: watch: 'last' is no epoch: *"
	for bad in soon -1 1d '' 5.5s 99999999999999999999; do
		on watch --timeout "$bad" absent
		says "watch refuses the time '$bad'" 2 \
			"watch: '$bad' is no time: give a whole number of milliseconds, or one with ms, s, m or h, such as 500 or 2s"
	done
}

# Each value once, in the order they were set, and no other line.
in_order() {
	sed -E 's/^[1-9]:([1-9][0-9]*)$/\1/' "$tmp/out" >"$tmp/numbers"
	grep -qE '[^0-9]' "$tmp/numbers" && return 1
	sort -nuc "$tmp/numbers"
}

set_and_unset_until_ended() {
	on set seen v
	on unset seen
	ended
}

test_watch() {
	on set seen before
	start_watch seen
	set_until seen has_two_lines
	kill -TERM "$watcher"
	finish_watch
	expect_like "watch goes on until it is ended" 143 '?:*' ''
	check "watch prints each change once" in_order
	start_watch seen
	set_until seen has_output
	on unset seen
	wait_until has_message
	set_until seen has_two_lines
	kill -TERM "$watcher"
	finish_watch
	expect_like "watch says when the key is removed" 143 '?:*' \
		"watch: key 'seen' was removed"
	start_watch --oneshot seen
	wait_until set_and_unset_until_ended || kill -KILL "$watcher"
	finish_watch
	expect_like "a removal ends watch --oneshot too" 0 '*' \
		"?(watch: key 'seen' was removed)"
}

test_watch_destroyed() {
	local s=$s-gone
	run init "$s"
	start_watch key
	set_until key has_output
	run destroy "$s"
	wait_until ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch ends when its store is removed" 1 '?:*' \
		"$prog: watch: store '$s' was removed: watch again once there is a new one"
}

test_watch_shortened() {
	local s=$s-short
	run init "$s" 8 64
	start_watch key
	set_until key has_output
	truncate -s 4096 "$path-short"
	wait_until ended || kill -KILL "$watcher"
	finish_watch
	expect_like "a store that is shortened under it" 1 '?:*' \
		"the store's file became shorter while it was in use, *"
	rm -f "$path-short"
}

test_watch_read_only() {
	limited --version
	if [[ $rc != 0 ]]; then
		skip "watch without permission to write" \
			"cannot run $prog as another user"
		return
	fi
	if ((EUID)); then
		skip "watch without permission to write" "needs root"
		return
	fi
	chmod 644 "$path"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$tmp/bin/$prog" -u "$s" watch --oneshot seen \
		>"$tmp/watch.out" 2>"$tmp/watch.err" </dev/null &
	watcher=$!
	set_until seen ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch works without permission to write" 0 '?:?*' ''
	chmod 600 "$path"
}

test_watch_output() {
	"$bin" -u "$s" watch seen >/dev/full 2>"$tmp/watch.err" </dev/null &
	watcher=$!
	: >"$tmp/watch.out"
	set_until seen ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch ends when its output cannot be written" 1 '' \
		"$prog: cannot write to standard output: *"
}

test_watch_interrupted() {
	on unset absent
	env --default-signal=INT "$bin" -u "$s" watch --oneshot --json absent \
		</dev/null >"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	# It waits once it has caught SIGINT: the second of 64 bits.
	wait_until eval '(($(sed -n "s/^SigCgt:\t/0x/p" "/proc/$watcher/status") & 2))'
	kill -INT "$watcher"
	finish_watch
	expect "SIGINT ends watch --oneshot, which has seen nothing" 130 '' ''
	env --default-signal=INT "$bin" -u "$s" watch absent \
		</dev/null >"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	wait_until eval '(($(sed -n "s/^SigCgt:\t/0x/p" "/proc/$watcher/status") & 2))'
	kill -INT "$watcher"
	finish_watch
	expect "and watch, as it should" 0 '' ''
	printf 'watch absent\nset absent 1\n' >"$tmp/script"
	env --default-signal=INT "$bin" -n -u "$s" <"$tmp/script" \
		>"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	wait_until eval '(($(sed -n "s/^SigCgt:\t/0x/p" "/proc/$watcher/status") & 2))'
	kill -INT "$watcher"
	finish_watch
	expect "and a script that waits" 130 '' ''
	on get absent
	expect_like "of which nothing more is run" 1 '' '*no key*'
}

test_watch_unread() {
	"$bin" -u "$s" watch quiet 2>"$tmp/watch.err" </dev/null | : &
	wait $!
	pass "watch ends when nobody reads its output, without a change"
}

test_terminal() {
	local scenario name
	if ! command -v python3 >/dev/null; then
		skip "watch at a terminal" "needs python3"
		return
	fi
	while read -r scenario name; do
		exec_into python3 "$here/at_terminal.py" "$scenario" "$bin" "$s" \
			key
		expect "watch at a terminal: $name" 0 '' ''
	done <<-'END'
		stop-key Ctrl-] ends it
		interrupt Ctrl-C ends it
		terminate SIGTERM kills it, the terminal is restored
		hang-up SIGHUP kills it, the terminal is restored
		suspend Ctrl-Z stops it, and it can go on
		closed-pipe SIGPIPE kills it, the terminal is restored
		background it leaves another's terminal alone
	END
}
