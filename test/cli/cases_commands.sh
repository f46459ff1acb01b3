# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # the variables are test_cli.sh's
#
# cases_commands.sh - what each command does, takes and prints.

# --- values -----------------------------------------------------

test_init() {
	run init "$s" 8 64
	expect "init says what it created" 0 '' \
		"init: created store '$s': 8 slots, values up to 64 bytes"
	check "init makes it where it belongs" test -f "$path"
	run init "$s"
	says "init does not take a name twice" 1 \
		"init: store '$s' exists already: use it with '$prog --use $s', or remove it with '$prog destroy $s'"
	run --use "$s" init
	expect_like "init takes the name of --use" 1 '' "*'$s' exists already*"
	run init "$s" 1 2 3
	says "init wants three words at most" 2 \
		"init: too many words: write '$prog init [--mode MODE] [--writers COUNT] [STORE] [SLOTS] [MAX_VALUE]'"
}

test_numbers() {
	local bad
	for bad in abc 0 -1 +1 1.5 ' 1' '1 ' 0x10 1x '' 1073741825 \
		18446744073709551616 99999999999999999999999; do
		run init "$s-number" "$bad"
		says "init refuses '$bad' slots" 2 \
			"init: '$bad' is no number of slots: give a whole number from 1 to 1073741824, or one with K, M or G"
	done
	for bad in 0 -1 4294967296 many; do
		run init "$s-number" 1 "$bad"
		says "init refuses values of '$bad' bytes" 2 \
			"init: '$bad' is no number of bytes in a value: give a whole number from 1 to 4294967295, or one with K, M or G"
	done
	check "a refused init leaves nothing" test ! -e "$path-number"
}

test_values() {
	on set foo 'hello, world'
	expect "set is silent" 0 '' ''
	on get foo
	expect "get prints length and value" 0 '12:hello, world' ''
	on set foo ''
	on get foo
	expect "a value may be empty" 0 '0:' ''
	on set foo '-5'
	on get foo
	expect "a value may begin with a dash" 0 '2:-5' ''
	on set foo $'a\nb'
	on get foo
	expect "a value may have lines" 0 $'3:a\nb' ''
	on set -- --key value
	on get -- --key
	expect "behind -- a key may begin with dashes" 0 '5:value' ''
	on unset -- --key
	expect "unset says how much went" 0 '5 bytes deleted.' ''
	on unset foo
	on get foo
	says "get of a key that is not there" 1 "get: no key 'foo' in store '$s'"
	on head foo
	says "head of a key that is not there" 1 "head: no key 'foo' in store '$s'"
	on unset foo
	says "unset of a key that is not there" 1 \
		"unset: no key 'foo' in store '$s'"
}

test_value_limits() {
	on set big "$(repeat v 64)"
	expect "a value may be as large as the store says" 0 '' ''
	on get big
	expect "and comes back whole" 0 "64:$(repeat v 64)" ''
	on set big "$(repeat v 65)"
	says "one byte more is too many" 1 \
		"set: the value of key 'big' is too large, 65 bytes: store '$s' takes at most 64 bytes, a store for larger ones is made with '$prog init STORE SLOTS BYTES'"
	on get big
	expect "and leaves the old value" 0 "64:$(repeat v 64)" ''
	on unset big
}

test_keys() {
	local key63 key command
	key63=$(repeat k 63)
	on set "$key63" v
	expect "a key may have 63 bytes" 0 '' ''
	on get "$key63"
	expect "and is found" 0 '1:v' ''
	on unset "$key63"
	for command in get head unset watch; do
		on "$command" "${key63}k"
		says "$command: a key of 64 bytes" 1 \
			"$command: key '${key63}k' is too long, 64 bytes: use at most 63 bytes"
		on "$command" ''
		says "$command: an empty key" 1 \
			"$command: a key cannot be empty: give 1 to 63 bytes"
	done
	on set '' v
	says "set: an empty key" 1 \
		"set: a key cannot be empty: give 1 to 63 bytes"
	key=$(repeat k 10000)
	on set "$key" v
	says "set: a key of 10000 bytes" 1 \
		"set: key '$(repeat k 256)...' is too long, 10000 bytes: use at most 63 bytes"
	on get $'a\e[31m\nb'
	says "messages carry nothing that controls a terminal" 1 \
		"get: no key 'a\x1b[31m\nb' in store '$s'"
}

