#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_mutants.sh - test_man.sh finds what it is there to find: each mutant is
# a copy of man/ and include/ with one mistake, and must fail where it should.
# TAP on stdout.
#
# usage: test_mutants.sh BUILD_DIR
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2
build=$(cd "${1:?usage: $0 BUILD_DIR}" && pwd) || exit 2
tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-mutants.XXXXXX") || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

count=0
failed=0
result() { # STATUS NAME [FILE_WITH_DETAILS]
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	[ $# -lt 3 ] || sed 's/^/# /' "$3"
}

fresh() {
	rm -rf "$tmp/root"
	mkdir "$tmp/root"
	cp -R "$here/../../man" "$here/../../include" "$tmp/root"
	# Independent of how far the real one is.
	cp "$here/fake/splinterctl.1" "$tmp/root/man/"
}

run() { # PART
	local dir=$build
	[ "$1" != commands ] || dir=$here/fake
	"$here/test_man.sh" "$dir" "$tmp/root" "$1" >"$tmp/out" 2>&1
}

# The copy fails in PART, in the check called CHECK.
fails() { # MUTATION PART CHECK
	if run "$2"; then
		result 1 "$1: not found"
		return
	fi
	grep -q "^not ok [0-9]* - $3\$" "$tmp/out"
	result $? "$1" "$tmp/out"
}

# What SED makes of FILE.
mutant() { # MUTATION PART CHECK FILE SED
	local file=$tmp/root/$4
	fresh
	cp "$file" "$tmp/before"
	sed -i -e "$5" "$file"
	if cmp -s "$tmp/before" "$file"; then
		result 1 "$1: the edit changes nothing"
		return
	fi
	case $2 in # of the other pages nothing is needed there
	lint | examples)
		find "$tmp/root/man" -type f ! -path "$file" -delete
		;;
	esac
	fails "$1" "$2" "$3"
}

fresh
for part in api lint examples commands; do
	run $part
	result $? "without a mistake $part passes" "$tmp/out"
done

# --- Functions and prototypes ------------------------------------------------

once='each function is in one NAME section'
declared='NAME sections have declared functions only'
mutant 'a function in no NAME' api "$once" man/spl_set.3 's/, spl_append//'
mutant 'a function in two NAMEs' api "$once" man/splinter_get.3 \
	's/^splinter_get \\/splinter_get, spl_get \\/'
mutant 'a function that is new in the header' api "$once" include/spl.h \
	's/^SPL_API int spl_fd/SPL_API int spl_fds(int);\n&/'
mutant 'a function that no header declares' api "$declared" \
	man/spl_get.3 's/^spl_get \\/spl_get, spl_got \\/'
mutant 'a function gone from the header' api "$declared" \
	include/splinter.h '/splinter_get_av/d'
mutant 'another type in SYNOPSIS' api \
	"spl_get.3 has the headers' prototypes" man/spl_get.3 \
	's/"    size_t " cap/"    int " cap/'
mutant 'another type in the header' api \
	"spl_get.3 has the headers' prototypes" include/spl.h \
	's/void \*buf, size_t cap/void *buf, int cap/'
mutant 'another name of an argument' api \
	"splinter_poll.3 has the headers' prototypes" man/splinter_poll.3 \
	's/" timeout_ms )/" timeout )/'
mutant 'a prototype missing' api \
	"splinter_set_av.3 has the headers' prototypes" \
	man/splinter_set_av.3 '/int splinter_get_av(void)/d'
mutant 'a prototype twice' api \
	"splinter_set_av.3 has the headers' prototypes" \
	man/splinter_set_av.3 '/int splinter_get_av(void)/p'
mutant 'another header included' api \
	"spl_fd.3 has the headers' prototypes" man/spl_fd.3 \
	'0,/<spl.h>/s//<splinter.h>/'

# --- Errors ------------------------------------------------------------------

mutant 'an error missing' api "spl_set.3 has the headers' errors" \
	man/spl_set.3 '/^\.SH ERRORS/,/^\.SH/s/ESTALE/ERANGE/'
mutant 'an error missing that is usual' api \
	"spl_stat.3 has the headers' errors" man/spl_stat.3 \
	'/^\.SH ERRORS/,/^\.SH/s/ENAMETOOLONG/EINVAL/'
mutant 'an error missing that another function passes on' api \
	"spl_unset.3 has the headers' errors" man/spl_unset.3 \
	'/^\.SH ERRORS/,/^\.SH/s/EROFS/EINVAL/'
mutant 'an error missing of the flat API' api \
	"splinter_create.3 has the headers' errors" man/splinter_create.3 \
	'/^\.SH ERRORS/,/^\.SH/s/EPROTONOSUPPORT/EINVAL/'
