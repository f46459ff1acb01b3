#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_completion.sh - the completion for bash, zsh and fish, in these shells:
# what is offered, and what a line is after Tab. TAP on stdout.
#
# usage: test_completion.sh DIRECTORY_OF_THE_BINARIES
#
# Works in a directory of its own; its stores in /dev/shm bear its process
# number, and all is removed at the end.

# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC1003,SC2016,SC2088 # lines for shells, as they stand

set -u

bindir=$(cd "${1:?usage: $0 DIRECTORY_OF_THE_BINARIES}" && pwd) || exit 1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
umask 022
unset SPLINTER_DEFAULT_STORE SPLINTER_NS_PREFIX
export LC_ALL=C.UTF-8

tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-completion.XXXXXX") || exit 1
export TMPDIR=$tmp HOME=$tmp
s=splinter_completion_test_$$
names=(splinterctl splinterpctl splinter_cli splinterp_cli)
mkdir "$tmp/bin" "$tmp/files" "$tmp/empty"
for name in "${names[@]}"; do
	ln -s "$bindir/splinterctl" "$tmp/bin/$name"
done
PATH=$tmp/bin:$PATH
bin=$tmp/bin/splinterctl

clean_up() {
	rm -rf "$tmp" "/dev/shm/$s" "/dev/shm/$s"-*
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
cd "$tmp/files" || exit 1

# shellcheck source=harness.sh
. "$here/harness.sh"

# --- Stores ----------------------------------------------------------------

# What a shell may take for something of its own.
odd=('two words' "it's" 'say "so"' 'back\slash' 'end\' "dollar\$x" '~tilde'
	'#hash' 'no!yes' '*glob' 'semi;colon' 'equals=1' 'grüße' '-dash'
	'at:two words' "at:it's" at:1 at:2 "last'" 'quit"'
	"x'y'z" 'run$(touch hurt)')
many=100000

make_stores() {
	local key i
	"$bin" init "$s" 2>/dev/null || return 1
	for key in plain "${odd[@]}"; do
		"$bin" --use "$s" set -- "$key" value || return 1
	done
	"$bin" --use "$s" set -- --double value || return 1
	# Keys that nobody could type, or that would control the terminal.
	for key in $'escape\e[2J' $'line\nend' $'c1\xc2\x9b2J' $'byte\xff'; do
		"$bin" --use "$s" set "$key" value || return 1
	done
	"$bin" init "$s-two words" 8 8 2>/dev/null || return 1
	splinterpctl init filed 2>/dev/null || return 1
	splinterpctl --use filed set of_file value || return 1
	echo 'no store' >some-file
	"$bin" init "$s-many" 128K 8 2>/dev/null || return 1
	for ((i = 0; i < many; i++)); do
		echo "set key$i v"
	done | "$bin" --use "$s-many" --no-repl
}

# --- Asking the shells -----------------------------------------------------

# Each reads lines, up to the cursor, and prints for each choice the line, a
# tab, the choice as it will be used, a tab and, if shown, the summary.

# As bash calls it, for lines without quotes and characters that break words.
# Stops at a line that bash would not know what to do with.
cat >"$tmp/ask.bash" <<'END'
. <("$1/splinterctl" --completion bash)
while IFS= read -r COMP_LINE; do
	read -ra COMP_WORDS <<<"$COMP_LINE"
	[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
	COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	function=$(complete -p "${COMP_WORDS[0]##*/}") || exit 1
	[[ $function == *'-o default '*'-F '* ]] || exit 1
	function=${function#*-F } COMPREPLY=()
	"${function%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
		"${COMP_WORDS[COMP_CWORD - 1]}"
	for choice in "${COMPREPLY[@]}"; do
		printf '%s\t%s\t\n' "$COMP_LINE" "$choice"
	done
done
END
cat >"$tmp/ask.fish" <<'END'
$argv[1]/splinterctl --completion fish | source
while read -l line
	for choice in (complete -C "$line")
		string match -q "*"\t"*" -- $choice; or set choice $choice\t
		printf '%s\t%s\n' "$line" $choice
	end
end
END

# And these are typed.
cat >"$tmp/keys.bash" <<'END'
PS1='ready> '
bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
bind -x '"\C-t": printf %s "$READLINE_LINE" >"$typed"; printf "(%s)" done'
. <(splinterctl --completion bash)
END
cat >"$tmp/keys.zsh" <<'END'
PS1='ready> '
autoload -Uz compinit
compinit -D -u
. <(splinterctl --completion zsh)
note() { print -rn -- "$BUFFER" >$typed; printf '(%s)' done }
zle -N note
bindkey '^T' note
bindkey '^G' list-choices
LISTMAX=0
END

ask() { # SHELL LINE...
	local shell=$1
	shift
	case $shell in
	bash) printf '%s\n' "$@" |
		timeout -k 5 120 bash --norc "$tmp/ask.bash" "$tmp/bin" ;;
	fish) printf '%s\n' "$@" |
		timeout -k 5 120 fish --no-config "$tmp/ask.fish" "$tmp/bin" ;;
	zsh) printf 'list\t%s\n' "$@" |
		timeout -k 5 120 python3 -B "$here/completion.py" keys zsh \
			"$tmp/keys.zsh" ;;
	esac >"$tmp/out" 2>"$tmp/err"
	rc=$?
}