test_full() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		on set "full$i" "$i"
	done
	expect "a store takes as many keys as it has slots" 0 '' ''
	on set full9 9
	says "and no more" 1 \
		"set: store '$s' is full, all 8 slots are taken: remove a key with 'unset', or make a larger store with '$prog init STORE SLOTS'"
	on set full1 again
	expect "a full store still takes new values" 0 '' ''
	for i in 1 2 3 4 5 6 7 8; do
		on unset "full$i"
	done
}

# --- what there is ----------------------------------------------

dashes=------------------------------------------------------------------
list_header="Key Name                          | Epoch           | Value Length
$dashes"

test_list() {
	run init "$s-list" 64
	exec_into "$bin" -u "$s-list" list
	expect "list of nothing is its header" 0 "$list_header" ''
	run -u "$s-list" set foo '{I think this is a perfectly reasonable value for foo.}'
	run -u "$s-list" set __debug 1234
	run -u "$s-list" list
	expect "list sorts keys of one epoch by name" 0 "$list_header
__debug                           | 2               | 4
foo                               | 2               | 55" ''
	run -u "$s-list" set foo '{I think this is a perfectly reasonable value for foo.}'
	run -u "$s-list" list
	expect "list puts the highest epoch first" 0 "$list_header
foo                               | 4               | 55
__debug                           | 2               | 4" ''
	run -u "$s-list" list '^__'
	expect "list takes a pattern" 0 "$list_header
__debug                           | 2               | 4" ''
	run -u "$s-list" list '(o){2}|x+'
	expect "patterns are extended regular expressions" 0 "$list_header
foo                               | 4               | 55" ''
	run -u "$s-list" list nothing
	expect "a pattern may match nothing" 0 "$list_header" ''
	run -u "$s-list" list 'zz*_*'
	expect "a shell's pattern that matches nothing is explained" 0 \
		"$list_header" \
		"list: no key matches: patterns are regular expressions, where .* stands for any text"
	run -u "$s-list" list "$(repeat '(' 1025)"
	expect_like "a pattern may not be endless" 2 '' \
		"$prog: list: the pattern is too long, 1025 bytes: use at most 1024 bytes"
	run -u "$s-list" list '('
	expect_like "list says what is wrong with a pattern" 2 '' \
		"$prog: list: '(' is no regular expression, ?*: write a backslash before a character that stands for itself, and .* for any text"
	LC_ALL=C.UTF-8 run -u "$s-list" set ä v
	LC_ALL=C.UTF-8 run -u "$s-list" list '^.$'
	expect_like "patterns see characters, not bytes" 0 '*ä *| 2 *| 1' ''
}

test_head() {
	run -u "$s-list" head foo
	expect_like "head prints five lines" 0 "hash:     15902901984413996407
epoch:    4
val_off:  [0-9]*
val_len:  55
key:      foo" ''
}