mutant 'an error that is new in the header' api \
	"spl_fd.3 has the headers' errors" include/spl.h \
	's/^ \* spl_fd - /&-EBADF, /'
mutant 'an error that does not exist' api \
	"spl_get.3 has the headers' errors" man/spl_get.3 \
	's/^\.B \\-ENOENT/.B \\-ENOTHERE/'
mutant 'an error without its sign' api \
	"spl_get.3 has the headers' errors" man/spl_get.3 \
	's/^\.B \\-ENOENT/.B ENOENT/'
mutant 'an error with a sign in the flat API' api \
	"splinter_get.3 has the headers' errors" man/splinter_get.3 \
	's/^\.B ENOENT/.B \\-ENOENT/'

# --- Structures and constants ------------------------------------------------

structs="structures are the headers' and described field by field"
constants='constants are named, limits with their values'
mutant 'a field undescribed' api "$structs" man/spl_stat.3 \
	's/^\.I val_off/.I offset/'
mutant 'a field undescribed, the other structure having one' api \
	"$structs" man/splinter_get_header_snapshot.3 \
	'/^} splinter_header_snapshot_t/,/^\.EX/s/^\.I epoch/.I changes/'
mutant 'another type of a field' api "$structs" man/spl_options_init.3 \
	's/uint64_t slots;/uint32_t slots;/'
mutant 'a field that is new in the header' api "$structs" include/spl.h \
	's/^\tuint64_t repairs;/\tuint64_t rescues;\n&/'
mutant 'a constant unnamed' api "$constants" man/spl_options_init.3 \
	's/SPL_DEFAULT_SLOTS/SPL_SLOTS/'
mutant 'a constant that is new in the header' api "$constants" \
	include/spl.h 's/SPL_ANY_OWNER = 4/&,\n\tSPL_HUGE = 8/'
mutant 'another value of a limit' api "$constants" include/spl.h \
	's/SPL_KEY_MAX = 63/SPL_KEY_MAX = 127/'

# --- Form --------------------------------------------------------------------

mutant 'VERSIONS without a version' api 'spl_fd.3 says since when' \
	man/spl_fd.3 's/^Since 1\.0\./Always./'
mutant 'another version' api 'spl_fd.3 says since when' include/spl.h \
	'/valid handle\.$/{n;s/Since 1\.0/Since 1.1/}'
mutant 'a section missing' api 'spl_fd.3 has its sections' man/spl_fd.3 \
	's/^\.SH RETURN VALUE/.SH RESULT/'
mutant 'a section twice and one missing' api \
	'splinter_poll.3 has its sections' man/splinter_poll.3 \
	's/^\.SH RETURN VALUE/.SH ERRORS/'
mutant 'nothing about threads' api 'spl_fd.3 has its sections' \
	man/spl_fd.3 's/^\.B Threads/.B Forks/'
mutant 'nothing about signal handlers' api 'spl_fd.3 has its sections' \
	man/spl_fd.3 's/^\.B Signal handlers/.B Handlers/'
mutant 'another title' api 'spl_fd.3 has its sections' man/spl_fd.3 \
	's/^\.TH SPL_FD 3/.TH SPL_FD 2/'
mutant 'another name first' api 'spl_open.3 has its sections' \
	man/spl_open.3 's/^spl_open, spl_create,/spl_create, spl_open,/'
mutant 'something that mandoc warns of' lint 'spl_fd.3 is fine for mandoc' \
	man/spl_fd.3 's/^\.SH ERRORS/.PP\n&/'
mutant 'something that groff warns of' lint 'spl_fd.3 is fine for groff' \
	man/spl_fd.3 's/^\.SH ERRORS/.nosuchmacro\n&/'

# --- References --------------------------------------------------------------

links='each further name leads to its page'
mutant 'a reference to no page' api 'spl_fd.3 refers to pages that exist' \
	man/spl_fd.3 's/^\.BR spl_close (3),$/.BR spl_shut (3),/'
mutant 'a reference to another section' api \
	'spl_fd.3 refers to pages that exist' man/spl_fd.3 \
	's/^\.BR splinter (7)$/.BR splinter (5)/'
mutant 'a reference to no program' api \
	'spl_open.3 refers to pages that exist' man/spl_open.3 \
	's/^\.BR splinterctl (1),$/.BR splinterset (1),/'
mutant 'a reference to itself' api 'spl_fd.3 refers to pages that exist' \
	man/spl_fd.3 's/^\.BR spl_close (3),$/.BR spl_fd (3),/'
