# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # the variables are test_cli.sh's
#
# cases_port.sh - keys out of a store and into one: export, import, record,
# replay, copy.

# A store of this test's own, empty: 8 slots of 64 bytes unless said.
port_store() { # [SLOTS [MAX_VALUE]]
	"$bin" destroy "$s-port" >/dev/null 2>&1
	"$bin" init "$s-port" "${1:-8}" "${2:-64}" >/dev/null 2>&1
}

port() { exec_into "$bin" --use "$s-port" "$@"; }

# All that is in it, but for epochs and times.
port_content() {
	"$bin" -u "$s-port" export |
		jq -cS 'del(.epoch, .ttl_ms, .expires_ms)' | sort
}

summary() { # CREATED REPLACED KEPT EXPIRED
	echo "$1 keys created, $2 replaced, $3 kept, $4 expired."
}

test_export() {
	port_store
	port export
	expect "export of an empty store" 0 '' ''
	port set foo 'say "so"'
	printf '\0\377\n' | "$bin" -u "$s-port" set bin -
	port set $'k\377' ''
	port set --ttl 1h lives 1
	port export - foo
	expect "export prints a line a key" 0 \
		'{"key":"foo","epoch":2,"length":8,"value":"say \"so\""}' ''
	port export - bin
	expect "what is no UTF-8 is base64" 0 \
		'{"key":"bin","epoch":2,"length":3,"value":"AP8K","value_encoding":"base64"}' ''
	port export - ^k
	expect "so is a key" 0 \
		'{"key":"a/8=","key_encoding":"base64","epoch":2,"length":0,"value":""}' ''
	port export - ^l
	jq '.ttl_ms > 3500000 and .ttl_ms <= 3600000 and
		.expires_ms > now * 1000 + 3500000 and
		.expires_ms <= now * 1000 + 3600100' "$tmp/out" >"$tmp/said"
	check "a key that expires says when" grep -qx true "$tmp/said"
	port --prefix l export - '^i'
	check "in a namespace keys are without it" \
		test "$(jq -r .key "$tmp/out")" = ives
	port set --ttl 1 gone 1
	wait_until port_is_absent gone
	rm -f "$tmp/port.out"
	port export - gone
	expect "what has expired is not there" 0 '' ''
	port export "$tmp/port.out"
	expect "export into a file" 0 '' \
		"export: 4 keys with 12 bytes are in '$tmp/port.out'"
	check "which only its owner can read" \
		test "$(stat -c %a "$tmp/port.out")" = 600
	check "and which has all of them" test "$(wc -l <"$tmp/port.out")" = 4
	chmod 640 "$tmp/port.out"
	ln -sf port.out "$tmp/port.link"
	port export --quiet "$tmp/port.link" foo
	expect "export over a file, through a link, quietly" 0 '' ''
	check "leaves the link one" test -L "$tmp/port.link"
	check "and the file's mode" \
		test "$(stat -c %a "$tmp/port.out")" = 640
	port export --json "$tmp/port.out"
	expect "a file's summary as JSON" 0 \
		"{\"file\":\"$tmp/port.out\",\"keys\":4,\"bytes\":12}" ''
	port export ^f
	says "a pattern is no file" 2 \
		"export: '^f' looks like a pattern: write 'export - ^f', or './^f' for a file"
	port export /dev/null
	says "what is no file is not replaced" 1 \
		"export: '/dev/null' is no regular file, so nothing can take its place: write 'export - > FILE' to write into it"
	port export "$tmp"
	says "nor is a directory" 1 \
		"export: cannot write '$tmp': Is a directory: what was there is as it was"
	port export "$tmp/no/file"
	says "a directory that is not there" 1 \
		"export: cannot write '$tmp/no/file': No such file or directory: what was there is as it was"
	port export - '('
	expect_like "a pattern that is none" 2 '' \
		"$prog: export: '(' is no regular expression*"
}

port_is_absent() { # KEY
	! "$bin" -u "$s-port" get "$1" >/dev/null 2>&1
}

