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
	for bad in soon -1 1w '' 5.5s 99999999999999999999; do
		on watch --timeout "$bad" absent
		says "watch refuses the time '$bad'" 2 \
			"watch: '$bad' is no time: give a whole number of milliseconds, or one with ms, s, m, h or d, such as 500 or 2s"
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
	on unset seen
}

# It waits once it has caught SIGINT, the second of 64 bits; but so had the
# shell that became it.
catches_interrupt() {
	[[ $(<"/proc/$watcher/comm") == "$prog" ]] &&
		(($(sed -n 's/^SigCgt:\t/0x/p' "/proc/$watcher/status") & 2))
}

test_watch_interrupted() {
	on unset absent
	env --default-signal=INT "$bin" -u "$s" watch --oneshot --json absent \
		</dev/null >"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	wait_until catches_interrupt
	kill -INT "$watcher"
	finish_watch
	expect "SIGINT ends watch --oneshot, which has seen nothing" 130 '' ''
	env --default-signal=INT "$bin" -u "$s" watch absent \
		</dev/null >"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	wait_until catches_interrupt
	kill -INT "$watcher"
	finish_watch
	expect "and watch, as it should" 0 '' ''
	printf 'watch absent\nset absent 1\n' >"$tmp/script"
	env --default-signal=INT "$bin" -n -u "$s" <"$tmp/script" \
		>"$tmp/watch.out" 2>"$tmp/watch.err" &
	watcher=$!
	wait_until catches_interrupt
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

# A store of its own, and its sequence as it stands.
fresh() { # NAME
	s=$s-$1
	run init "$s" "${@:2}"
}

sequence() { "$bin" --json -u "$s" config epoch | jq .epoch; }

has_lines() { (($(wc -l <"$tmp/watch.out") >= $1)); }

says_in_passing() { grep -qF -- "$1" "$tmp/watch.err"; }

prints() { grep -qF -- "$1" "$tmp/watch.out"; }

# What is there already, then it has begun for sure.
watch_from_now() { # WORD...
	start_watch --json --from-snapshot "$@"
	wait_until prints '"synced"'
}

end_watch() {
	kill -TERM "$watcher"
	finish_watch
}

# What a finished watch has printed, as an array.
output_holds() { # JQ-PROGRAM
	jq -es "$1" "$tmp/out" >/dev/null
}

# Its events, one a line.
events() { # JQ-PROGRAM
	jq -r "select(.event != \"synced\") | $1" "$tmp/out"
}

is_stopped() { # PID
	[[ $(<"/proc/$1/stat") == *") T "* ]]
}

test_watch_words() {
	local word
	on watch '^('
	expect_like "watch refuses what is no pattern" 2 '' \
		"$prog: watch: '^(' is no regular expression, *"
	on watch --pattern '(' key
	expect_like "as --pattern too" 2 '' \
		"$prog: watch: '(' is no regular expression, *"
	on watch '^(a)\1$' '^(b)\1$'
	says "and a second one that refers back" 2 \
		"watch: the pattern '^(b)\\1\$' refers back to a part of itself, which only the first pattern may: give it alone"
	on watch --timeout 0 '^(a)\1$' b
	expect "one may" 0 '' ''
	for word in "key other" "^key" "--pattern key" "--pattern k key"; do
		# shellcheck disable=SC2086 # several words
		on watch --since 2 $word
		says "watch --since 2 $word" 2 \
			"watch: --since is the epoch of one key: give just that key, or --from SEQUENCE for several"
	done
	for word in "--since 0 --from 0" "--from 0 --from-snapshot" \
		"--from-snapshot --since 0"; do
		# shellcheck disable=SC2086 # several words
		on watch $word key
		says "watch $word" 2 \
			"watch: --since, --from and --from-snapshot each say where to begin: give one of them"
	done
	on watch --from now key
	expect_like "watch refuses what is no sequence" 2 '' \
		"$prog: watch: 'now' is no sequence: *"
	on watch one "$(repeat k 64)" two
	says "watch: one of several keys is too long" 1 \
		"watch: key '$(repeat k 64)' is too long, 64 bytes: use at most 63 bytes"
	on watch one '' two
	says "watch: one of several keys is empty" 1 \
		"watch: a key cannot be empty: give 1 to 63 bytes"
	# shellcheck disable=SC2046 # as many words
	on watch $(seq 10000)
	says "watch: more keys than a pattern can have" 1 \
		"watch: these are too many keys and patterns for one watch: give a pattern that matches all of them, or fewer"
	on watch --oneshot --timeout 0 one two
	says "watch of several keys that do not change" 1 \
		"watch: no key that matches changed within 0 ms: try again, or give it more time"
}

test_watch_keys() {
	local s=$s
	fresh keys
	on set a.1 one
	start_watch --from-snapshot a.1 a.2
	wait_until has_output
	on set ax1 not
	on set a.11 not
	on set a.2 two
	on set a.1 three
	wait_until has_lines 3
	on unset a.2
	wait_until has_message
	end_watch
	expect "watch of several keys names each" 143 \
		$'a.1: 3:one\na.2: 3:two\na.1: 5:three' \
		"watch: key 'a.2' was removed"
	start_watch --from-snapshot '^a\.'
	wait_until has_lines 2
	on set b 1
	on set a.3 1
	wait_until has_lines 3
	end_watch
	sort "$tmp/watch.out" >"$tmp/out"
	expect "watch of a pattern" 143 \
		$'a.11: 3:not\na.1: 5:three\na.3: 1:1' ''
	on watch --timeout 0 --from-snapshot --pattern '1$' b '^a\.3'
	sort -o "$tmp/out" "$tmp/out"
	expect "watch of keys and patterns" 0 \
		$'a.11: 3:not\na.1: 5:three\na.3: 1:1\nax1: 3:not\nb: 1:1' ''
	on watch --oneshot --from-snapshot b a.3
	sort -o "$tmp/out" "$tmp/out"
	expect "watch --oneshot --from-snapshot ends with what is there" 0 \
		$'a.3: 1:1\nb: 1:1' ''
	on watch --oneshot --from-snapshot none
	expect "also if that is nothing" 0 '' ''
	on watch --timeout 0 --from-snapshot b
	expect "of one key, its value alone" 0 1:1 ''
	start_watch --oneshot b a.3
	set_until a.3 ended || kill -KILL "$watcher"
	finish_watch
	expect_like "watch --oneshot of several ends after one change" 0 \
		'a.3: [1-9]:[1-9]*([0-9])' ''
	run destroy "$s"
}

# Names that mean something to a pattern, or nothing to a character set.
test_watch_names_of_keys() {
	local s=$s key shown
	fresh names
	for key in '.*' '[x]' 'a|b' 'a+' '(a' 'a{1}' '$a^' "\\" $'two\nlines' \
		$'\xff\xfe' $'\xc3\xa4'; do
		on set "$key" v
		on set other v
		exec_into env LC_ALL=C.UTF-8 "$bin" -u "$s" watch \
			--from-snapshot --oneshot "$key" none
		shown=${key//$'\n'/'\n'}
		shown=${shown//$'\xff\xfe'/'\xff\xfe'}
		expect "watch of '${key@Q}' and another" 0 "$shown: 1:v" ''
		on unset "$key"
	done
	on set $'\e[2Jk' v
	watch_from_now "^"
	on unset $'\e[2Jk'
	wait_until prints '"unset"'
	end_watch
	start_watch --from-snapshot '^' none
	wait_until has_output
	on unset other
	on set other $'\xff'
	on set $'\e[2Jk' v
	wait_until prints '2Jk: 1:v'
	on ttl $'\e[2Jk' 1
	wait_until says_in_passing expired
	end_watch
	expect_like "nothing in notes controls a terminal" 143 '*' \
		"*key '\\\\x1b\\[2Jk' expired"
	run destroy "$s"
}

test_watch_prefix() {
	local s=$s
	fresh prefix
	on set ns.one 1
	on set ns.two 2
	on set one 3
	on set ns. 4
	on --prefix ns. watch --timeout 0 --from-snapshot one
	expect "watch in a namespace" 0 1:1 ''
	on --prefix ns. watch --timeout 0 --from-snapshot '^o'
	expect "where patterns are for keys without it" 0 'one: 1:1' ''
	on --prefix ns. watch --timeout 0 --from-snapshot ^ns
	expect "and not for the whole" 0 '' ''
	on --prefix ns. watch --timeout 0 --from-snapshot one two
	sort -o "$tmp/out" "$tmp/out"
	expect "several keys too" 0 $'one: 1:1\ntwo: 1:2' ''
	on --prefix ns. watch --timeout 0 --from-snapshot ^
	sort -o "$tmp/out" "$tmp/out"
	expect "and all of it" 0 $'one: 1:1\ntwo: 1:2' ''
	on --prefix ns. watch ''
	says "where an empty key stays one" 1 \
		"watch: a key cannot be empty: give 1 to 63 bytes"
	on --prefix ns. watch one "$(repeat k 61)"
	says "and the whole has to fit" 1 \
		"watch: key 'ns.$(repeat k 61)' is too long, 64 bytes: use at most 63 bytes"
	run destroy "$s"
}

test_watch_json() {
	local s=$s value
	if ! command -v jq >/dev/null; then
		skip "watch --json" "needs jq"
		return
	fi
	fresh json
	on set there v
	watch_from_now there new bytes
	on set there changed
	wait_until prints changed
	on set new 1
	wait_until prints created
	on unset there
	wait_until prints unset
	printf '\xff\x00' | "$bin" -u "$s" set bytes -
	wait_until prints base64
	end_watch
	check "watch --json prints an object for each event" test "$(jq -c '[.event, .key, .value]' "$tmp/out")" = \
		'["present","there","v"]
["synced",null,null]
["changed","there","changed"]
["created","new","1"]
["unset","there",null]
["created","bytes","/wA="]'
	check "with epochs and lengths" output_holds \
		'map(select(.event != "synced")) |
			map(.epoch)[:4] == [2, 4, 2, 4]
			and map(.length) == [1, 7, 1, 7, 2]'
	check "with sequences" output_holds 'map(.sequence) == [1, 1, 2, 3, 4, 5]'
	check "and members in this order" output_holds '.[2] | keys_unsorted ==
		["key", "event", "epoch", "sequence", "length", "value"]'
	watch_from_now new
	kill -STOP "$watcher"
	wait_until is_stopped "$watcher"
	for value in 2 3 4; do on set new $value; done
	kill -CONT "$watcher"
	wait_until prints '"4"'
	end_watch
	check "changes told as one are counted" output_holds \
		'length == 3 and .[2].changes == 3'
	on set new 1
	on watch --json --oneshot --since 0 new
	check "watch --since tells a change" output_holds \
		'length == 1 and .[0].event == "changed" and .[0].value == "1"'
	on watch --json --oneshot --since 2 none
	check "and a removal" output_holds \
		'length == 1 and .[0].event == "unset" and .[0].key == "none"'
	run destroy "$s"
}

# Each answer is set only when the pipeline has shown the one before.
test_watch_pipeline() {
	local s=$s i
	if ! command -v jq >/dev/null; then
		skip "a pipeline with watch" "needs jq"
		return
	fi
	fresh pipe
	: >"$tmp/watch.out"
	"$bin" -u "$s" watch --json --from-snapshot '^job/' </dev/null \
		2>"$tmp/watch.err" |
		jq --unbuffered -r '"\(.event) \(.key) \(.value)"' \
			>"$tmp/watch.out" &
	watcher=$!
	wait_until prints synced
	for i in 1 2 3; do
		on set job/$i "value $i"
		wait_until prints "created job/$i value $i" || break
	done
	on unset job/2
	wait_until prints "unset job/2 null"
	check "a pipeline sees each change while it runs" \
		test "$(wc -l <"$tmp/watch.out")" = 5
	run destroy "$s"
	wait_until ended || kill -KILL "$watcher"
	wait "$watcher"
	watcher=
	pass "and ends with the store"
}

# A script that waits for a key, and goes on without it when it takes long.
test_watch_waits() {
	local s=$s
	fresh waits
	cat >"$tmp/waiter" <<-'END'
		if "$1" -u "$2" watch --oneshot --since 0 --timeout "$3" ready
		then echo "it is ready"
		else echo "it is late"
		fi
	END
	exec_into bash "$tmp/waiter" "$bin" "$s" 50
	expect_like "a script waits for a key, and no longer than it wants" 0 \
		'it is late' '*did not change within 50 ms: *'
	: >"$tmp/watch.err"
	bash "$tmp/waiter" "$bin" "$s" 10m >"$tmp/watch.out" \
		2>"$tmp/watch.err" </dev/null &
	watcher=$!
	on set ready yes
	wait_until ended || kill -KILL "$watcher"
	finish_watch
	expect "whether it is there before or after" 0 \
		$'3:yes\nit is ready' ''
	run destroy "$s"
}

test_watch_from() {
	local s=$s from i
	if ! command -v jq >/dev/null; then
		skip "watch --from" "needs jq"
		return
	fi
	fresh from
	on set a 1
	on set b 1
	on watch --json --oneshot --from-snapshot ^
	from=$(jq -s '.[-1].sequence' "$tmp/out")
	check "the snapshot ends with the store's sequence" \
		test "$from" = "$(sequence)"
	on set a 2
	on set c 1
	on set b 2
	on watch --json --timeout 0 --from "$from" ^
	check "watch --from tells what was after it, in order" \
		test "$(events '.key + "=" + .value' | xargs)" = 'a=2 c=1 b=2'
	check "each with its sequence" test "$(events .sequence | xargs)" = \
		"$((from + 1)) $((from + 2)) $((from + 3))"
	on watch --timeout 0 --from "$((from + 1))" ^
	expect "from anywhere" 0 $'c: 1:1\nb: 1:2' ''
	on watch --oneshot --from "$from" b
	expect "and of one key" 0 1:2 ''
	on set gone 1
	on unset gone
	on watch --timeout 0 --from "$((from + 3))" gone
	expect "also that it was removed" 0 '' "watch: key 'gone' was removed"
	on watch --timeout 0 --from "$((from + 3))" ^
	expect_like "but nobody knows what went before" 0 '' \
		'watch: [12] earlier change?(s) cannot be told any more'
	from=$((from + 2))
	on watch --timeout 0 --from "$((from + 3))" ^
	expect "from the end nothing" 0 '' ''
	on watch --from "$((from + 4))" ^
	says "but not from what is still to come" 1 \
		"watch: sequence $((from + 4)) is still to come, store '$s' has come to $((from + 3)): give one that a watch of this store has printed"
	seq -f 'set many/%g v' 300 >"$tmp/script"
	"$bin" -n -u "$s" <"$tmp/script"
	on watch --json --timeout 0 --from "$((from + 3))" ^
	check "no time is enough for all that was there before" \
		output_holds 'length == 300'
	for ((i = 0; i < 20; i++)); do "$bin" -n -u "$s" <"$tmp/script"; done
	on watch --json --timeout 0 --from 0 ^
	check "nor for what has to be told anew, to its end" \
		output_holds '.[0].event == "missed" and
			.[-1].event == "synced" and length > 300'
	from=$((from + 6300))
	# One watch ends, the next takes over.
	start_watch --json --oneshot --from "$((from + 3))" ^
	on set a 3
	wait_until ended || kill -KILL "$watcher"
	finish_watch
	from=$(jq .sequence "$tmp/out")
	on set a 4
	on set d 1
	on watch --json --oneshot --from "$from" ^
	check "a chain of watches loses nothing" \
		test "$(events '.key + "=" + .value')" = a=4
	on watch --json --timeout 0 --from "$(jq .sequence "$tmp/out")" ^
	check "and sees nothing twice" \
		test "$(events '.key + "=" + .value')" = d=1
	run destroy "$s"
}

# A reader that stands still while more is set than the store remembers.
test_watch_missed() {
	local s=$s sets=200000 missed
	if ! command -v jq >/dev/null; then
		skip "a watch that is too slow" "needs jq"
		return
	fi
	fresh missed
	seq $sets | awk '{ print "set k" $1 % 10, $1 }' >"$tmp/script"
	on set before 1
	watch_from_now ^
	start_text_watch
	kill -STOP "$watcher" "$text_watcher"
	wait_until is_stopped "$watcher"
	wait_until is_stopped "$text_watcher"
	"$bin" -n -u "$s" <"$tmp/script"
	kill -CONT "$watcher" "$text_watcher"
	wait_until caught_up $sets
	end_watch
	missed=$(jq -s 'map(select(.event == "missed") | .changes) | add' \
		"$tmp/out")
	check "a watch that is too slow says how many it missed" \
		test "${missed:-0}" -gt 0
	# What follows up to "synced" is what those led to.
	check "and with what it tells that is every change" output_holds '
		reduce .[2:][] as $e ({};
			if $e.event == "missed"
			then .sum += $e.changes | .after = true
			elif $e.event == "synced" then .after = false
			elif .after then . else .sum += ($e.changes // 1) end)
		| .sum == '$sets
	check "each key ends as it is" test \
		"$(jq -sr 'map(select(.value)) | group_by(.key)
			| map(.[-1] | .key + "=" + .value) | .[]' \
			"$tmp/out")" = "$(on_all)"
	wait_until grep -q "$sets" "$tmp/text.out"
	kill -TERM "$text_watcher"
	wait "$text_watcher"
	rc=$?
	cp "$tmp/text.out" "$tmp/out"
	cp "$tmp/text.err" "$tmp/err"
	expect_like "as text it is a note" 143 "*: 6:$sets*" \
		'watch: +([0-9]) changes came faster than they were printed; what they led to follows'
	on watch --from 1 --timeout 0 ^
	expect_like "watch --from of what is forgotten" 0 '*: [1-9]:*' \
		'watch: +([0-9]) earlier changes cannot be told any more'
	run destroy "$s"
}

start_text_watch() {
	: >"$tmp/text.out"
	"$bin" -u "$s" watch --from-snapshot ^ >"$tmp/text.out" \
		2>"$tmp/text.err" </dev/null &
	text_watcher=$!
	wait_until test -s "$tmp/text.out"
}

caught_up() { # VALUE
	prints "\"value\":\"$1\"" && jq -es \
		'map(.event) | rindex("synced") > rindex("missed")' \
		"$tmp/watch.out" >/dev/null 2>&1
}

# Every key with its value, in order.
on_all() {
	local key
	for key in $("$bin" -u "$s" list --names | sort); do
		echo "$key=$("$bin" -u "$s" get --raw "$key")"
	done
}

test_watch_at_terminal() {
	local s=$s
	if ! command -v python3 >/dev/null; then
		skip "watch of several keys at a terminal" "needs python3"
		return
	fi
	fresh tty
	on set $'\e[2Jk' $'v\x07'
	exec_into python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' \
		"$bin" -u "$s" watch --oneshot --from-snapshot ^
	expect_like "keys and values are shown fit for a terminal" 0 \
		$'*\\\\x1b\\[2Jk: 2:v\\\\x07\r' ''
	run destroy "$s"
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