mutant 'a page that splinter.7 does not have' api \
	'splinter.7 refers to all pages' man/splinter.7 '/spl_version/d'
mutant 'a link to another page' api "$links" man/spl_add.3 \
	's/spl_set/spl_get/'
mutant 'a link to no page' api "$links" man/spl_add.3 's/spl_set/spl_put/'
fresh
rm "$tmp/root/man/spl_add.3"
fails 'a link missing' api "$links"

# --- Examples ----------------------------------------------------------------

copied='spl_get.3 has examples that can be copied'
mutant 'an example that does not compile' examples \
	'example spl_get-1 compiles' man/spl_get.3 's/^    int rc;$//'
mutant 'an example that warns' examples 'example spl_get-1 compiles' \
	man/spl_get.3 's/^    char \*value = NULL;/    int unused;\n&/'
mutant 'an example that fails' examples 'example spl_get-1 runs' \
	man/spl_get.3 's/return rc != 0;/return rc == 0;/'
mutant 'an example that goes wrong' examples 'example spl_get-1 runs' \
	man/spl_get.3 's/rc = spl_set(store, "greeting"/rc = spl_set(store, ""/'
mutant 'no example at all' examples 'there are examples' man/spl_get.3 \
	'/^\.EX/d'
mutant 'EXAMPLES without one' api "$copied" man/spl_get.3 's/^main(/start(/'
mutant 'a hyphen for a minus' api "$copied" man/spl_get.3 \
	's/return \\-ENOMEM/return -ENOMEM/'
mutant 'a quotation mark for an apostrophe' api \
	'spl_peek_begin.3 has examples that can be copied' \
	man/spl_peek_begin.3 "s/\\\\(aq/'/g"
mutant 'a backslash that is lost' api "$copied" man/spl_get.3 \
	's/%s\\en/%s\\n/'

# --- Commands, with a program that is not the real one -----------------------

page=man/splinterctl.1
others='splinterctl.1 names no other commands and options'
mutant 'a command missing' commands 'splinterctl.1 describes get' $page \
	'/^\.SS "get/,/^Print/d'
mutant 'a word missing' commands 'splinterctl.1 describes init' $page \
	's/ \[SLOTS\]//'
mutant 'a word of the rest missing' commands 'splinterctl.1 describes av' \
	$page 's/av \[0|1\]/av/'
mutant "a command's option missing" commands 'splinterctl.1 describes get' \
	$page 's/\[\\-\\-raw\] //'
mutant "a command's option under another command" commands \
	'splinterctl.1 describes get' $page \
	'/^Create/s/$/ \\-\\-raw/;s/\[\\-\\-raw\] //'
mutant 'an alias missing' commands 'splinterctl.1 describes clear' $page \
	's/^\.BR cls/.BR it/'
mutant 'a command that does not exist' commands "$others" $page \
	's/^\.SS clear/.SS wipe\nWipe.\n&/'
mutant 'a command twice' commands "$others" $page \
	's/^\.SS clear/.SS av\nAgain.\n&/'
mutant 'an option that does not exist' commands "$others" $page \
	's/\[\\-\\-raw\]/& [\\-\\-cooked]/'
mutant 'a program option missing' commands \
	"splinterctl.1 has the program's options" $page 's/, \\-\\-help//'
mutant 'a short option missing' commands \
	"splinterctl.1 has the program's options" $page 's/\\-h, //'
mutant 'a variable missing' commands \
	'splinterctl.1 has the environment variables' $page \
	's/^\.B SPLINTER_DEFAULT_STORE/.B SPLINTER_STORE/'
mutant 'a variable missing from the overview' commands \
	'splinter.7 has the environment variables' man/splinter.7 \
	's/^\.B SPLINTER_DEFAULT_STORE/.B SPLINTER_STORE/'
fresh
mkdir -p "$tmp/silent"
printf '#!/bin/sh\nexit 0\n' >"$tmp/silent/splinterctl"
chmod +x "$tmp/silent/splinterctl"
"$here/test_man.sh" "$tmp/silent" "$tmp/root" commands >"$tmp/out" 2>&1
grep -q '^not ok [0-9]* - the program has commands and options$' "$tmp/out"
result $? 'a program that says nothing' "$tmp/out"
printf '#!/bin/sh\nexit 2\n' >"$tmp/silent/splinterctl"
"$here/test_man.sh" "$tmp/silent" "$tmp/root" commands >"$tmp/out" 2>&1
grep -q '^not ok [0-9]* - check_commands.py comes to its end$' "$tmp/out"
result $? 'a program without help' "$tmp/out"

echo "1..$count"
[ "$failed" -eq 0 ]
