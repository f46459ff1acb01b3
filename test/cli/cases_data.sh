# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_data.sh - values in and out in every form: numbers, files, pipes,
# bytes, JSON, namespaces.

run_with() { # INPUT ARGUMENT...: the input comes through a pipe
	local input=$1
	shift
	printf '%b' "$input" | timeout -k 5 60 "$bin" "$@" >"$tmp/out" \
		2>"$tmp/err"
	rc=${PIPESTATUS[1]}
}

bytes_are() { # NAME HEX
	local hex
	hex=$(od -An -tx1 -v "$tmp/out" | tr -d ' \n')
	check "$1" test "$rc $hex" = "0 $2"
}

test_operations() {
	local cure="set one"
	on incr number
	expect "incr of a key that is not there" 0 1 ''
	on incr number 2K
	expect "incr takes units" 0 2049 ''
	on incr number -3000
	expect "incr takes a negative number" 0 -951 ''
	on incr number 9223372036854775807
	expect "up to the largest" 0 9223372036854774856 ''
	on incr number 9223372036854775807
	says "but not beyond" 1 \
		"incr: the sum does not fit into 64 bits with a sign: the value of key 'number' is as it was"
	on incr number 1x
	says "incr of what is no number" 2 \
		"incr: '1x' is no number to add: give a whole number, such as 5 or -1, of at most 63 bits"
	on set number many
	on incr number
	says "incr of a value that is none" 1 \
		"incr: the value of key 'number' is no whole number, without anything behind it: look at it with 'get --json', and $cure"
	on unset number
	on append line 'one'
	expect "append to a key that is not there" 0 3 ''
	on append line ', two'
	expect "append prints the new length" 0 8 ''
	on get line
	expect "append puts bytes behind" 0 '8:one, two' ''
	on append line "$(repeat x 64)"
	says "append of more than fits" 1 \
		"append: the value of key 'line' is too large: store '$s' takes at most 64 bytes, a store for larger ones is made with '$prog init STORE SLOTS BYTES'"
	on unset line
}

test_cas() {
	local epoch
	on cas once 0 first
	epoch=$(<"$tmp/out")
	expect_like "cas with epoch 0 creates" 0 '[1-9]*([0-9])' ''
	on cas once 0 second
	says "but only once" 1 \
		"cas: key 'once' has epoch $epoch, not 0: nothing was changed"
	on cas once "$epoch" second
	expect "cas with the key's epoch sets" 0 $((epoch + 2)) ''
	on get once
	expect "what it was given" 0 '6:second' ''
	on cas never 4 x
	says "cas of a key that is not there" 1 \
		"cas: key 'never' is not there, so its epoch is 0, not 4: nothing was changed"
	on cas once two x
	says "cas with what is no epoch" 2 \
		"cas: 'two' is no epoch: give a whole number from 0 to 18446744073709551615, or one with K, M or G"
	on unset once
}

test_sources() {
	printf 'from a file\n' >"$tmp/source"
	on set key "@$tmp/source"
	on get --raw key
	expect "set @FILE takes the file" 0 'from a file' ''
	run_with 'from\0a\npipe' -u "$s" set key -
	on get --raw key
	bytes_are "set - takes standard input, every byte" \
		66726f6d00610a70697065
	run_with '' -u "$s" set key -
	on get key
	expect "which may be empty" 0 '0:' ''
	on set --literal key -
	on get key
	expect "set --literal takes a dash" 0 '1:-' ''
	on set --literal key @x
	on get key
	expect "and an at sign" 0 '2:@x' ''
	on append --literal key @y
	on get key
	expect "append too" 0 '4:@x@y' ''
	run_with 'c' -u "$s" append key -
	on get key
	expect "append - takes standard input" 0 '5:@x@yc' ''
	on set key --json
	on get key
	expect "behind its key a value may be like an option" 0 '6:--json' ''
	on set key @/no/such/file
	says "a file that is not there" 1 \
		"set: cannot read file '/no/such/file': No such file or directory: nothing was changed"
	on set key "@$tmp"
	says "a directory" 1 \
		"set: cannot read file '$tmp': Is a directory: nothing was changed"
	exec_into bash -c 'exec "$0" -u "$1" set key - <&-' "$bin" "$s"
	expect_like "a closed standard input" 1 '' \
		"$prog: set: cannot read standard input: *"
	on get key
	expect "and the value is as it was" 0 '6:--json' ''
	exec_into bash -c 'exec "$0" -u "$1" set key - </dev/zero' "$bin" "$s"
	says "an endless input ends at the store's limit" 1 \
		"set: the value of key 'key' is too large: store '$s' takes at most 64 bytes, a store for larger ones is made with '$prog init STORE SLOTS BYTES'"
	on unset key
}

