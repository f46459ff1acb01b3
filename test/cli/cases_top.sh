# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_top.sh - top, printed; at_top.py has what it draws.

start_top() { # WORD...
	: >"$tmp/watch.out"
	: >"$tmp/watch.err"
	"$bin" -u "$s" top "$@" >"$tmp/watch.out" 2>"$tmp/watch.err" \
		</dev/null &
	watcher=$!
}

# What jq says is so.
holds() { jq -e "$@" >/dev/null; }

# Something of what was printed is so: a line of jq's. The last line may not
# be whole yet.
is_seen() { # CONDITION
	grep '}$' "$tmp/watch.out" | jq -ne "first(inputs | select($1))" \
		>/dev/null 2>&1
}

test_top() {
	local field before
	on set top 'some value'
	on top --interval 10
	expect_like "top prints one block where no terminal is" 0 \
		"$s: $kind, auto-vacuum *, over *s
changes 0/s, * ever *keys 1 of *, * free*nobody waits*memory *, * reserved*writers 0 of *ring holds * changes*values up to *repairs *parse failures *no key has changed yet" ''
	check "of at most 80 columns" eval \
		"! sed 1d '$tmp/out' | grep -qE '.{81}'"
	on top --interval 10ms --count 3
	check "top --count says how many" \
		test "$(grep -c '^changes ' "$tmp/out")" = 3
	on top --interval 10 --count 3 --json
	check "top --json prints an object for each" \
		test "$(jq -r .store "$tmp/out" | grep -cxF "$s")" = 3
	before=$EPOCHREALTIME
	on top --interval 10 --json
	check "the time it says has passed is what has" holds \
		"(.elapsed_s >= 0.01) and .elapsed_s <= $EPOCHREALTIME - $before" \
		"$tmp/out"
	on config --json
	cp "$tmp/out" "$tmp/config"
	on top --interval 10 --json
	for field in slots keys size reserved_size auto_vacuum epoch repairs \
		parse_failures last_failure_epoch writers; do
		check "top --json has config's $field" test \
			"$(jq ".$field" "$tmp/out")" = \
			"$(jq ".$field" "$tmp/config")"
	done
	check "top --json has numbers" holds '
		([.slots, .keys, .free, .max_value, .size, .reserved_size,
		.elapsed_s, .epoch, .changes_per_second, .feed_len, .missed,
		.missed_ever, .waited_keys, .ttl_keys, .waited_new,
		.waited_any, .wake_always, .writers_owned] |
		all(type == "number")) and (.kind | type == "string") and
		.free == .slots - .keys and .elapsed_s > 0 and
		.changes_per_second == 0 and .hot_keys == [] and .owners == []
		' "$tmp/out"
	on unset top
}

test_top_words() {
	local bad
	for bad in soon -1 '' 1.5s; do
		on top --interval "$bad"
		says "top refuses the interval '$bad'" 2 \
			"top: '$bad' is no interval: give a whole number of milliseconds, or one with ms, s, m, h or d, such as 500 or 2s"
	done
	for bad in 0 9ms 25h; do
		on top --interval "$bad"
		says "top refuses the interval '$bad'" 2 \
			"top: the interval '$bad' cannot be used: give 10ms to 24h"
	done
	for bad in 0 -1 many '' 1.5 4294967296; do
		on top --count "$bad"
		says "top refuses the count '$bad'" 2 \
			"top: '$bad' is no count: give a whole number from 1 to 4294967295, or one with K, M or G"
	done
	on top key
	says "top takes no words" 2 \
		"top: too many words: write '$prog top [--count COUNT] [--interval TIME]'"
	run -u "$s-none" top
	expect_like "top needs a store that is there" 1 '' "*no store '$s-none'*"
}

test_top_counts() {
	on set hot 0
	on set warm 0
	start_top --json --count 100K --interval 10
	wait_until has_output
	{
		repeat x 300 | sed 's/x/set hot 1\n/g'
		repeat x 100 | sed 's/x/set warm 22\n/g'
	} | "$bin" -n -u "$s"
	wait_until is_seen '.hot_keys | any(.key == "warm" and .total >= 100)'
	kill -TERM "$watcher"
	finish_watch
	grep '}$' "$tmp/out" >"$tmp/lines"
	on head --json hot
	cp "$tmp/out" "$tmp/head"
	check "top counts every set once" holds -n '
		[inputs.hot_keys[]] | map(select(.key == "hot").sets) |
		add == 300' "$tmp/lines"
	check "and says how many there were" holds -s --argjson epoch \
		"$(jq .epoch "$tmp/head")" '
		last.hot_keys | map({(.key): .}) | add |
		.hot.total == 300 and .hot.epoch == $epoch and
		.hot.length == 1 and .warm.total == 100 and
		.warm.length == 2' "$tmp/lines"
	check "changes a second are those of the store's epoch" holds -s '
		. as $all | [range(1; length) | $all[.] as $now |
		$all[. - 1] as $before |
		($now.changes_per_second * $now.elapsed_s -
		($now.epoch - $before.epoch)) | fabs < 0.1] |
		length > 0 and all' "$tmp/lines"
	check "the hottest key comes first" holds -s '
		all([.hot_keys[].sets] | . == (sort | reverse))' "$tmp/lines"
	on unset hot
	on unset warm
}