# What zsh shows: columns two or more spaces apart, or "choice -- summary".
columns() { # FILE
	sed -E -e 's/\t([^ ]+) +-- (.*)/\t\1\t\2/; t' -e 's/  +/\n/g' "$1" |
		awk -F'\t' -v OFS='\t' '
			NF > 1 { line = $1 }
			NF == 1 { print line, $1, ""; next }
			{ print $1, $2, $3 }'
}

# What is to be asked: "LINE NAME", and what is wanted: "LINE CHOICE SUMMARY".
plan() { # NAME LINE
	printf '%s\t%s\n' "$2" "$1" >>"$tmp/plan"
}

offers() { # NAME LINE CHOICE...: and nothing else, without summaries
	local line=$2 choice
	plan "$1" "$line"
	shift 2
	for choice; do
		printf '%s\t%s\t\n' "$line" "$choice"
	done >>"$tmp/wanted"
}

of_line() { # LINE FILE: what it says of the line, sorted
	LINE=$1 awk -F'\t' '$1 == ENVIRON["LINE"]' "$2" | sort
}

settle() { # SHELL: asks all that is planned at once
	local lines line name
	touch "$tmp/wanted"
	mapfile -t lines < <(cut -f 1 "$tmp/plan")
	ask "$1" "${lines[@]}"
	case $1 in
	bash) sed -i 's/\t[^\t]*$/\t/' "$tmp/wanted" ;;
	zsh) columns "$tmp/out" >"$tmp/raw" && mv "$tmp/raw" "$tmp/out" ;;
	esac
	check "the shell comes to its end, without a word" \
		test "$rc" = 0 -a ! -s "$tmp/err"
	while IFS=$'\t' read -r line name; do
		of_line "$line" "$tmp/wanted" >"$tmp/these"
		if of_line "$line" "$tmp/out" |
			diff "$tmp/these" - >"$tmp/diff"; then
			pass "$name"
		else
			fail "$name" "$(cat -v "$tmp/diff" "$tmp/err")"
		fi
	done <"$tmp/plan"
	rm -f "$tmp/plan" "$tmp/wanted"
}

# What the line is after Tab.
becomes() { # NAME SHELL TYPED LINE [TYPED LINE]...
	local name=$1 shell=$2
	shift 2
	printf '%s\t%s\n' "$@" >"$tmp/wanted"
	cut -f 1 "$tmp/wanted" | sed 's/^/tab\t/' |
		timeout -k 5 120 python3 -B "$here/completion.py" keys \
			"$shell" "$tmp/keys.$shell" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	diff "$tmp/wanted" "$tmp/out" >"$tmp/diff"
	if [[ $rc == 0 && ! -s $tmp/diff ]]; then
		pass "$name"
	else
		fail "$name" "$(cat -v "$tmp/diff" "$tmp/err")"
	fi
}

# --- What the tables have --------------------------------------------------

plan_tables() {
	local line
	while IFS= read -r line; do
		plan "'$line' offers what help says" "$line"
	done < <(cut -f 1 "$tmp/table" | uniq)
	cat "$tmp/table" >>"$tmp/wanted"
}

