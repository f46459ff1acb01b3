# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154  # dir is theirs
# What the scripts here say their results with. They set dir, for their files.

count=0 bad=0
check() { # STATUS WHAT [FILE_WITH_DETAILS]
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	echo "not ok $count - $2"
	bad=$((bad + 1))
	[ $# -lt 3 ] || tail -n 40 "$3" | sed 's/^/# /'
}

passes() { # WHAT COMMAND...
	local what=$1 status=0
	shift
	"$@" >"$dir/log" 2>&1 || status=$?
	check "$status" "$what" "$dir/log"
}

same() { # WHAT EXPECTED ACTUAL, texts
	diff <(echo "$2") <(echo "$3") >"$dir/log"
	check $? "$1" "$dir/log"
}

skip() { # WHAT WHY
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

plan() {
	echo "1..$count"
	exit $((bad > 0))
}

# The tree as it is, committed or not, without what git ignores, to DIRECTORY.
copy_tree() {
	mkdir -p "$1"
	git ls-files -z -co --exclude-standard |
		while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || printf '%s\0' "$file"
		done | tar -c --null -T - | tar -x -C "$1"
}