# --- JSON -------------------------------------------------------

json() { # NAME ARGUMENT... -- JQ-PROGRAM EXPECTED
	local name=$1 words=()
	shift
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	on --json "${words[@]}"
	if jq -c "$2" <"$tmp/out" >"$tmp/jq" 2>&1 &&
		[[ $rc == 0 && $(<"$tmp/jq") == "$3" ]]; then
		pass "--json ${words[*]}: $name"
	else
		fail "--json ${words[*]}: $name" \
			"jq: $(<"$tmp/jq"); not: $3"$'\n'"$(outcome)"
	fi
}

test_json() {
	if ! command -v jq >/dev/null; then
		skip "--json" "needs jq"
		return
	fi
	on set text $'a "quote" \\ \n\t\e and \xc3\xa4'
	json "every character comes back" get text -- \
		'[.key, .length, .value]' \
		$'["text",22,"a \\"quote\\" \\\\ \\n\\t\\u001b and \xc3\xa4"]'
	run_with '\xff\x00\x01abc' -u "$s" set bytes -
	json "what is no UTF-8 is base64" get bytes -- \
		'[.value, .value_encoding]' '["/wABYWJj","base64"]'
	json "and comes back" get bytes -- \
		'.value | @base64d | explode | .[-3:]' '[97,98,99]'
	on set -- $'k\xff' v
	json "a key may be base64 too" get $'k\xff' -- \
		'[.key, .key_encoding, .value]' '["a/8=","base64","v"]'
	on unset -- $'k\xff'
	json "a hash is text, all its digits" head text -- \
		'[.key, (.hash | length > 15), (.val_off > 0), .val_len]' \
		'["text",true,true,22]'
	json "one object a key" list -- '.key' $'"bytes"\n"text"'
	json "all of them" config -- \
		'[.slots, .max_val_sz, .auto_vacuum, (.id | length)]' \
		'[8,64,1,32]'
	json "one of them" config keys -- . '{"keys":2}'
	json "stores" stores -- "select(.store == \"$s\") | .keys" 2
	json "names are data as well" list --names -- 'keys | length' $'3\n3'
	json "incr" incr count -7 -- . '{"key":"count","sum":-7}'
	json "append" append count 1 -- . '{"key":"count","length":3}'
	json "cas" cas made 0 x -- '[.key, .epoch > 0]' '["made",true]'
	json "unset" unset count -- . '{"key":"count","deleted":3}'
	json "a command" help set -- '[.name, .words]' '["set","KEY VALUE"]'
	json "all commands" help -- '.name' "$("$bin" -L | sed 's/.*/"&"/')"
	json "nothing where there is no data" set made y -- . ''
	json "nothing" use "$s" -- . ''
	json "nothing" clear -- . ''
	json "nothing" config av 1 -- . ''
	on get --json made
	expect_like "--json may be the command's" 0 \
		'{"key":"made","epoch":'[0-9]*',"length":1,"value":"y"}' ''
	on get made --json
	expect_like "behind its words too" 0 \
		'{"key":"made","epoch":'[0-9]*',"length":1,"value":"y"}' ''
	start_watch --json --oneshot made
	set_until made ended || kill -KILL "$watcher"
	finish_watch
	check "watch --json: one object a change" eval \
		"jq -e '.event == \"changed\" and .epoch > 0' '$tmp/out' >/dev/null"
	on unset made
	on unset text
	on unset bytes
}

# --- namespaces -------------------------------------------------

