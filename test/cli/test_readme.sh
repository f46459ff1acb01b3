#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_readme.sh - what the documents show is what one gets. TAP on stdout.
#
# usage: test_readme.sh DIRECTORY_OF_THE_BINARIES [PREFIX]
#
# Each document has a fresh directory and one bash for all its commands. In
# its ```console blocks
#   $ ...   is a command, run in order;
#   > ...   directly below is more of it;
#   ...     alone on a line stands for any lines, also none;
#   other lines are what the command prints, stdout and stderr, compared to
#   the byte. What a job in the background prints belongs to the command that
#   started it. All jobs have to end by themselves.
# A block of another kind whose first line is a comment with a file's name
# and nothing else, as /* flat.c */ or # watch.py, becomes that file.
#
# `make` and `sudo make install` are taken as done. Within a section commands
# from the first `cc` on need the PREFIX that make install was given, and are
# skipped without one; a section that uses jq or python3 is skipped where there
# is none. With a PREFIX README.md's C programs are also compiled as C++.
#
# The store that the documents call demo is given a name of this process.
set -u

[ $# -ge 1 ] || {
	echo 'usage: test_readme.sh DIRECTORY_OF_THE_BINARIES [PREFIX]' >&2
	exit 2
}
root=$(cd "$(dirname "$0")/../.." && pwd)
documents=(README.md docs/concepts.md docs/hygiene.md docs/recipes.md)
bin=$(cd "$1" && pwd) || exit 2
prefix=
[ $# -lt 2 ] || prefix=$(cd "$2" && pwd) || exit 2

store=doc$$x
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp" "/dev/shm/$store"*' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export PATH=$bin:$PATH HOME=$tmp LC_ALL=C
unset SPLINTER_DEFAULT_STORE SPLINTER_NS_PREFIX
unset SPLINTER_HISTORY_FILE SPLINTER_HISTORY_LEN
export LD_LIBRARY_PATH=${prefix:-$bin}
if [ -n "$prefix" ]; then
	export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
	LD_LIBRARY_PATH=$prefix/lib
fi

count=0
failed=0
result() { # STATUS NAME [DETAILS]
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $title: $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $title: $2"
	printf '%s\n' "${3-}" | sed 's/^/# /'
}

skip() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - $title: $1 # SKIP $2"
}

# --- Take it apart: N.command, N.expected, N.section, the files, code.SECTION --

take_apart() { # DOCUMENT
	mkdir files
	awk -v store="$store" '
	/^## / && kind == "" { section++ }
	/^ *```/ {
		kind = kind == "" ? "x" substr($0, index($0, "`") + 3) : ""
		file = ""
		begins = 1
		next
	}
	kind == "" { next }
	{ gsub(/demo/, store); print >("code." section + 0) }
	kind != "xconsole" {
		if (begins && /^(\/\*|#) [a-z_]+\.[a-z]+( \*\/)?$/)
			file = "files/" $2
		if (file != "")
			print >file
		begins = 0
		next
	}
	/^\$ / {
		n = sprintf("%03d", ++commands)
		print substr($0, 3) >(n ".command")
		print section + 0 >(n ".section")
		printf "" >(n ".expected")
		more = 1
		next
	}
	more && /^>/ { print substr($0, 3) >>(n ".command"); next }
	{ more = 0; print >(n ".expected") }
	' "$1"
	for file in files/*; do
		[ ! -e "$file" ] || cp "$file" .
	done
}

# --- Run it: one shell for all, aliases as in a terminal ---------------------

missing() { # PROGRAM SECTION: it uses the program, and there is none
	grep -qE "(^|[^[:alnum:]_./-])$1([^[:alnum:]_-]|\$)" "code.$2" &&
		! command -v "$1" >/dev/null
}

# What to do with a command: done, run, or why to skip it.
decide() { # COMMAND-FILE
	local now
	now=$(<"${1%.command}.section")
	[ "$now" = "$section" ] || why=
	section=$now
	case $(<"$1") in
	make | 'sudo make install')
		echo 'done'
		return
		;;
	'cc '*) [ -n "$prefix" ] || why='no PREFIX given' ;;
	esac
	! missing jq "$now" || why='no jq here'
	! missing python3 "$now" || why='no python3 here'
	echo "${why:-run}"
}

# A command stands on lines of its own: an alias counts from the next one on.
write_script() {
	local command
	section=none
	why=
	# shellcheck disable=SC2016 # for that shell
	printf '%s\n' 'shopt -s expand_aliases' \
		'now_into() {' \
		'	local status=$?' \
		'	exec >"$1" 2>&1' \
		'	return $status' \
		'}'
	for command in [0-9]*.command; do
		decide "$command" >"${command%.command}.what"
		[ "$(<"${command%.command}.what")" = run ] || continue
		echo "now_into '$PWD/${command%.command}.actual'"
		cat "$command"
	done
	echo wait
}

# Lines match one by one; "..." is any number of lines.
matches() { # EXPECTED ACTUAL
	[ -e "$2" ] && awk '
	function fits(i, j) {
		if (i > expected)
			return j > actual
		if (wanted[i] != "...")
			return j <= actual && wanted[i] "" == got[j] "" &&
				fits(i + 1, j + 1)
		for (; j <= actual + 1; j++)
			if (fits(i + 1, j))
				return 1
		return 0
	}
	FILENAME == ARGV[1] { wanted[++expected] = $0; next }
	{ got[++actual] = $0 }
	END { exit !fits(1, 1) }
	' "$1" "$2"
}

report() { # COMMAND-FILE
	local n=${1%.command} name what details=
	name=$(head -n 1 "$1")
	name=${name//"$store"/demo}
	what=$(<"$n.what")
	case $what in
	'done') skip "$name" 'taken as done' ;;
	run)
		matches "$n.expected" "$n.actual" ||
			details=$(diff "$n.expected" "$n.actual" 2>&1)
		result $((${#details} > 0)) "$name" "$details"
		;;
	*) skip "$name" "$what" ;;
	esac
}

check_document() { # DOCUMENT
	local command status
	title=$(basename "$1" .md)
	rm -f "/dev/shm/$store"*
	mkdir "$tmp/$title" && cd "$tmp/$title" || exit 2
	take_apart "$root/$1"
	[ -e 001.command ] || return 0
	write_script >script
	timeout -k 5 300 bash script </dev/null >after 2>&1
	status=$?
	for command in [0-9]*.command; do
		report "$command"
	done
	result $((status == 124 || status == 137)) 'all that it starts ends' \
		"timeout says $status"
}

# --- The programs as C++, too ------------------------------------------------

as_cxx() { # NAME: builds it and runs it on a store of its own
	rm -f "/dev/shm/$store"
	# shellcheck disable=SC2046 # several words
	"${CXX:-c++}" -Wall -Wextra -Werror -x c++ "files/$1.c" -o "$1.c++" \
		-x none $(pkg-config --cflags --libs splinter) && "./$1.c++"
}

check_cxx() { # in README's directory
	local source name shown details
	for source in files/*.c; do
		[ -e "$source" ] || return 0
		name=$(basename "$source" .c)
		shown=$(grep -lxF "./$name" [0-9]*.command)
		if [ -z "$prefix" ]; then
			skip "$name.c as C++" 'no PREFIX given'
			continue
		fi
		as_cxx "$name" >"$name.actual" 2>&1
		details=$(diff "${shown%.command}.expected" "$name.actual" 2>&1)
		result $? "$name.c as C++" "$details"
	done
}

for document in "${documents[@]}"; do
	check_document "$document"
	[ "$document" != README.md ] || check_cxx
done
echo "1..$count"
exit $((failed != 0))
