#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_man.sh - the manual pages say what the headers and the program say,
# render without a warning, and have examples that run. TAP on stdout.
#
# usage: test_man.sh BUILD_DIR [ROOT [PART...]]
#
# ROOT has man/ and include/; it is this repository unless given. PARTs are
# api, lint, examples and commands, all of them unless given. The store that
# the examples call demo is given a name of this process.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2
build=$(cd "${1:?usage: $0 BUILD_DIR [ROOT [PART...]]}" && pwd) || exit 2
root=$(cd "${2:-$here/../..}" && pwd) || exit 2
shift $(($# < 2 ? $# : 2))
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(api lint examples commands)

store=splinter_man_test_$$
tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-man.XXXXXX") || exit 2
trap 'rm -rf "$tmp" "/dev/shm/$store"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$tmp/programs"
unset SPLINTER_DEFAULT_STORE SPLINTER_NS_PREFIX

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

# Numbers what a checker writes; fails when it did not come to its end.
relay() { # CHECKER ARGUMENT...
	local name=$1 status line
	shift
	python3 -B "$here/$name.py" "$@" >"$tmp/relayed" 2>"$tmp/err"
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) result 0 "${line#ok }" ;;
		'not ok '*) result 1 "${line#not ok }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$tmp/relayed"
	result "$status" "$name.py comes to its end" "$tmp/err"
}

# Pages of our own, without those that only lead to another.
pages() { grep -L '^\.so ' "$root"/man/*.[137]; }

part_api() { relay check_api "$root" "$tmp/programs"; }

part_lint() {
	local page
	for page in $(pages); do
		mandoc -T lint -W warning "$page" >"$tmp/out" 2>&1 &&
			[ ! -s "$tmp/out" ]
		result $? "${page##*/} is fine for mandoc" "$tmp/out"
		groff -man -ww -z "$page" >"$tmp/out" 2>&1 &&
			[ ! -s "$tmp/out" ]
		result $? "${page##*/} is fine for groff" "$tmp/out"
	done
}

part_examples() {
	local source name some=1
	python3 -B "$here/check_api.py" "$root" "$tmp/programs" \
		>"$tmp/out" 2>&1
	for source in "$tmp"/programs/*.c; do
		[ -e "$source" ] || continue
		some=0
		name=$(basename "$source" .c)
		sed -i "s/\"demo\"/\"$store\"/" "$source"
		rm -f "/dev/shm/$store" "$tmp/example"
		# shellcheck disable=SC2086 # flags are words
		${CC:-cc} ${CFLAGS-} -Wall -Wextra -Werror -pthread \
			-I"$root/include" -o "$tmp/example" "$source" \
			"$build/libsplinter.a" >"$tmp/out" 2>&1
		result $? "example $name compiles" "$tmp/out"
		timeout -k 5 60 "$tmp/example" >"$tmp/out" 2>&1 </dev/null
		result $? "example $name runs" "$tmp/out"
	done
	result "$some" "there are examples"
}

part_commands() {
	if [ -e "$root/man/splinterctl.1" ]; then
		relay check_commands "$root" "$build"
	else
		result 0 "splinterctl.1 # SKIP not written yet"
	fi
}

for part in "${parts[@]}"; do
	"part_$part"
done
echo "1..$count"
[ "$failed" -eq 0 ]