test_prefix() {
	on set outside 1
	on --prefix app. set key 2
	on get app.key
	expect "--prefix stands before every key" 0 '1:2' ''
	on --prefix app. get key
	expect "in each command" 0 '1:2' ''
	on --prefix app. list
	expect_like "list shows those keys without it" 0 \
		"$list_header"$'\nkey  *| 1' ''
	on --prefix app. list '^k'
	expect_like "patterns see what is shown" 0 "$list_header"$'\nkey  *' ''
	on --prefix app. list --names '^app'
	expect "and not the prefix" 0 '' ''
	on --prefix app. head key
	expect_like "head shows it without" 0 '*key:      key' ''
	on --prefix app. get none
	says "messages name the whole key" 1 \
		"get: no key 'app.none' in store '$s'"
	SPLINTER_NS_PREFIX=app. on get key
	expect "SPLINTER_NS_PREFIX is the same" 0 '1:2' ''
	SPLINTER_NS_PREFIX=other. on --prefix app. get key
	expect "--prefix goes before it" 0 '1:2' ''
	on --prefix app. get ''
	says "an empty key stays one" 1 \
		"get: a key cannot be empty: give 1 to 63 bytes"
	on --prefix app. set "$(repeat k 60)" v
	says "the whole has to fit" 1 \
		"set: key 'app.$(repeat k 60)' is too long, 64 bytes: use at most 63 bytes"
	on --prefix app. unset key
	on unset outside
}

# --- lists ------------------------------------------------------

test_names_of_keys() {
	on set $'line\nfeed' 1
	on set 'with space' 2
	on list --names
	expect "list --names: no header, nothing that controls a terminal" 0 \
		$'line\\nfeed\nwith space' ''
	on list
	expect_like "nor in the table" 0 "$list_header"$'\nline\\\\nfeed  *' ''
	on head $'line\nfeed'
	expect_like "nor in head" 0 '*key:      line\\nfeed' ''
	on unset $'line\nfeed'
	on unset 'with space'
	LC_ALL=C.UTF-8 on set $'\xc3\xa4\xe4\xb8\xad' 1
	LC_ALL=C.UTF-8 on list
	expect_like "columns are counted, not bytes" 0 "$list_header
$(printf '\xc3\xa4\xe4\xb8\xad%30s' '') | [1-9]*([0-9])*( ) | 1" ''
	on set "$(repeat w 50)" 2
	on list
	expect_like "a long key makes the column wider" 0 \
		"Key Name$(printf '%42s' '') | Epoch  *
$(repeat - 83)
$(repeat w 50) | *" ''
	on unset "$(repeat w 50)"
	on unset $'\xc3\xa4\xe4\xb8\xad'
	run stores --names
	check "stores --names" grep -qx "$s" "$tmp/out"
}

test_many_keys() {
	local many=20000
	run init "$s-many" 32K 16
	for ((i = 0; i < many; i++)); do
		echo "set key$i $i"
	done >"$tmp/script"
	exec_into bash -c 'exec "$0" -n -u "$1" <"$2"' "$bin" "$s-many" \
		"$tmp/script"
	expect "a script of $many commands" 0 '' ''
	run -u "$s-many" list --names
	check "list has them all" test "$(wc -l <"$tmp/out")" = $many
	run -u "$s-many" list --names '^key1999.$'
	check "list finds some" test "$(wc -l <"$tmp/out")" = 10
	run -u "$s-many" set kz last
	run --complete "$prog -u $s-many get k"
	check "of many choices those are kept that have least in common" \
		grep -q "^kz" "$tmp/out"
	run destroy "$s-many"
}

test_init_options() {
	run init --mode 640 --writers 3 "$s-options" 1
	expect "init --mode --writers" 0 '' \
		"init: created store '$s-options': 1 slot, values up to 4096 bytes"
	check "the mode is meant" test "$(stat -c %a "$path-options")" = 640
	run -u "$s-options" config writers
	expect "so are the writers" 0 3 ''
	run destroy "$s-options"
	for bad in 77 400 1600 abc '' 0x180 666x 777; do
		run init --mode "$bad" "$s-options"
		says "init refuses the mode '$bad'" 2 \
			"init: '$bad' is no mode of a store: give read and write permissions in octal, such as 600, 640, 660 or 666"
	done
	run init --writers 1025 "$s-options"
	says "init refuses too many writers" 2 \
		"init: '1025' is no number of writers: give a whole number from 1 to 1024, or one with K, M or G"
	run init "$s-units" 2k 1M
	expect "init takes units" 0 '' \
		"init: created store '$s-units': 2048 slots, values up to 1048576 bytes"
	run destroy "$s-units"
}
