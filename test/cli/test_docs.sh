#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_docs.sh - the documents hang together. TAP on stdout.
#
# In each Markdown file: links to files of the repository and to headings lead
# somewhere, references are defined and used, prose is wrapped at 100 columns
# (not tables, code, or lines that are one link). README.md leads to all of
# them. Each promise of docs/guarantees.md has a test, and every test that it
# names exists. What the documents show is tested by test_readme.sh.
set -u
cd "$(dirname "$0")/../.." || exit 2

count=0
failed=0
result() { # NAME COMPLAINTS
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $1"
	printf '%s\n' "$2" | sed 's/^/# /'
}

# Without code blocks and without `code`.
prose() { # FILE
	awk '/^ *```/ { code = !code; next } !code { gsub(/`[^`]*`/, "x"); print }' \
		"$1"
}

# The anchors that a file's headings get.
anchors() { # FILE
	awk '/^ *```/ { code = !code } !code && /^#+ / {
		sub(/^#+ /, "")
		line = tolower($0)
		gsub(/[^a-z0-9 _-]/, "", line)
		gsub(/ /, "-", line)
		print line
	}' "$1"
}

# Targets of [text](target) and of [name]: target.
targets() { # FILE
	prose "$1" | grep -oE '\]\([^) ]+\)' | sed -E 's/^\]\(|\)$//g'
	prose "$1" | sed -nE 's/^\[[^]]+\]: *([^ ]+).*$/\1/p'
}

check_link() { # FILE TARGET
	local path=${2%%#*} anchor=
	case $2 in
	http://* | https://* | mailto:*) return ;;
	*'#'*) anchor=${2#*#} ;;
	esac
	if [ -n "$path" ]; then
		path=$(dirname "$1")/$path
	else
		path=$1
	fi
	if [ ! -e "$path" ]; then
		echo "$2: no such file"
	elif [ -n "$anchor" ] && ! anchors "$path" | grep -qxF -- "$anchor"; then
		echo "$2: no such heading"
	fi
}

dead_links() { # FILE
	local target
	targets "$1" | sort -u | while read -r target; do
		check_link "$1" "$target"
	done
}

# [text][name] without [name]: and the other way round.
loose_references() { # FILE
	local used defined
	used=$(prose "$1" | grep -oE '\]\[[^]]+\]' | tr -d '[]' | sort -u)
	defined=$(prose "$1" | sed -nE 's/^\[([^]]+)\]: .*$/\1/p' | sort -u)
	comm -3 <(echo "$used") <(echo "$defined") | sed 's/\t//'
}

too_long() { # FILE
	awk '/^ *```/ { code = !code }
	!code && !/^\|/ && !/^\[/ && length > 100 {
		print FILENAME ":" FNR ": " length " columns"
	}' "$1"
}

# Every document can be reached from README.md, over links in documents.
unreached() {
	local seen=' README.md ' todo='README.md' file target
	while [ -n "$todo" ]; do
		file=${todo%% *}
		todo=${todo#"$file"}
		todo=${todo# }
		for target in $(targets "$file" | grep -vE '^(https?|mailto):'); do
			target=${target%%#*}
			[ -n "$target" ] || continue
			target=$(realpath -m --relative-to=. \
				"$(dirname "$file")/$target")
			case $target in
			*.md) [ -e "$target" ] || continue ;;
			*) continue ;;
			esac
			case $seen in *" $target "*) continue ;; esac
			seen="$seen$target "
			todo="${todo:+$todo }$target"
		done
	done
	for file in "${documents[@]}"; do
		case $seen in *" $file "*) ;; *) echo "$file" ;; esac
	done
}

# Each `name` of a test, a model, a benchmark or a target of make is one.
unknown_tests() { # FILE
	local name path
	# shellcheck disable=SC2016 # no command
	grep -oE '`[^`]+`' "$1" | tr -d '`' | sort -u | while read -r name; do
		case $name in
		test_*) path=test/unit/${name%% *}.c ;;
		fault_*) path=test/fault/${name#fault_}.c ;;
		bench_*) path=bench/${name#bench_}.c ;;
		splinter_stress | splinter_stress\ *) path=stress/main.c ;;
		*.pml | orders.py) path=test/model/$name ;;
		build/*_* | make\ *) path= ;;
		*/*) path=$name ;;
		*) continue ;;
		esac
		case $name in
		build/bench_*) path=bench/${name#build/bench_}.c ;;
		'build/splinter_test '*) path=test/unit/test_${name#* }.c ;;
		make\ *) grep -qE "^(\.PHONY:.*|[a-z -]*)\b${name#make }\b" \
			Makefile || echo "$name: no such target" ;;
		esac
		[ -z "$path" ] || [ -e "$path" ] || echo "$name: no $path"
	done
}

# Promises without a line that begins with "Tests:".
without_test() { # FILE
	awk '/^## / { on = /^## The promises/ }
	on && /^### / { if (name && !tests) print name; name = $0; tests = 0 }
	on && /^Tests?: / { tests = 1 }
	END { if (name && !tests) print name }' "$1"
}

documents=(*.md docs/*.md)
for document in "${documents[@]}"; do
	result "$document: links lead somewhere" "$(dead_links "$document")"
	result "$document: references are defined and used" \
		"$(loose_references "$document")"
	result "$document: wrapped at 100 columns" "$(too_long "$document")"
done
result 'docs/guarantees.md: every test that it names exists' \
	"$(unknown_tests docs/guarantees.md)"
result 'docs/guarantees.md: every promise has a test' \
	"$(without_test docs/guarantees.md)"
result 'README.md leads to every document' "$(unreached)"
echo "1..$count"
exit $((failed != 0))
