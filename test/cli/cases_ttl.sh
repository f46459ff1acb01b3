# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_ttl.sh - keys that go by themselves: ttl, set --ttl, head, watch.

# A time that no test outlives, and what is left of it later.
HOUR='+([0-9])'

is_absent() { # KEY
	! "$bin" -u "$s" get "$1" >/dev/null 2>&1
}

test_ttl() {
	on ttl absent
	says "ttl of a key that is not there" 1 \
		"ttl: no key 'absent' in store '$s'"
	on ttl absent 1h
	says "nor can it be given one" 1 "ttl: no key 'absent' in store '$s'"
	on set lives v
	on ttl lives
	expect "a key stays unless it is said" 0 never ''
	on ttl --json lives
	expect "which is no member in JSON" 0 '{"key":"lives"}' ''
	on ttl lives 1h
	expect "ttl gives it a time" 0 '' \
		"ttl: key 'lives' expires in 3600000 ms"
	on ttl lives
	expect_like "and prints what is left" 0 "$HOUR" ''
	check "which is no more than that" eval \
		'(($(<"$tmp/out") > 0 && $(<"$tmp/out") <= 3600000))'
	on ttl --json lives
	expect_like "in JSON too" 0 "{\"key\":\"lives\",\"ttl_ms\":$HOUR}" ''
	on head lives
	expect_like "head has it as a sixth line" 0 \
		$'hash:*\nkey:      lives\nttl:      '"$HOUR ms" ''
	on head --json lives
	expect_like "and in JSON" 0 "{*\"val_len\":1,\"ttl_ms\":$HOUR}" ''
	on get lives
	expect "the value is as it was" 0 1:v ''
	on ttl lives never
	expect "ttl never takes it away" 0 '' "ttl: key 'lives' does not expire"
	on ttl lives
	expect "for ever" 0 never ''
	on head lives
	expect_like "head is as before" 0 $'hash:*\nkey:      lives' ''
	check "in five lines" test "$(wc -l <"$tmp/out")" = 5
	on ttl lives 1
	wait_until is_absent lives
	on get lives
	says "when the time is over there is no such key" 1 \
		"get: no key 'lives' in store '$s'"
	on cas lives 0 again
	expect_like "and it can be created" 0 '[1-9]*' ''
	on --prefix liv ttl es 1d
	expect "ttl in a namespace" 0 '' \
		"ttl: key 'lives' expires in 86400000 ms"
	on unset lives
}

test_ttl_words() {
	local bad
	on set lives v
	for bad in soon '' -1 1w; do
		on ttl -- lives "$bad"
		says "ttl refuses the time '$bad'" 2 \
			"ttl: '$bad' is no time to live: give a whole number of milliseconds, or one with ms, s, m, h or d, such as 500 or 2s"
	done
	for bad in 0 0s 36501d 18446744073709551615; do
		on ttl lives "$bad"
		says "and $bad, which is none" 2 \
			"ttl: '$bad' is no time to live: give one from 1 ms to 36500 days"
		on set --ttl "$bad" lives w
		says "and so does set" 2 \
			"set: '$bad' is no time to live: give one from 1 ms to 36500 days"
	done
	on get lives
	expect "nothing was changed" 0 1:v ''
	on ttl lives 36500d
	expect "as long as that will do" 0 '' \
		"ttl: key 'lives' expires in 3153600000000 ms"
	on ttl lives
	expect_like "which is a time" 0 "315$HOUR" ''
	on ttl --reclaim lives
	says "ttl --reclaim is for all keys" 2 \
		"ttl: --reclaim is for all keys that have expired: give it alone"
	on ttl lives 1h more
	expect_like "ttl of too much" 2 '' "$prog: ttl: too many words: *"
	on ttl ''
	says "ttl of an empty key" 1 \
		"ttl: a key cannot be empty: give 1 to 63 bytes"
	on unset lives
}