test_config() {
	local size='[1-9]*'
	run -u "$s-list" config
	expect_like "config prints settings and counters" 0 "magic: 0x????????
version: [0-9]*.[0-9]*
slots: 64
max_val_sz: 4096
epoch: $size
auto_vacuum: 1
keys: 3
writers: 64
writers_owned: 0
size: $size
reserved_size: $size
parse_failures: 0
last_failure_epoch: 0
repairs: [0-9]*
created: 2???-??-??T??:??:??Z
id: ????????????????????????????????" ''
	run -u "$s-list" config av 0
	expect "config av 0" 0 '' \
		"config: auto-vacuum of store '$s-list' is off"
	run -u "$s-list" config
	expect_like "is kept" 0 $'*\nauto_vacuum: 0\n*' ''
	run -u "$s-list" config av 1
	expect "config av 1" 0 '' "config: auto-vacuum of store '$s-list' is on"
	run -u "$s-list" config av off
	expect "config av off" 0 '' \
		"config: auto-vacuum of store '$s-list' is off"
	run -u "$s-list" config auto_vacuum on
	expect "config auto_vacuum on" 0 '' \
		"config: auto-vacuum of store '$s-list' is on"
	run -u "$s-list" config av 2
	says "config av 2" 2 \
		"config: auto-vacuum cannot be '2': write 1 (on) or 0 (off)"
	run -u "$s-list" config av
	expect "config av alone" 0 1 ''
	run -u "$s-list" config slots
	expect "config of one counter" 0 64 ''
	run -u "$s-list" config slots 1
	says "config sets auto-vacuum only" 2 \
		"config: 'slots' cannot be set: only av can"
	run -u "$s-list" config slts
	says "config of a setting there is not, but nearly" 2 \
		"config: no setting 'slts': did you mean 'slots'?"
	run -u "$s-list" config bogus 1
	says "config of a setting there is not" 2 \
		"config: no setting 'bogus': '$prog config' prints all, and only av can be set"
}

test_stores() {
	echo 'no store' >"$path-text"
	run stores
	# A longer name of somebody else's makes the column wider.
	expect_like "stores has a header" 0 \
		"Store Name  * | Slots      | Max Value  | Keys
$dashes*
*" ''
	check "stores shows a store" grep -qxE \
		"$s-list +\| 64         \| 4096       \| 3" "$tmp/out"
	check "stores passes over what is none" \
		eval "! grep -q '^$s-text ' '$tmp/out'"
	run -u "$s" use "$s-list"
	expect "use says what it connected to" 0 '' \
		"use: now connected to $s-list"
	SPLINTER_DEFAULT_STORE=$s-list run get __debug
	expect "SPLINTER_DEFAULT_STORE selects a store" 0 '4:1234' ''
	SPLINTER_DEFAULT_STORE=$s run --use "$s-list" get __debug
	expect "--use goes before it" 0 '4:1234' ''
	SPLINTER_DEFAULT_STORE='' run get __debug
	says "an empty one selects none" 2 \
		"get: no store selected: name one with '$prog --use STORE get', or in SPLINTER_DEFAULT_STORE"
}

test_destroy() {
	run destroy "$s-list"
	expect "destroy says what it removed" 0 '' \
		"destroy: removed store '$s-list'"
	check "and it is gone" test ! -e "$path-list"
	run destroy "$s-list"
	says "destroy of what is not there" 1 \
		"destroy: no store '$s-list': '$prog stores' lists those there are"
	run destroy "$s-text"
	says "destroy leaves alone what is no store" 1 \
		"destroy: '$path-text' is no store, so it was left alone: remove it with 'rm $path-text' if you mean it"
	check "and it is still there" grep -q 'no store' "$path-text"
}

# In a /dev/shm of our own: the name may be somebody's store.
test_default_names() {
	local name=splinter_debug mounts=
	[[ $kind == memory ]] && mounts='mount -t tmpfs tmpfs /dev/shm || bin=false'
	mounted "$mounts" --version
	if [[ $rc != 0 ]]; then
		skip "init and destroy have a default" "cannot mount"
		return
	fi
	mounted "$mounts" init
	expect "init has defaults" 0 '' \
		"init: created store '$name': 1024 slots, values up to 4096 bytes"
	rm -f "$name"
	mounted "$mounts"$'\n"$bin" init' destroy
	expect "destroy has the same" 0 '' "destroy: removed store '$name'"
}

# --- words and options ------------------------------------------

