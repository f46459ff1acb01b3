# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_script.sh - commands that come as lines on standard input, to the
# program under the prompt's name.

script() { # TEXT ARGUMENT...: printf's escapes hold
	local text=$1
	shift
	printf '%b' "$text" | timeout -k 5 60 "$bindir/$cli" "$@" \
		>"$tmp/out" 2>"$tmp/err"
	rc=${PIPESTATUS[1]}
}

script_says() { # NAME STATUS LINE SENTENCE
	expect "$1" "$2" '' "$cli: line $3: $4"
}

test_script() {
	local store=$s-script cli=splinter_cli
	[[ $kind == file ]] && cli=splinterp_cli
	export HOME=$tmp
	script "init $store 8 64\n\n# a comment\n  set a 'x y' # and one\nget a\nlist --names\n"
	expect "a script of commands on stdin" 0 $'3:x y\na' \
		"init: created store '$store': 8 slots, values up to 64 bytes"
	script "use $store\nget none\nset a lost\n"
	expect "it ends where a command fails" 1 '' "use: now connected to $store
$cli: line 2: get: no key 'none' in store '$store'"
	script 'get a' -u "$store"
	expect "the last line may have no end" 0 '3:x y' ''
	script 'get a' -n -u "$store"
	expect "--no-repl takes a script, too" 0 '3:x y' ''
	script 'get a\r\n' -u "$store"
	expect "lines may end as in DOS" 0 '3:x y' ''
	script 'quit\nset a lost\n' -u "$store"
	expect "quit ends it" 0 '' ''
	script 'exit\nfoo\n' -u "$store"
	expect "exit as well" 0 '' ''
	script '' -u "$store"
	expect "an empty script" 0 '' ''
	test_script_words
	test_script_mistakes
	script "destroy $store\nget a" -u "$store"
	expect "a store that is destroyed is not selected any more" 2 '' \
		"destroy: removed store '$store'
$cli: line 2: get: no store selected: write 'use STORE' first, or 'init STORE' for a new one"
	check "a script keeps no history" test ! -e "$HOME/.splinter_history"
}

test_script_words() {
	local words
	while IFS='|' read -r words value; do
		script "set a ${words//\\/\\\\}\nget a" -u "$store"
		expect "a script's word: $words" 0 "${#value}:$value" ''
	done <<-'END'
		plain|plain
		'single "quotes" \n'|single "quotes" \n
		"double 'quotes' \" \\ \$ \n"|double 'quotes' " \ $ \n
		back\ slash\'s|back slash's
		mixed' 'in" one "word|mixed in one word
		a#b|a#b
		'#'|#
		"$HOME `x` *"|$HOME `x` *
		''|
	END
}

test_script_mistakes() {
	local write="close it, or write"
	script 'list\nset a "b\n' -u "$store"
	expect_like "an open quote" 2 'Key*' \
		"$cli: line 2: the quote \" in column 7 is never closed: $write \\\\\" for one that stands for itself"
	script "get a 'b c\n" -u "$store"
	script_says "an open single quote" 2 1 \
		"the quote ' in column 7 is never closed: $write \\' for one that stands for itself"
	script 'get a\\\n' -u "$store"
	script_says "a backslash at the end" 2 1 \
		"a backslash ends the line: write two for one, or quotes around it"
	script 'get a\0b\n' -u "$store"
	script_says "a NUL byte" 2 1 \
		"the line contains a NUL byte: commands are text; a value with one can come from a file, as @FILE"
	script 'set a -\nvalue\n' -u "$store"
	script_says "set - when that is the script" 2 1 \
		"set: standard input is the script: give the value as a word, or as @FILE"
	script 'gte a\n' -u "$store"
	script_says "an unknown command" 2 1 \
		"unknown command 'gte': did you mean 'get'? 'help' lists the commands"
	script 'get\n' -u "$store"
	script_says "too few words" 2 1 \
		"get: too few words: write 'get [--raw] KEY'"
	script 'get a\n'
	script_says "no store" 2 1 \
		"get: no store selected: write 'use STORE' first, or 'init STORE' for a new one"
	script "use $store-none\n"
	script_says "a store that is not there" 1 1 \
		"no store '$store-none': create it with 'init $store-none'"
	script "init $store\n"
	script_says "a store that is there" 1 1 \
		"init: store '$store' exists already: use it with 'use $store', or remove it with 'destroy $store'"
	script "set a $(repeat v 100000)\n" -u "$store"
	script_says "a very long line" 1 1 \
		"set: the value of key 'a' is too large, 100000 bytes: store '$store' takes at most 64 bytes, a store for larger ones is made with 'init STORE SLOTS BYTES'"
	script 'get a' -l many -u "$store"
	expect "a script does not look at the history" 0 '0:' ''
	script 'hist' -l many -u "$store"
	script_says "but hist does" 2 1 \
		"history-len: 'many' is no number of lines: give a whole number from 0 to 1000000, or one with K, M or G"
}

test_history() {
	local history=$tmp/lines
	printf 'set a 1\nget a\nlist\n' >"$history"
	run --history-file "$history" hist
	expect "hist prints the history file" 0 \
		$'    1  set a 1\n    2  get a\n    3  list' ''
	run -H "$history" hist ' a'
	expect "or what matches" 0 $'    1  set a 1\n    2  get a' ''
	SPLINTER_HISTORY_FILE=$history run --json hist '^l'
	expect "SPLINTER_HISTORY_FILE names it, too" 0 \
		'{"number":3,"line":"list"}' ''
	SPLINTER_HISTORY_FILE=$history run -l 2 hist
	expect "only the last lines count" 0 $'    1  get a\n    2  list' ''
	SPLINTER_HISTORY_FILE=$history SPLINTER_HISTORY_LEN=1 run hist
	expect "SPLINTER_HISTORY_LEN says how many, too" 0 '    1  list' ''
	run -H "$history" -l 0 hist
	expect "or none" 0 '' ''
	run -H "$tmp/no-lines" hist
	expect "a history that is not there is empty" 0 '' ''
	check "and is not made by that" test ! -e "$tmp/no-lines"
	run -H "$tmp" hist
	expect_like "a history that cannot be read" 0 '' \
		"history: cannot use '$tmp': *--history-file*"
	run -H "$history" hist '['
	expect_like "hist with a bad pattern" 2 '' \
		"$prog: hist: '\\[' is no regular expression, *"
}

# What waits for input when SIGINT comes. A shell's background ignores it.
interrupt() { # ARGUMENT...
	mkfifo "$tmp/blocked"
	env --default-signal=INT "$@" <"$tmp/blocked" >"$tmp/watch.out" \
		2>"$tmp/watch.err" &
	watcher=$!
	exec {writer}>"$tmp/blocked"
	wait_until eval '[[ $(</proc/$watcher/wchan) == *pipe* ]]'
	kill -INT "$watcher"
	finish_watch
	exec {writer}>&-
	rm "$tmp/blocked"
}

test_interrupt() {
	local writer
	on set key before
	interrupt "$bin" -u "$s" set key -
	expect "SIGINT ends set KEY -" 130 '' ''
	on get key
	expect "which changes nothing then" 0 '6:before' ''
	interrupt "$bin" -n -u "$s"
	expect "SIGINT ends a script" 130 '' ''
	on unset key
}