# What the other commands make of it.
test_ttl_others() {
	on set --ttl 1h lives 1
	expect "set --ttl" 0 '' ''
	on ttl lives
	expect_like "gives a time" 0 "$HOUR" ''
	on incr lives
	on ttl lives
	expect_like "incr leaves it" 0 "$HOUR" ''
	on append lives 1
	on ttl lives
	expect_like "append too" 0 "$HOUR" ''
	on set lives 1
	on ttl lives
	expect "set ends it" 0 never ''
	on set --ttl=1h lives 1
	on head --json lives
	on cas lives "$(sed 's/.*"epoch":\([0-9]*\).*/\1/' "$tmp/out")" 2
	on ttl lives
	expect "and so does cas" 0 never ''
	on set --ttl 1 lives 1
	wait_until is_absent lives
	on list --names '^lives$'
	expect "list has no key that has expired" 0 '' ''
	on unset lives
	says "nor can it be removed" 1 "unset: no key 'lives' in store '$s'"
	on incr lives 5
	expect "incr begins again" 0 5 ''
	on ttl lives
	expect "without a time" 0 never ''
	on set lives --ttl
	on get lives
	expect "behind the key --ttl is a value" 0 5:--ttl ''
	on unset lives
	printf 'set --ttl 1h lives 1\nttl lives never\nttl lives\n' \
		>"$tmp/script"
	"$bin" -n -u "$s" <"$tmp/script" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	expect "a script may have it" 0 never \
		"ttl: key 'lives' does not expire"
	on unset lives
}

test_ttl_reclaim() {
	local s=$s key
	run init "$s-ttl" 4 64
	s=$s-ttl
	on set stays v
	on set --ttl 1h later v
	for key in a b; do
		on set --ttl 1 $key v
		wait_until is_absent $key
	done
	on config keys
	expect "what has expired still takes its place" 0 4 ''
	on ttl --reclaim
	expect "ttl --reclaim removes it" 0 '2 keys deleted.' ''
	on config keys
	expect "and nothing else" 0 2 ''
	on ttl --json --reclaim
	expect "then there is nothing more" 0 '{"deleted":0}' ''
	for key in a b; do
		on set --ttl 1 $key v
		wait_until is_absent $key
	done
	on set new v
	expect "a full store finds room by itself" 0 '' ''
	run destroy "$s"
}

test_ttl_watched() {
	local s=$s
	if ! command -v jq >/dev/null; then
		skip "watch of a key that expires" "needs jq"
		return
	fi
	fresh expiring
	watch_from_now goes stays
	on set stays v
	on set goes last
	wait_until prints '"last"'
	on ttl goes 1
	wait_until prints '"expired"'
	on set goes again
	wait_until prints '"again"'
	end_watch
	check "watch sees a key expire, and what it was" test \
		"$(jq -c 'select(.key == "goes" and .event != "changed") |
			[.event, .value]' "$tmp/out" | xargs)" = \
		'[created,last] [expired,last] [created,again]'
	start_watch --from-snapshot goes
	wait_until has_output
	on ttl goes 1
	wait_until has_message
	end_watch
	expect_like "as text it is a note" 143 $'5:again*(\n5:again)' \
		"watch: key 'goes' expired"
	start_watch --from-snapshot goes stays
	wait_until has_output
	on ttl stays 1
	wait_until has_message
	end_watch
	expect_like "of several keys too" 143 $'stays: 1:v*(\nstays: 1:v)' \
		"watch: key 'stays' expired"
	on set --ttl 1 goes v
	on watch --oneshot --timeout 10m --since 2 goes
	wait_until is_absent goes
	on watch --oneshot --timeout 10m --since 2 goes
	expect_like "watch --since of what has expired" 0 '' \
		"watch: key 'goes' @(was removed|expired)"
	run destroy "$s"
}

# Who may only read sees the time, and cannot change it.
test_ttl_permissions() {
	local refusal="no permission to write to store '$s': get, head, list, config, watch and top still work; its owner can allow more with 'chmod'"
	limited --version
	if [[ $rc != 0 ]]; then
		skip "ttl without permission to write" \
			"cannot run $prog as another user"
		return
	fi
	if ((EUID)); then
		skip "ttl without permission to write" "needs root"
		return
	fi
	on set --ttl 1h lives v
	chmod 644 "$path"
	limited -u "$s" ttl lives
	expect_like "ttl without permission to write" 0 "$HOUR" ''
	limited -u "$s" ttl lives never
	says "cannot take it away" 1 "$refusal"
	limited -u "$s" set --ttl 1 lives v
	says "set --ttl neither" 1 "$refusal"
	limited -u "$s" ttl --reclaim
	says "nor can it reclaim" 1 "$refusal"
	: >"$tmp/watch.out"
	: >"$tmp/watch.err"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$tmp/bin/$prog" -u "$s" watch --from-snapshot lives \
		>"$tmp/watch.out" 2>"$tmp/watch.err" </dev/null &
	watcher=$!
	wait_until has_output
	on ttl lives 1
	wait_until has_message
	end_watch
	expect_like "but watch sees the key expire" 143 \
		$'1:v*(\n1:v)' "watch: key 'lives' expired"
	chmod 600 "$path"
}