test_words() {
	local command words quotes
	run
	says "no command" 2 "no command: '$prog help' lists the commands"
	run gte
	says "a command that is nearly one" 2 \
		"unknown command 'gte': did you mean 'get'? '$prog help' lists the commands"
	run del
	says "a command of another program" 2 \
		"unknown command 'del': did you mean 'unset'? '$prog help' lists the commands"
	run frobnicate
	says "an unknown command" 2 \
		"unknown command 'frobnicate': '$prog help' lists the commands"
	while IFS='|' read -r command words; do
		on "$command"
		says "$command without words" 2 \
			"$command: too few words: write '$prog $command $words'"
	done <<-'END'
		append|[--literal] KEY VALUE
		cas|[--literal] KEY EPOCH VALUE
		get|[--raw] KEY
		head|KEY
		incr|KEY [DELTA]
		set|[--literal] [--ttl TIME] KEY VALUE
		unset|KEY
		use|STORE
	END
	on watch
	says "watch without words" 2 \
		"watch: too few words: give a KEY, a word that begins with ^ for a pattern, or --pattern PATTERN"
	on ttl
	says "ttl without words" 2 \
		"ttl: too few words: give a KEY, or --reclaim"
	while IFS='|' read -r command words; do
		on "$command" 1 2 3 4
		quotes=
		[[ $words == *VALUE ]] &&
			quotes=', with quotes around a VALUE that contains spaces'
		says "$command with too many words" 2 \
			"$command: too many words: write '$prog $command${words:+ }$words'$quotes"
	done <<-'END'
		append|[--literal] KEY VALUE
		cas|[--literal] KEY EPOCH VALUE
		clear|
		config|[SETTING] [0|1]
		destroy|[STORE]
		get|[--raw] KEY
		head|KEY
		help|[ext] [COMMAND]
		hist|[PATTERN]
		incr|KEY [DELTA]
		init|[--mode MODE] [--writers COUNT] [STORE] [SLOTS] [MAX_VALUE]
		list|[--names] [PATTERN]
		set|[--literal] [--ttl TIME] KEY VALUE
		stores|[--names]
		ttl|[--reclaim] [KEY] [TIME|never]
		unset|KEY
		use|STORE
	END
	for command in get head set unset list config watch; do
		words=()
		[[ $command == list || $command == config ]] || words=(key)
		[[ $command == set ]] && words=(key value)
		run "$command" "${words[@]}"
		says "$command without a store" 2 \
			"$command: no store selected: name one with '$prog --use STORE $command', or in SPLINTER_DEFAULT_STORE"
	done
}

test_options() {
	local version
	run --version
	version=$(<"$tmp/out")
	expect_like "--version" 0 "$prog version [0-9]*.[0-9]*.[0-9]* build ?*" ''
	run -v
	expect "-v" 0 "$version" ''
	run --help
	expect_like "--help" 0 "usage: $prog *--use*COMMAND*watch*" ''
	run -h
	expect_like "-h" 0 "usage: $prog *" ''
	on set opt 1
	run --no-repl --use "$s" get opt
	expect "--no-repl" 0 '1:1' ''
	run -nu "$s" get opt
	expect "options of one letter go together" 0 '1:1' ''
	run "--use=$s" -- get opt
	expect "--use=STORE, and -- before the command" 0 '1:1' ''
	on unset opt
	run --bogus get
	says "an unknown option" 2 \
		"unknown option '--bogus': '$prog --help' lists the options"
	run --no-repl -nx get
	says "an unknown letter" 2 \
		"unknown option '-x': '$prog --help' lists the options"
	run --help=x
	says "an option with a word too many" 2 \
		"option '--help' takes no word: write it without '=x'"
	run --use
	says "--use without a word" 2 \
		"option '--use' needs a word: write '--use STORE'"
	run -H
	says "-H without a word" 2 \
		"option '--history-file' needs a word: write '--history-file FILE'"
	run --jsn list
	says "an option that is nearly one" 2 \
		"unknown option '--jsn': did you mean '--json'? '$prog --help' lists the options"
	on get --oneshot key
	says "an option that the command does not have" 2 \
		"get: unknown option '--oneshot': write '$prog get [--raw] KEY', with '--' before a word that begins with dashes"
	on watch --onshot key
	says "an option of a command that is nearly one" 2 \
		"watch: unknown option '--onshot': did you mean '--oneshot'? '--' ends the options"
	on get key --use x
	says "an option of the program behind a command" 2 \
		"get: the option '--use' is the program's: write it before the command, '$prog --use ... get'"
	on watch key --timeout
	says "an option of a command without its word" 2 \
		"watch: the option '--timeout' needs a word: write '--timeout TIME'"
	on get --raw=1 key
	says "an option of a command with a word too many" 2 \
		"get: the option '--raw' takes no word: write it without '=1'"
	run --list-modules
	expect_like "-L names the commands" 0 $'append\ncas\n*\nwatch' ''
	run --completion tcsh
	says "no completion for every shell" 2 \
		"no completion for 'tcsh': name bash, zsh or fish"
}