plan_names() {
	local name
	for name in "${names[@]}" "$tmp/bin/splinterpctl"; do
		plan "${name##*/} is completed" "$name stores --n"
		printf '%s\t%s\t%s\n' "$name stores --n" --names \
			'print names only, one a line' >>"$tmp/wanted"
	done
}

# --- What there is ---------------------------------------------------------

plan_stores() {
	offers "--use offers stores" "splinterctl --use ${s}-m" "$s-many"
	offers "-u offers stores" "splinterctl -u ${s}-m" "$s-many"
	offers "use offers stores" "splinterctl use ${s}-m" "$s-many"
	offers "destroy offers stores" \
		"splinterctl --json destroy ${s}-m" "$s-many"
	offers "--use offers stores in files" "splinterpctl --use f" filed
	offers "use offers stores in files" "splinterp_cli use f" filed
	offers "keys of a store in a file" \
		"splinterpctl --use filed get o" of_file
}

plan_keys() {
	local command
	for command in append cas get head incr set unset watch \
		"--json get" "get --raw" "watch --timeout 5s --oneshot" \
		"watch --timeout=5s" "watch other" "set --literal" "get --"; do
		offers "$command offers keys" \
			"splinterctl --use $s $command pl" plain
	done
	offers "keys begin behind --prefix" \
		"splinterctl --use $s --prefix pla get i" in
	offers "keys begin behind --prefix=" \
		"splinterctl --prefix=pla --use=$s get i" in
	offers "letters of options in one word" \
		"splinterctl -nu $s get pl" plain
	offers "a store behind its letter in one word" \
		"splinterctl -nu$s get pl" plain
	offers "a key with one dash in front" \
		"splinterctl --use $s get -d" -dash
	offers "a key with two behind --" \
		"splinterctl --use $s get -- --d" --double
	offers "of $many keys one that is meant" \
		"splinterctl --use $s-many get key7777" key7777 key7777{0..9}
}

plan_words() {
	offers "config offers settings" "splinterctl config max" max_val_sz
	offers "config av offers what it takes" "splinterctl config av " 0 1
	offers "--completion offers shells" "splinterctl --completion " \
		bash fish zsh
}

test_environment() { # SHELL
	offers "the store of the environment" "splinterctl get pl" plain
	SPLINTER_DEFAULT_STORE=$s settle "$1"
	offers "the prefix of the environment" "splinterctl get i" in
	SPLINTER_DEFAULT_STORE=$s SPLINTER_NS_PREFIX=pla settle "$1"
}

# Files are left to the shell, and here are none.
test_nothing() { # SHELL
	local line
	for line in "get plain " "get nosuch" "set plain some" \
		"set plain --" "cas plain 0 --" "list pl" "hist s" "stores s" \
		"init new 1" "init --mode 6" "watch --timeout 5" \
		"config keys " "help get g" 'get $(touch hurt) ' \
		'get "`touch hurt`" ' 'get `touch hurt' 'get $(touch hurt' \
		"frobnicate " "--history-file so" \
		"--prefix pl" "--json=s" "--nosuch=s" "-- --js" "get --d"; do
		offers "nothing fits '$line'" "splinterctl --use $s $line"
	done
	for line in "splinterctl --use nosuch get " "splinterctl get p" \
		"splinterctl --use some-file get " "splinterctl --use / get " \
		"splinterpctl --use some-file get " "splinterctl use nosuch" \
		"nosuch/splinterctl " "~/nosuch/splinterctl "; do
		offers "nothing fits '$line'" "$line"
	done
	cd "$tmp/empty" || exit 1
	settle "$1"
	cd "$tmp/files" || exit 1
}

test_many() { # SHELL
	local found
	ask "$1" "splinterctl --use $s-many get key"
	found=$(grep -oE 'key[0-9]+' "$tmp/out" | sort -u | wc -l)
	check "of $many keys 500 are offered" test "$rc-$found" = 0-500
}

# --- What is inserted ------------------------------------------------------