test_import() {
	local before
	port_store
	port set foo 'say "so"'
	printf '\0\377\n' | "$bin" -u "$s-port" set bin -
	port set $'k\377' ''
	port set --ttl 1h lives 1
	port export "$tmp/port.out"
	before=$(port_content)
	port_store
	port import "$tmp/port.out"
	expect "import" 0 "$(summary 4 0 0 0)" ''
	check "brings back what was exported" test "$(port_content)" = "$before"
	port ttl lives
	expect_like "with the time that is left" 0 '3[56]+([0-9])' ''
	port set foo changed
	port import --dry-run --policy destination "$tmp/port.out"
	expect "a dry run only says what would be done" 0 \
		"Dry run: $(summary 0 0 4 0)" ''
	port import --policy destination "$tmp/port.out"
	expect "destination keeps what is there" 0 "$(summary 0 0 4 0)" ''
	port get foo
	expect "which is there" 0 7:changed ''
	port unset bin
	port import --policy=fail "$tmp/port.out"
	expect_like "fail lists what is there" 1 '' \
		"*line *: key 'foo' exists already*import: 3 of the keys exist already: nothing was imported; --policy says what else to do"
	port get bin
	says "and imports nothing" 1 "get: no key 'bin' in store '$s-port'"
	port import --policy fail "$tmp/port.out" ^bin
	expect "a pattern chooses" 0 "$(summary 1 0 0 0)" ''
	port import --json "$tmp/port.out"
	expect "source replaces, and is what is done otherwise" 0 \
		'{"created":0,"replaced":4,"kept":0,"expired":0,"unmatched":0,"broken":0,"last_line":4}' ''
	check "and all is as it was" test "$(port_content)" = "$before"
	port --prefix ns: import --quiet "$tmp/port.out" foo
	expect "a namespace is put before keys" 0 '' ''
	port get ns:foo
	expect "as if they had been set" 0 '8:say "so"' ''
	port import --policy new "$tmp/port.out"
	says "a policy that is none" 2 \
		"import: 'new' is no policy: give newest, source, destination or fail"
}