# Too many keys to be walked over in a tenth of 10 ms.
test_top_many_keys() {
	local s=$s-many
	run init "$s" 32K 16
	seq 20000 | sed 's/.*/set key& value/' | "$bin" -n -u "$s"
	on set --ttl 1h key777 value
	start_top --json --count 100K --interval 10
	wait_until is_seen '.ttl_keys == 1 and .waited_keys == 0'
	kill -TERM "$watcher"
	finish_watch
	expect_like "top counts many keys, at its leisure" 143 \
		'*"ttl_keys":1,"counted_ms_ago":*' ''
	run destroy "$s"
}

test_top_writer() {
	local pid
	mkfifo "$tmp/lines-to-come"
	"$bin" -n -u "$s" <"$tmp/lines-to-come" >"$tmp/other.out" 2>&1 &
	pid=$!
	exec {lines}>"$tmp/lines-to-come"
	echo 'set written 1' >&"$lines"
	start_top --json --count 100K --interval 10
	wait_until is_seen ".owners | any(.pid == $pid and .writes > 0)"
	check "top shows who writes, since when and under which name" \
		is_seen ".writers_owned == 1 and (.owners | any(.pid == $pid and
		.age_ms >= 0 and .entry == 0 and .dead == 0 and .busy == 0 and
		.claim == 0 and .command == \"$prog\"[:15]))"
	{
		kill -KILL "$pid"
		wait "$pid"
	} 2>/dev/null
	exec {lines}>&-
	wait_until is_seen ".owners | any(.pid == $pid and .dead == 1)"
	kill -TERM "$watcher"
	finish_watch
	check "and who is dead" is_seen \
		".owners | any(.pid == $pid and .dead == 1)"
	rm "$tmp/lines-to-come"
	on unset written
}

test_top_ends() {
	local s=$s-gone
	run init "$s" 8 64
	start_top --count 100K --interval 10
	wait_until has_output
	run destroy "$s"
	wait_until ended || kill -KILL "$watcher"
	finish_watch
	expect_like "top ends when its store is removed" 1 '?*' \
		"$prog: top: store '$s' was removed: look again once there is a new one"
	s=${s%-gone}
	start_top --count 100K --interval 10
	wait_until has_output
	kill -TERM "$watcher"
	finish_watch
	expect_like "SIGTERM ends it" 143 '?*' ''
	# A shell's background ignores SIGINT, and that is inherited.
	: >"$tmp/watch.out"
	env --default-signal=INT "$bin" -u "$s" top --count 100K \
		--interval 10 >"$tmp/watch.out" 2>"$tmp/watch.err" \
		</dev/null &
	watcher=$!
	wait_until has_output
	kill -INT "$watcher"
	finish_watch
	expect_like "Ctrl-C ends it, as it should" 0 '?*' ''
	{
		timeout -k 5 60 "$bin" -u "$s" top --count 100K \
			--interval 10 2>"$tmp/err" </dev/null
		echo $? >"$tmp/status"
	} | head -n 1 >"$tmp/out"
	rc=$(<"$tmp/status")
	expect_like "it ends when nobody reads its output" 141 "$s: $kind*" ''
	{
		timeout -k 5 60 "$bin" -u "$s" top --count 2 \
			--interval 24h 2>"$tmp/err" </dev/null
		echo $? >"$tmp/status"
	} | :
	rc=$(<"$tmp/status")
	expect_like "also while there is none" 141 '*' ''
	timeout -k 5 60 "$bin" -u "$s" top --count 100K --interval 10 \
		>/dev/full 2>"$tmp/err" </dev/null
	rc=$?
	: >"$tmp/out"
	expect_like "or when it cannot be written" 1 '' \
		"$prog: cannot write to standard output: *"
}

test_top_read_only() {
	limited --version
	if [[ $rc != 0 ]] || ((EUID)); then
		skip "top without permission to write" \
			"cannot run $prog as another user"
		return
	fi
	chmod 644 "$path"
	limited -u "$s" --any-owner top --interval 10 --json
	check "top works without permission to write" \
		holds ".store == \"$s\" and (.owners | type == \"array\")" \
		"$tmp/out"
	chmod 600 "$path"
}

test_top_at_terminal() {
	local line python=/usr/bin/python3
	if ! "$python" -c 'import pyte' 2>/dev/null; then
		skip "top at a terminal" "needs python3-pyte"
		return
	fi
	"$python" "$here/at_top.py" "$bindir" "$kind" >"$tmp/top.tap" 2>&1 ||
		sed 's/^/# /' "$tmp/top.tap"
	while read -r line; do
		case $line in
		"ok "*) pass "${line#*: top: }" ;;
		"not ok "*) fail "${line#*: top: }" ;;
		esac
	done <"$tmp/top.tap"
	check "all of top at a terminal was tried" grep -q '^1\.\.[1-9]' \
		"$tmp/top.tap"
}