test_help() {
	local command
	run help
	expect_like "help lists the commands" 0 \
		$'append *\nget *\nwatch *\n\n*help ext*' ''
	cp "$tmp/out" "$tmp/help"
	check "help fits 80 columns" eval "! grep -qE '.{81}' '$tmp/out'"
	run --help
	check "so does --help" eval "! grep -qE '.{81}' '$tmp/out'"
	"$bin" -L >"$tmp/names"
	while read -r command; do
		check "help has $command" grep -q "^$command " "$tmp/help"
		run help "$command"
		expect_like "help $command" 0 "$command*"$'\n    ?*' ''
		run help ext "$command"
		expect_like "help ext $command" 0 \
			"$command*"$'\n\n    *\n\n    --json *' ''
		check "and fits 80 columns" eval "! grep -qE '.{81}' '$tmp/out'"
		cp "$tmp/out" "$tmp/extended"
		run "$command" --help
		expect "$command --help is the same" 0 "$(<"$tmp/extended")" ''
		run "$command" -h
		expect "$command -h too" 0 "$(<"$tmp/extended")" ''
	done <"$tmp/names"
	run help set
	expect "help of a command" 0 \
		$'set [--literal] [--ttl TIME] KEY VALUE\n    give a key a value (- stdin, @FILE a file)' ''
	run help clear
	expect "help names another name" 0 \
		$'clear\n    clear the screen\n    Also: cls' ''
	run help frobnicate
	says "help of what is none" 2 \
		"help: unknown command 'frobnicate': '$prog help' lists the commands"
	run help ext
	says "help ext alone" 2 \
		"help: ext of what? Write '$prog help ext COMMAND'"
	run help set get
	says "help of two" 2 \
		"help: too many words: write '$prog help COMMAND' or '$prog help ext COMMAND'"
	run help wach
	says "help of what is nearly one" 2 \
		"help: unknown command 'wach': did you mean 'watch'?"
}

# --- where the output goes --------------------------------------

test_output() {
	on set out value
	timeout 60 "$bin" -u "$s" get out >/dev/full 2>"$tmp/err" </dev/null
	rc=$?
	: >"$tmp/out"
	says "a full disk under stdout is noticed" 1 \
		"cannot write to standard output: No space left on device: check where it leads"
	timeout 60 "$bin" -u "$s" get out >&- 2>"$tmp/err" </dev/null
	rc=$?
	says "a closed stdout is noticed" 1 \
		"cannot write to standard output: Bad file descriptor: check where it leads"
	timeout 60 "$bin" -u "$s" set out other >&- 2>&- <&-
	rc=$?
	: >"$tmp/err"
	expect "it does not matter where nothing is printed" 0 '' ''
	on get out
	expect "a store never takes the place of stdout" 0 '5:other' ''
	timeout 60 "$bin" -u "$s" list 2>"$tmp/err" | head -n 1 >"$tmp/out"
	rc=$?
	expect_like "list into head" 0 'Key Name*' ''
	on unset out
}