lines_in() { # LINE...: through a pipe, to import
	printf '%s\n' "${@:1:$#-1}" | timeout -k 5 60 "$bin" -u "$s-port" \
		import ${!#} - >"$tmp/out" 2>"$tmp/err"
	rc=${PIPESTATUS[1]}
}

item() { # KEY VALUE [MEMBERS]
	echo "{\"key\":\"$1\",\"value\":\"$2\"${3-}}"
}

test_import_newest() {
	port_store
	run --complete "$prog import --policy "
	expect "policies are completed" 0 \
		$'destination\t\nfail\t\nnewest\t\nsource\t' ''
	port set old 1
	port set new 1
	port set new 2
	lines_in "$(item old x ',"epoch":4')" "$(item new x ',"epoch":4')" \
		"$(item none x ',"epoch":0')" '--policy newest'
	expect "newest takes higher epochs, and keys that are not there" 0 \
		"$(summary 1 1 1 0)" ''
	port get old
	expect "the higher one" 0 1:x ''
	port get new
	expect "not the same" 0 1:2 ''
	port unset old
	lines_in "$(item old a ',"epoch":90')" "$(item old b ',"epoch":94')" \
		"$(item old c ',"epoch":92')" '--policy newest'
	expect "of lines of one key the newest counts" 0 "$(summary 1 0 2 0)" ''
	port get old
	expect "wherever it stands" 0 1:b ''
	lines_in "$(item old a)" "$(item old b)" '--dry-run'
	expect "a dry run knows what it would have done" 0 \
		"Dry run: $(summary 0 2 0 0)" ''
	lines_in "$(item twice a)" "$(item twice b)" '--dry-run'
	expect "also to a key that is not there" 0 \
		"Dry run: $(summary 1 1 0 0)" ''
	lines_in "$(item twice a)" "$(item twice b)" '--policy fail'
	expect_like "fail takes no key twice" 1 '' \
		"*line 2: key 'twice' exists already*"
	lines_in "$(item t a ',"ttl_ms":3600000')" \
		"$(item u a ',"expires_ms":1000')" '--policy destination'
	expect "a life that is over is left out" 0 "$(summary 1 0 0 1)" ''
	port ttl t
	expect_like "one without an end counts from now" 0 '3[56]+([0-9])' ''
}

# What is wrong with a line, and where: nothing is imported then.
refuses() { # WHERE WHAT LINE
	lines_in "$(item good 1)" "$3" ''
	says "a line that ${2%%:*}" 1 \
		"import: standard input, line 2$1: it $2: nothing was imported"
	port_is_absent good || fail "and nothing was imported" "$(port_content)"
}

test_import_broken() {
	local long deep
	port_store
	refuses '' 'is empty' ''
	refuses '' 'is no object' '[]'
	refuses ', byte 12' "needs a ',' or '}' here" '{"key":"x" "value":""}'
	refuses ', byte 12' 'needs a string here' '{"key":"x",}'
	refuses ', byte 7' "needs a ':' here" '{"key","x"}'
	refuses ', byte 8' 'needs a string here' '{"key":1}'
	refuses ', byte 22' 'needs a whole number here' \
		'{"key":"x","epoch":  -1}'
	refuses ', byte 23' \
		'has a number that is not whole, or does not fit into 64 bits' \
		'{"key":"x","epoch":1.0,"value":""}'
	refuses ', byte 40' \
		'has a number that is not whole, or does not fit into 64 bits' \
		'{"key":"x","epoch":18446744073709551616}'
	refuses ', byte 9' 'ends within a string' '{"key":"'
	refuses ', byte 22' 'has this member twice' '{"key":"","k\u0065y":"x"}'
	refuses ', byte 10' 'has a backslash before what it cannot escape' \
		'{"key":"\x"}'
	refuses ', byte 12' 'has a \u without four hexadecimal digits' \
		'{"key":"\u0g00"}'
	refuses ', byte 15' \
		'has the first half of a surrogate pair without the second' \
		'{"key":"\ud800"}'
	refuses ', byte 15' \
		'has the second half of a surrogate pair without the first' \
		'{"key":"\udc00"}'
	refuses '' 'is not UTF-8' $'{"key":"\377","value":""}'
	refuses ', byte 9' 'has a control character in a string' \
		$'{"key":"\t","value":""}'
	refuses ', byte 24' 'has something behind the object' \
		'{"key":"x","value":""} 1'
	refuses ', byte 6' 'has no value here' '{"x":nil}'
	refuses ', byte 7' 'needs a digit here' '{"x":-}'
	deep=$(repeat '[' 70)
	refuses ', byte 70' 'is nested too deep' "{\"x\":$deep"
	refuses '' 'has no member "key"' '{"value":""}'
	refuses '' 'has no member "value"' '{"key":"x"}'
	refuses '' 'has an empty key' "$(item '' x)"
	refuses '' 'has a NUL in its key' "$(item '\u0000' x)"
	refuses '' 'has a key that is too long' "$(item "$(repeat k 64)" x)"
	refuses '' 'has a value that is not as long as it says' \
		"$(item x y ',"length":2')"
	refuses '' 'has a value that is not encoded as it says' \
		"$(item x y ',"value_encoding":"rot13"')"
	refuses '' 'has a value that is not encoded as it says' \
		"$(item x 'AB==' ',"value_encoding":"base64"')"
	refuses '' 'has a key that is not encoded as it says' \
		"$(item 'A===' x ',"key_encoding":"base64"')"
	refuses '' 'has a value of 65 bytes, and the store takes at most 64' \
		"$(item x "$(repeat v 65)")"
	long=$(item x "$(repeat v 9000)")
	refuses '' \
		'is longer than a key and value of this store can make it' \
		"$long"
	lines_in ' { "more":[{"a":-1.5e+3},true,null,[],{}], "key" : "x" , "value" : "\ud83d\ude00\u0000\/" } ' ''
	expect "all else of JSON will do" 0 "$(summary 1 0 0 0)" ''
	port get --raw x
	bytes_are "and is what it stands for" f09f9880002f
	exec_into bash -c '"$0" --use "$1" --prefix "$2" import - <<<"$3"' \
		"$bin" "$s-port" "$(repeat p 60)" "$(item four 1)"
	says "a key that is too long in a namespace" 1 \
		"import: standard input, line 1: it has a key that is too long behind the prefix '$(repeat p 60)': nothing was imported"
}

test_import_partial() {
	port_store
	lines_in "$(item a 1)" '{"key":' "$(item b "$(repeat v 65)")" \
		"$(item c 3)" '--partial'
	expect_like "import --partial leaves out what is wrong" 1 \
		'2 keys created, 0 replaced, 0 kept, 0 expired, 2 lines broken.' \
		"*line 2, byte 8: it needs a string here*line 3: it has a value of 65 bytes*"
	port get c
	expect "and goes on behind it" 0 1:3 ''
	port_store 2
	lines_in "$(item a 1)" "$(item b 2)" "$(item c 3)" "$(item a 4)" ''
	says "more new keys than there is room for" 1 \
		"import: standard input has more than 3 new keys, and store '$s-port' has room for 2 of 2: nothing was imported"
	port set other 1
	lines_in "$(item a 1)" "$(item b 2)" ''
	says "or room is left for" 1 \
		"import: standard input has 2 new keys, and store '$s-port' has room for 1 of 2: nothing was imported"
	lines_in "$(item a 1)" "$(item b 2)" "$(item a 4)" '--partial'
	expect_like "with --partial what fits" 1 \
		'1 keys created, 1 replaced, 0 kept, 0 expired, 1 lines broken.' \
		"*import: store '$s-port' is full*"
	port unset a
	port set --ttl 1 other 1
	wait_until port_is_absent other
	lines_in "$(item a 1)" "$(item b 2)" ''
	expect "what has expired makes room" 0 "$(summary 2 0 0 0)" ''
}

test_import_from() {
	port_store
	lines_in "$(item a 1)" "$(item b 2)" "$(item c 3)" '--from 3'
	expect "import --from begins with that line" 0 "$(summary 1 0 0 0)" ''
	lines_in '{' "$(item b 2)" '--from 2'
	expect "whatever stands before" 0 "$(summary 1 0 0 0)" ''
	lines_in "$(item b 2)" '--from 2'
	expect "it may be all" 0 "$(summary 0 0 0 0)" ''
	lines_in "$(item b 2)" '--from 3'
	says "but not be missing" 1 \
		"import: standard input has 1 lines, so line 3 is none to begin with: nothing was imported"
	lines_in "$(item b 2)" '--from 0'
	expect_like "the first is 1" 2 '' "*'0' is no line*"
	port import "$tmp/no file"
	says "a file that is not there" 1 \
		"import: cannot read $tmp/no file: No such file or directory: nothing was imported"
	port import "$tmp"
	says "a directory is no file" 1 \
		"import: cannot read $tmp: Is a directory: nothing was imported"
	printf '%s' "$(item a 1)" >"$tmp/port.out"
	port import "$tmp/port.out"
	expect "the last line may have no end" 0 "$(summary 1 0 0 0)" ''
	exec_into bash -c 'printf "import -\n" | "$0" -n -u "$1"' "$bin" \
		"$s-port"
	expect_like "in a script standard input is the script" 2 '' \
		"*import: standard input is the script: give a file"
}

# Does this program know a packing? It says so when it does not.
packs() { # SUFFIX
	port export "$tmp/port.$1"
	[[ $rc == 0 ]]
}

test_packed() {
	local suffix tool before
	for suffix in gz zst; do
		tool=gzip
		[[ $suffix == zst ]] && tool=zstd
		port_store 64 4096
		for key in 1 2 3 4; do
			head -c 4000 /dev/urandom |
				"$bin" -u "$s-port" set "key$key" -
		done
		before=$(port_content)
		if ! packs $suffix; then
			expect_like ".$suffix needs a library" 1 '' \
				"*: this program was built without *lib*"
			continue
		fi
		command -v $tool >/dev/null &&
			check "$tool takes what export has packed" \
				$tool -qt "$tmp/port.$suffix"
		port_store 64 4096
		port import "$tmp/port.$suffix"
		expect "import unpacks .$suffix" 0 "$(summary 4 0 0 0)" ''
		check "to what it was" test "$(port_content)" = "$before"
		cat "$tmp/port.$suffix" "$tmp/port.$suffix" >"$tmp/port.twice"
		port import "$tmp/port.twice"
		expect "two behind each other are one" 0 "$(summary 0 8 0 0)" ''
		port_store 64 4096
		head -c 9000 "$tmp/port.$suffix" >"$tmp/port.cut"
		port import "$tmp/port.cut"
		expect_like "one that is cut is noticed" 1 '' \
			"*: import: $tmp/port.cut is packed, and ends too early, near line [0-3]: nothing was imported"
		port list --names
		expect "before anything is imported" 0 '' ''
		port import --partial "$tmp/port.cut"
		# zstd has larger blocks than that, and none is whole.
		expect_like "--partial takes what is whole" 1 '[0-2] keys created*' \
			"*ends too early, near line *( )@(0|[1-3]*go on with '--from *)"
		port_store 64 4096
		{
			head -c 5000 "$tmp/port.$suffix"
			printf broken
			tail -c +5007 "$tmp/port.$suffix"
		} >"$tmp/port.bad"
		port import "$tmp/port.bad"
		expect_like "and so is one that is damaged" 1 '' \
			"*: import: $tmp/port.bad is packed, and damaged near line [0-4]: nothing was imported"
	done
}

no_temporaries() { # beside the file
	local found=("$tmp/port"/*.??????)
	[[ ! -e ${found[0]} ]]
}

# What ends an export: the old file stays, whole, and nothing beside it.
test_export_ended() {
	local signal i bytes
	rm -rf "$tmp/port"
	mkdir "$tmp/port"
	port_store 64 65536
	for i in 1 2 3 4 5 6 7 8; do
		head -c 60000 /dev/urandom | "$bin" -u "$s-port" set "key$i" -
	done
	echo former >"$tmp/port/file"
	exec_into bash -c 'ulimit -f 64; exec "$0" -u "$1" export "$2"' \
		"$bin" "$s-port" "$tmp/port/file"
	says "a disk that is full" 1 \
		"export: cannot write '$tmp/port/file': File too large: what was there is as it was"
	check "leaves the former file" grep -qx former "$tmp/port/file"
	check "and nothing else" no_temporaries
	for signal in INT TERM KILL; do
		# Ended at some moment, the later each time.
		for i in 1 2 3 4 5 6; do
			echo former >"$tmp/port/file"
			rm -f "$tmp/port/file".*
			bytes=$((i * 100000))
			# With job control Ctrl-C is not ignored.
			set -m
			"$bin" -u "$s-port" export "$tmp/port/file" \
				>/dev/null 2>&1 &
			watcher=$!
			set +m
			until has_grown $bytes || ended; do :; done
			kill -$signal $watcher 2>/dev/null
			wait $watcher 2>/dev/null
			watcher=
			grep -qx former "$tmp/port/file" && continue
			jq -es 'length == 8' "$tmp/port/file" >/dev/null ||
				fail "the file is the former or the new one" \
					"$(wc "$tmp/port/file")"
		done
		pass "SIG$signal: the file is the former or the new one"
		[[ $signal == KILL ]] ||
			check "and there is nothing else" no_temporaries
	done
	rm -rf "$tmp/port"
}

has_grown() { # BYTES: what is written beside the file
	local size
	size=$(stat -c %s "$tmp/port"/file.?????? 2>/dev/null) || return 1
	((size >= $1))
}

# Ctrl-C within the input, a pipe without an end.
test_import_ended() {
	mkfifo "$tmp/port.pipe"
	port_store
	: >"$tmp/out"
	: >"$tmp/err"
	# Job control gives it a Ctrl-C that is not ignored.
	set -m
	"$bin" -u "$s-port" import - <"$tmp/port.pipe" >"$tmp/out" \
		2>"$tmp/err" &
	watcher=$!
	set +m
	exec {pipe}>"$tmp/port.pipe"
	item a 1 >&$pipe
	kill -INT $watcher
	wait $watcher
	rc=$?
	watcher=
	exec {pipe}>&-
	rm -f "$tmp/port.pipe"
	# It may come before it is caught, too.
	expect_like "Ctrl-C ends an import" 130 '' \
		"?($prog: import: cannot read standard input: interrupted: nothing was imported)"
	check "before anything is imported" port_is_absent a
}

# --- record, replay ---------------------------------------------------------

start_record() { # WORD...: into $tmp/port.log
	: >"$tmp/out"
	: >"$tmp/err"
	# With job control Ctrl-C is not ignored.
	set -m
	"$bin" -u "$s-port" record "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	watcher=$!
	set +m
	wait_until grep -qs '"recording"' "$tmp/port.log"
}

end_record() { # SIGNAL
	kill "-$1" "$watcher"
	wait "$watcher"
	rc=$?
	watcher=
}

log_holds() { # FILTER: for all lines together
	jq -se "$1" "$tmp/port.log" >/dev/null 2>&1
}

# Sets and removals at random, of values of any bytes, as one script.
random_changes() { # COUNT
	local i key
	for ((i = 0; i < $1; i++)); do
		key=key$((RANDOM % 10))
		head -c $((RANDOM % 64)) /dev/urandom >"$tmp/port.$key.$i"
		case $((RANDOM % 5)) in
		0) echo "incr one" && echo "unset one" ;;
		1) echo "set --ttl 1h $key @$tmp/port.$key.$i" ;;
		2) echo "set --ttl 1 gone$key @$tmp/port.$key.$i" ;;
		*) echo "set $key @$tmp/port.$key.$i" ;;
		esac
	done
	echo "set --ttl 1h lives 1"
	echo "set last 1"
}

# The last that was told of each of those is that they have expired.
all_gone() {
	log_holds 'map(select(.key // "" | startswith("gone")))
		| group_by(.key) | all(.[]; .[-1].event == "expired")'
}

test_record() {
	local before
	if ! command -v jq >/dev/null; then
		skip "record and replay" "needs jq"
		return
	fi
	port_store 64
	rm -f "$tmp/port.log"
	start_record "$tmp/port.log"
	random_changes 100 >"$tmp/script"
	"$bin" -n -u "$s-port" <"$tmp/script" >/dev/null
	rm -f "$tmp"/port.key*
	wait_until grep -q '"last"' "$tmp/port.log"
	wait_until all_gone
	end_record INT
	expect_like "record ends with Ctrl-C" 0 '' \
		"record: +([0-9]) changes are in '$tmp/port.log', 0 were missed"
	check "it begins with what it is of" log_holds ".[0] | .recording == 1
		and .store == \"$s-port\" and (.id | length) == 32
		and .slots == 64 and .max_value == 64 and .sequence == 0
		and .time_ns / 1e9 < now and .time_ns / 1e9 > now - 600"
	check "each change has a time and a sequence" log_holds \
		'.[1:] | all(.[]; .time_ns and .sequence and .event and
			.epoch) and length > 0'
	before=$(port_content)
	port_store 64
	port replay --fast "$tmp/port.log"
	expect_like "replay" 0 '+([0-9]) sets and +([0-9]) removals replayed.' ''
	check "makes it the same, byte for byte" \
		test "$(port_content)" = "$before"
	port ttl lives
	expect_like "with the time that was left" 0 '3[56]+([0-9])' ''
	port replay --json --speed 1000000 "$tmp/port.log" ^last
	expect_like "replay of what a pattern matches" 0 \
		'{"sets":1,"unsets":0,"missed":0,"last_line":*}' ''
}

test_record_ends() {
	port_store
	rm -f "$tmp/port.log"
	port set there 1
	start_record --count 2 --from-snapshot "$tmp/port.log" '^[tw]'
	"$bin" -n -u "$s-port" <<<$'set two 1\nset other 1\nset w 1\nset t 1'
	wait "$watcher"
	rc=$?
	watcher=
	expect "record ends after so many changes" 0 '' \
		"record: 2 changes are in '$tmp/port.log', 0 were missed"
	check "of what matches, behind what was there" log_holds \
		'map(.key // .event // "start") ==
		["start", "there", "synced", "two", "w"]'
	port record --timeout 20 --json "$tmp/port.log"
	expect "or when the time is over" 0 \
		"{\"file\":\"$tmp/port.log\",\"changes\":0,\"missed\":0}" ''
	check "behind what is in the file" log_holds \
		'map(select(.recording)) | length == 2'
	port record --timeout 0 -
	expect_like "or to standard output" 0 '{"recording":1,*}' ''
	echo text >"$tmp/port.text"
	port record --timeout 0 "$tmp/port.text"
	says "a file that is none is left alone" 1 \
		"record: '$tmp/port.text' is there already and is no recording: choose another name"
	check "as it was" grep -qx text "$tmp/port.text"
	port record ^f
	says "a pattern is no file" 2 \
		"record: '^f' looks like a pattern: write 'record - ^f', or './^f' for a file"
	port record --count 0 "$tmp/port.log"
	expect_like "no changes are no count" 2 '' "*'0' is no count of changes*"
	port record "$tmp/no/file"
	says "a directory that is not there" 1 \
		"record: cannot write '$tmp/no/file': No such file or directory"
	exec_into "$bin" -u "$s-port" record --timeout 20 /dev/full
	says "a disk that is full" 1 \
		"record: cannot write '/dev/full': No space left on device"
}

test_record_missed() {
	local before
	port_store
	rm -f "$tmp/port.log"
	start_record "$tmp/port.log"
	port set gone 1
	wait_until grep -q gone "$tmp/port.log"
	kill -STOP "$watcher"
	wait_until is_stopped "$watcher"
	{
		echo unset gone
		seq 100000 | awk '{ print "set k" $1 % 5, $1 }'
	} >"$tmp/script"
	"$bin" -n -u "$s-port" <"$tmp/script" >/dev/null
	kill -CONT "$watcher"
	wait_until grep -q '"100000"' "$tmp/port.log"
	wait_until grep -q synced "$tmp/port.log"
	end_record TERM
	check "record counts what it has missed, at its place" log_holds \
		'map(.event) | index("missed") > index("created") and
		index("missed") < index("synced")'
	before=$(port_content)
	port_store
	port replay --fast "$tmp/port.log"
	expect_like "replay says so" 0 \
		'*replayed, +([0-9]) changes were not recorded.' ''
	check "and ends as it was" test "$(port_content)" = "$before"
}

# START, SECONDS later a set, and another.
recorded() { # TIME_NS KEY
	echo "{\"time_ns\":$1,\"event\":\"created\",\"key\":\"$2\",\"value\":\"1\"}"
}

test_replay() {
	local start='{"recording":1,"time_ns":1000000000}' began
	port_store
	{
		echo "$start"
		recorded 1000000000 a
		recorded 1300000000 b
		echo '{"recording":1,"time_ns":9000000000000}'
		recorded 9000300000000 c
	} >"$tmp/port.log"
	began=$(date +%s%N)
	port replay --speed 2 "$tmp/port.log"
	expect "replay takes its time" 0 '3 sets and 0 removals replayed.' ''
	check "as much as it took, but for the time between two recordings" \
		test $((($(date +%s%N) - began) / 1000000)) -ge 300
	{
		echo "$start"
		recorded 1000000000 a
		printf '{"time_ns":1000'
	} >"$tmp/port.log"
	port replay "$tmp/port.log"
	expect "a line that is cut is named" 1 \
		'1 sets and 0 removals replayed.' \
		"$prog: replay: $tmp/port.log, line 3, byte 16: it needs a ',' or '}' here: there a recording was cut off"
	port record --quiet --timeout 0 "$tmp/port.log"
	recorded 1000000000 b >>"$tmp/port.log"
	port replay "$tmp/port.log"
	expect "record goes on behind it, and so does replay" 1 \
		'2 sets and 0 removals replayed.' \
		"$prog: replay: $tmp/port.log, line 3, byte 16: it needs a ',' or '}' here: there a recording was cut off"
	{
		echo "$start"
		echo broken
		recorded 1000000000 never
	} >"$tmp/port.log"
	port replay "$tmp/port.log"
	expect "one that is wrong ends it" 1 \
		'0 sets and 0 removals replayed.' \
		"$prog: replay: $tmp/port.log, line 2: it is no object: those before are done"
	check "before what follows" port_is_absent never
	while IFS='|' read -r what line; do
		printf '%s\n' "$line" >"$tmp/port.log"
		port replay "$tmp/port.log"
		expect_like "a line that $what" 1 '0 sets *' \
			"*line 1*: it $what: those before are done"
	done <<-'END'
		starts a recording of another version|{"recording":2,"time_ns":1}
		has no member "time_ns"|{"event":"unset","key":"a"}
		has no member "event"|{"time_ns":1,"key":"a"}
		tells of an event that is unknown|{"time_ns":1,"event":"eaten","key":"a"}
		has no member "key"|{"time_ns":1,"event":"unset"}
		has no member "value"|{"time_ns":1,"event":"changed","key":"a"}
	END
	port_store 1
	{
		recorded 1000000000 a
		recorded 1000000000 b
	} >"$tmp/port.log"
	port replay "$tmp/port.log"
	expect_like "a store that is full" 1 '*' \
		"*store '$s-port' is full*"$'\n'"replay: that is line 2 of $tmp/port.log; those before are done"
	port replay --speed 0 "$tmp/port.log"
	says "a speed that is none" 2 \
		"replay: '0' is no speed: give a number from 0.001 to 1000000, such as 0.5 or 10"
	port replay --speed 2 --fast "$tmp/port.log"
	says "two of them" 2 \
		"replay: --fast is a speed as well: give one of them"
	port replay "$tmp/no/file"
	says "a recording that is not there" 1 \
		"replay: cannot read $tmp/no/file: No such file or directory"
}

test_copy() {
	local other=$s-other
	port_store
	"$bin" init "$other" 1 8 >/dev/null 2>&1
	printf '\0\377' | "$bin" -u "$s-port" set bin -
	port copy bin "$other"
	expect "copy into another store" 0 '' ''
	run -u "$other" get --raw bin
	bytes_are "has every byte" 00ff
	port set --ttl 1h bin x
	port copy bin "$other"
	run -u "$other" ttl bin
	expect_like "and the time that is left" 0 '3[56]+([0-9])' ''
	port copy bin "$s-port" name
	port get name
	expect "it may be the same store, and another key" 0 1:x ''
	port --prefix na copy me "$s-port" k
	port get nak
	expect "both in a namespace" 0 1:x ''
	port copy bin "$other" new
	says "another store that is full" 1 \
		"copy: store '$other' is full, all 1 slots are taken: remove a key with 'unset', or make a larger store with '$prog init STORE SLOTS'"
	port set bin 123456789
	port copy bin "$other"
	says "or has no room for the value" 1 \
		"copy: the value of key 'bin' is too large, 9 bytes: store '$other' takes at most 8 bytes, a store for larger ones is made with '$prog init STORE SLOTS BYTES'"
	port copy absent "$other"
	says "copy of a key that is not there" 1 \
		"copy: no key 'absent' in store '$s-port'"
	port copy bin "$s-none"
	says "into a store that is not there" 1 \
		"no store '$s-none': create it with '$prog init $s-none'"
	port copy bin "$tmp/none"
	says "into a file that is not there" 1 \
		"no store '$tmp/none': create it with 'splinterpctl init $tmp/none'"
	port copy bin "$s-port" ''
	says "an empty key" 1 "copy: a key cannot be empty: give 1 to 63 bytes"
	port copy bin "$s-port" "$(repeat k 64)"
	says "a key that is too long" 1 \
		"copy: key '$(repeat k 64)' is too long, 64 bytes: use at most 63 bytes"
	"${bin%/*}/splinterpctl" init "$tmp/copied" >/dev/null 2>&1
	port copy bin "$tmp/copied"
	exec_into "${bin%/*}/splinterpctl" -u "$tmp/copied" get bin
	expect "a path leads to a file" 0 9:123456789 ''
	rm -f "$tmp/copied"
	run destroy "$other"
}
