#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_readme.sh - what README.md shows is what one gets. TAP on stdout.
#
# usage: test_readme.sh DIRECTORY_OF_THE_BINARIES [PREFIX]
#
# Lines of its ```console blocks that begin with "$ " are commands, the others
# what they print. All are run in order, in one bash, and compared to the byte.
# `make` and `sudo make install` are taken as done. A ```c block whose first
# line is /* NAME.c */ becomes that file; commands from the first `cc` on need
# the PREFIX that make install was given, and are skipped without one. With it
# the C programs are also compiled as C++.
#
# The store that README.md calls demo is given a name of this process here.
set -u

[ $# -ge 1 ] || {
	echo 'usage: test_readme.sh DIRECTORY_OF_THE_BINARIES [PREFIX]' >&2
	exit 2
}
readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md
bin=$(cd "$1" && pwd) || exit 2
prefix=
[ $# -lt 2 ] || prefix=$(cd "$2" && pwd) || exit 2

store=readme_$$
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp" "/dev/shm/$store"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$tmp" || exit 2

export PATH=$bin:$PATH
unset SPLINTER_DEFAULT_STORE
if [ -n "$prefix" ]; then
	export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
	export LD_LIBRARY_PATH=$prefix/lib
fi

count=0
failed=0
result() { # STATUS NAME [DETAILS]
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - README: $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - README: $2"
	printf '%s\n' "${3-}" | sed 's/^/# /'
}

skip() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - README: $1 # SKIP $2"
}

# --- Take it apart: c/NAME.c, and N.command with N.expected ------------------

mkdir c
awk -v store="$store" '
	/^```/ {
		kind = kind == "" ? substr($0, 4) : ""
		file = ""
		next
	}
	kind != "console" && kind != "c" { next }
	{ gsub(/demo/, store) }
	kind == "c" && /^\/\* [a-z_]+\.c \*\/$/ { file = "c/" $2 }
	kind == "c" && file != "" { print >file }
	kind == "console" && /^\$ / {
		n = sprintf("%03d", ++commands)
		print substr($0, 3) >(n ".command")
		printf "" >(n ".expected")
		next
	}
	kind == "console" { print >(n ".expected") }
' "$readme"
for file in c/*.c; do
	[ -e "$file" ] && cp "$file" .
done

# --- Run it: one shell for all, aliases as in a terminal ---------------------

what_to_do() { # COMMAND: done, skip, run
	case $1 in
	make | 'sudo make install') echo 'done' ;;
	*)
		case $1 in 'cc '*) compiling=1 ;; esac
		if [ "$compiling" -eq 1 ] && [ -z "$prefix" ]; then
			echo skip
		else
			echo run
		fi
		;;
	esac
}

compiling=0
{
	echo 'shopt -s expand_aliases'
	for command in [0-9]*.command; do
		line=$(<"$command")
		what_to_do "$line" >"${command%.command}.what"
		[ "$(<"${command%.command}.what")" = run ] || continue
		# On a line of its own: an alias counts from the next line on.
		echo "exec >${command%.command}.actual 2>&1"
		echo "$line"
	done
} >script
timeout -k 5 120 bash script </dev/null

for command in [0-9]*.command; do
	n=${command%.command}
	name=$(sed "s/$store/demo/g" "$command")
	case $(<"$n.what") in
	'done') skip "$name" 'taken as done' ;;
	skip) skip "$name" 'no PREFIX given' ;;
	*)
		details=$(diff "$n.expected" "$n.actual" 2>&1)
		result $? "$name" "$details"
		;;
	esac
done

# --- The programs as C++, too ------------------------------------------------

as_cxx() { # NAME: builds it and runs it on a store of its own
	rm -f "/dev/shm/$store"
	# shellcheck disable=SC2046 # several words
	"${CXX:-c++}" -Wall -Wextra -Werror -x c++ "c/$1.c" -o "$1.c++" \
		-x none $(pkg-config --cflags --libs splinter) && "./$1.c++"
}

for source in c/*.c; do
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

echo "1..$count"
exit $((failed != 0))