# Pairs of what is typed behind "get " and what that becomes.
becomes_get() { # NAME SHELL [TYPED WORD]...
	local name=$1 shell=$2 pairs=()
	shift 2
	while (($#)); do
		pairs+=("splinterctl get $1" "splinterctl get $2")
		shift 2
	done
	SPLINTER_DEFAULT_STORE=$s becomes "$name" "$shell" "${pairs[@]}"
}

test_inserting_bash() {
	becomes_get "a word is inserted whole" bash \
		pl 'plain ' plain 'plain ' nosuch nosuch
	becomes_get "what is special is quoted" bash \
		tw 'two\ words ' it "it\\'s " sa 'say\ \"so\" ' \
		ba 'back\\slash ' en 'end\\ ' 'do' 'dollar\$x ' \
		'\~' '\~tilde ' '\#' '\#hash ' no 'no\!yes ' \
		'\*' '\*glob ' se 'semi\;colon ' gr 'grüße ' -d '-dash ' \
		ru 'run\$\(touch\ hurt\) '
	becomes_get "in quotes of one kind" bash \
		"'tw" "'two words' " "'it" "'it'\\''s' " "'sa" "'say \"so\"' " \
		"'ba" "'back\\slash' " "'en" "'end\\' " "'do" "'dollar\$x' " \
		"'la" "'last'\\''' " "'ru" "'run\$(touch hurt)' " \
		"'two w" "'two words' " "'two words'" 'two\ words ' \
		"'it'\\''" "'it'\\''s' "
	becomes_get "in quotes of the other" bash \
		'"tw' '"two words" ' '"it' "\"it's\" " '"sa' '"say \"so\"" ' \
		'"ba' '"back\\slash" ' '"do' '"dollar\$x" ' \
		"\"x'y'" "\"x'y'z\" " '"qu' '"quit\"" ' \
		'"ru' '"run\$(touch hurt)" ' \
		'"no' "\"no\"'!'\"yes\" "
	becomes_get "behind characters that break words" bash \
		at at: at: at: at:t 'at:two\ words ' at:i "at:it\\'s " \
		"'at:t" "'at:two words' " at:\'t "at:'two words' " \
		'"at:t' '"at:two words" ' at:1 'at:1 ' \
		equals= 'equals=1 ' "'at':t" "'at':two\\ words "
	becomes "an option and its word in one" bash \
		"splinterctl --use=${s}-m" "splinterctl --use=$s-many " \
		"splinterctl --use=${s}-t" "splinterctl --use=$s-two\\ words " \
		"splinterctl --use ${s}-t" "splinterctl --use $s-two\\ words "
	becomes "files where nothing fits" bash \
		'splinterctl set key some' 'splinterctl set key some-file ' \
		'splinterctl get <some' 'splinterctl get <some-file '
	becomes "in the middle of more" bash \
		"X=1 splinterctl --use $s get pl" \
		"X=1 splinterctl --use $s get plain " \
		"true; $tmp/bin/splinterctl --use $s get 'pl" \
		"true; $tmp/bin/splinterctl --use $s get 'plain' " \
		"~/bin/splinterctl --use $s get pl" \
		"~/bin/splinterctl --use $s get plain " \
		"splinterctl --use '$s' get two\\ words #pl" \
		"splinterctl --use '$s' get two\\ words #pl"
}

test_inserting_zsh() {
	becomes_get "a word is inserted whole" zsh \
		pl 'plain ' plain 'plain ' nosuch nosuch
	becomes_get "what is special is quoted" zsh \
		tw 'two\ words ' it "it\\'s " sa 'say\ \"so\" ' \
		ba 'back\\slash ' en 'end\\ ' 'do' 'dollar\$x ' \
		'\~' '\~tilde ' '\#' '\#hash ' no 'no\!yes ' \
		'\*' '\*glob ' se 'semi\;colon ' gr 'grüße ' -d '-dash ' \
		ru 'run\$\(touch\ hurt\) '
	becomes_get "in quotes of one kind" zsh \
		"'tw" "'two words' " "'it" "'it'\\''s' " "'sa" "'say \"so\"' " \
		"'ba" "'back\\slash' " "'en" "'end\\' " "'do" "'dollar\$x' " \
		"'back\\s" "'back\\slash' " "'two w" "'two words' "
	becomes_get "in quotes of the other" zsh \
		'"tw' '"two words" ' '"it' "\"it's\" " '"sa' '"say \"so\"" ' \
		'"ba' '"back\\slash" ' '"do' '"dollar\$x" ' \
		'"back\s' '"back\\slash" ' '"dollar\$' '"dollar\$x" ' \
		"\"x'y'" "\"x'y'z\" "
	becomes_get "behind characters that break words" zsh \
		at at: at: at: at:t 'at:two\ words ' at:i "at:it\\'s " \
		"'at:t" "'at:two words' " '"at:t' '"at:two words" ' \
		at:1 'at:1 ' equals= 'equals=1 '
	becomes "an option and its word in one" zsh \
		"splinterctl --use=${s}-m" "splinterctl --use=$s-many " \
		"splinterctl --use=${s}-t" "splinterctl --use=$s-two\\ words " \
		"splinterctl --use ${s}-t" "splinterctl --use $s-two\\ words "
	becomes "files where nothing fits" zsh \
		'splinterctl set key some' 'splinterctl set key some-file ' \
		'splinterctl set key @some' 'splinterctl set key @some-file ' \
		'splinterctl get <some' 'splinterctl get <some-file '
	becomes "in the middle of more" zsh \
		"X=1 splinterctl --use $s get pl" \
		"X=1 splinterctl --use $s get plain " \
		"~/bin/splinterctl --use $s get pl" \
		"~/bin/splinterctl --use $s get plain " \
		"splinterctl --use '$s' get 'pl" \
		"splinterctl --use '$s' get 'plain' "
}

# Found in a directory for such functions, not sourced.
test_autoload_zsh() {
	mkdir "$tmp/functions"
	"$bin" --completion zsh >"$tmp/functions/_splinterctl"
	sed -e "s|^autoload|fpath=('$tmp/functions' \$fpath)\n&|" \
		-e '/--completion/d' "$tmp/keys.zsh" >"$tmp/keys.auto"
	mv "$tmp/keys.zsh" "$tmp/keys.kept"
	mv "$tmp/keys.auto" "$tmp/keys.zsh"
	becomes "a function that is loaded when needed" zsh \
		'splinterctl sto' 'splinterctl stores ' \
		'splinterp_cli sto' 'splinterp_cli stores ' \
		'splinterctl sto' 'splinterctl stores '
	mv "$tmp/keys.kept" "$tmp/keys.zsh"
}

# Fish quotes what it inserts itself, so choices are what they are.
test_inserting_fish() {
	local get="splinterctl --use $s get"
	offers "what is special" "$get tw" 'two words'
	offers "in quotes of one kind" "$get 'two w" 'two words'
	offers "in quotes of the other" "$get \"two w" 'two words'
	offers "behind a backslash" "$get two\\ w" 'two words'
	offers "with one quote" "$get it" "it's"
	offers "one quote in quotes" "$get 'it\\'" "it's"
	offers "with a backslash" "$get ba" 'back\slash'
	offers "with a backslash at the end" "$get end" 'end\'
	offers "the same in quotes" "$get 'end\\\\" 'end\'
	offers "what could be a variable" "$get do" "dollar\$x"
	offers "what could be a comment" "$get \\#" '#hash'
	offers "the same in quotes" "$get '#" '#hash'
	offers "what could be a command" "$get ru" 'run$(touch hurt)'
	offers "behind a ':'" "$get at:t" 'at:two words'
	offers "the same in quotes" "$get 'at:it" "at:it's"
	offers "an option and its word in one" "splinterctl --use=${s}-t" \
		"--use=$s-two words"
	offers "a line in quotes" "'splinterctl' '--use' '$s' get pl" plain
	offers "a program in the home directory" "~/bin/$get pl" plain
	offers "behind an assignment" "X=1 $get pl" plain
	offers "files where nothing fits" \
		'splinterctl set key some' some-file
	offers "files behind @" 'splinterctl set key @some' @some-file
	settle fish
}

# --- The program's part ----------------------------------------------------

test_program() {
	local line wrong='' key
	prog=splinterctl
	run --completion csh
	says "no completion for other shells" 2 \
		"no completion for 'csh': name bash, zsh or fish"
	for line in bash zsh fish; do
		run --completion "$line"
		expect_like "--completion $line" 0 "*$line completion for*" ''
	done
	run --complete "splinterctl --use $s get "
	for key in plain "${odd[@]}"; do
		grep -qF -e "${key##*\'}"$'\t' "$tmp/out" ||
			grep -qF -e "${key##*\'}'"$'\t' "$tmp/out" ||
			wrong+=" $key"
	done
	check "all keys that can be typed are offered" test -z "$wrong"
	check "keys that cannot be typed are not" test "$(wc -l <"$tmp/out")" \
		= $((${#odd[@]} + 1))
	"$bin" --use "$s" set only value
	run --complete "splinterctl --use $s --prefix only get "
	expect "a key is not empty" 0 '' ''
	run --complete "splinterctl --use $s get # "
	expect "nothing is offered in a comment" 0 '' ''
}

# Whatever the line is: an answer, at once, without a word about it.
try_line() { # NAME LINE
	timeout -k 5 60 "$bin" --complete "$2" >"$tmp/out" 2>"$tmp/err" \
		</dev/null
	rc=$?
	if [[ $rc == [01] && ! -s $tmp/err ]]; then
		pass "a line of $1"
	else
		fail "a line of $1" "$(outcome | head -c 2000)"
	fi
}

# The longest that a word of a program can be is 128 KiB with its NUL.
longest() { # TEXT: this again and again
	yes -- "$1" | tr -d '\n' | head -c $((131071 - 13))
}

test_hostile() {
	local text i bytes len
	local marks=(\' '"' '\' ' ' - -- '=' : '#' @ u)
	try_line "nothing" ''
	try_line "a space" ' '
	try_line "white space only" $' \t\r\n\v '
	try_line "one quote" \'
	try_line "another quote" '"'
	try_line "a backslash" '\'
	try_line "a name without a space" splinterctl
	try_line "a comment" '# splinterctl get '
	for text in "get 'a" 'get "a' 'get a\' "get 'a'\\" '--use' '--use=' \
		'--use "" get ' '-u' '-' '--' '-- -' '--=' '-=' '=' \
		'--complete x --complete ' '--completion= ' '--json=get ' \
		'--history-len x get ' 'get --' 'get -- -- ' 'get --=' \
		'help ext ' 'help help ' 'config av av ' 'set a b c d e ' \
		"--use /dev/null get " "--use ../../etc/passwd get " \
		"--prefix x get $(repeat x 200)" "--use $(repeat x 5000) get " \
		$'get \xff\xfe\xc3' $'get \e[2J\a' $'\xf0\x9f "' \
		'$(touch hurt)' '`touch hurt`' '%s%n%d' 'get key #' "get '#"; do
		try_line "$(cat -v <<<"${text:0:40}")" "splinterctl $text"
	done
	for text in a ' ' 'a ' "'" '"' '\' '-' ' -' '=' "' \"" $'\xff' '#' \
		' --use=x' 'u' '--prefix x '; do
		try_line "128 KiB of '$(cat -v <<<"$text")'" \
			"splinterctl $(longest "$text")"
		try_line "128 KiB of letters and '$(cat -v <<<"$text")'" \
			"splinterctl -$(longest "$text")"
	done
	RANDOM=1 # the same each time
	for ((i = 0; i < 50; i++)); do
		bytes='' len=$((RANDOM % 400))
		while ((${#bytes} < len)); do
			# What matters is more often than chance has it.
			case $((RANDOM % 3)) in
			0) printf -v text %02x $((RANDOM % 255 + 1))
				printf -v text %b "\\x$text" ;;
			1) text=${odd[RANDOM % ${#odd[@]}]:0:3} ;;
			2) text=${marks[RANDOM % ${#marks[@]}]} ;;
			esac
			bytes+=$text
		done
		try_line "garbage, number $i" "splinterctl $bytes"
	done
}

# --- All of it -------------------------------------------------------------

if ! make_stores || ! python3 -B "$here/completion.py" table "$bin" "$s" \
	>"$tmp/table"; then
	echo "Bail out! the stores cannot be made"
	exit 1
fi
test_program
test_hostile
for prog in bash zsh fish; do
	if ! command -v "$prog" >/dev/null; then
		skip "completion" "there is no $prog here"
		continue
	fi
	plan_tables
	plan_names
	plan_stores
	plan_keys
	plan_words
	settle "$prog"
	test_environment "$prog"
	test_nothing "$prog"
	test_many "$prog"
	"test_inserting_$prog"
	[[ $prog != zsh ]] || test_autoload_zsh
done
check "no word of a line or a key was run as a command" \
	test ! -e "$tmp/files/hurt" -a ! -e "$tmp/empty/hurt"
echo "1..$count"
((!failures))
