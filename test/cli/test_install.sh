#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install into a prefix, use it as others would, take it away again. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
store=splinter-install-$$
trap 'rm -rf "$dir" /dev/shm/$store-*' EXIT
count=0 bad=0
check() { # STATUS WHAT
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		bad=$((bad + 1))
	fi
}
prefix=$dir/prefix
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

make --no-print-directory install PREFIX="$prefix" >"$dir/log" 2>&1
check $? "make install PREFIX=..." || cat "$dir/log"

# flags LIBRARY shared|static
flags() {
	local all
	all=$(pkg-config --cflags --libs "$1")
	if [ "$2" = static ]; then
		all=${all/-l$1/$prefix/lib/lib$1.a -pthread}
	else
		all="$all -Wl,-rpath,$prefix/lib"
	fi
	echo "$all"
}

# Each library, as C and as C++, shared and static.
for library in splinter splinter_p; do
	name=$store-flat
	[ $library = splinter ] || name=$dir/$store-flat
	for how in shared static; do
		for language in c c++; do
			program=$dir/flat
			compiler=cc
			[ $language = c ] || compiler=c++
			# shellcheck disable=SC2046  # flags are words
			$compiler -Wall -Wextra -Werror -x $language \
				test/cli/flat.c -x none -o "$program" \
				$(flags $library $how)
			check $? "$library: compiles as $language, $how"
			rm -f "/dev/shm/$store-flat" "$dir/$store-flat"
			"$program" "$name" >"$dir/out" 2>&1
			status=$?
			grep '^not ok' "$dir/out" | sed 's/^/# /'
			check $status "$library: behaves as $language, $how"
		done
	done
done

# What a library gives away: the two APIs and nothing else.
nm -D --defined-only "$prefix"/lib/libsplinter.so.1 |
	grep -vE ' (spl_|splinter_)[a-z_]+@@SPLINTER_1\.0$| SPLINTER_1\.0' \
		>"$dir/symbols"
check "$([ ! -s "$dir/symbols" ]; echo $?)" "exports only the APIs, versioned"
sed 's/^/# /' "$dir/symbols"
declared=$(sed -nE 's/.*\b((spl|splinter)_[a-z_]+)\(.*/\1/p' \
	"$prefix"/include/spl*.h | grep -vE '_t$' | sort -u)
exported=$(nm -D --defined-only "$prefix"/lib/libsplinter.so.1 |
	sed -nE 's/.* ((spl|splinter)_[a-z_]+)@.*/\1/p' | sort -u)
missing=$(comm -13 <(echo "$declared") <(echo "$exported"))
check "$([ -z "$missing" ]; echo $?)" "each export is declared"
readelf -d "$prefix/lib/libsplinter.so.1" | grep -q 'libsplinter.so.1\]'
check $? "has a versioned soname"
needed=$(readelf -d "$prefix/lib/libsplinter.so.1" |
	grep NEEDED | grep -vcE 'libc\.|ld-linux')
check "$needed" "depends on the C library alone"

# The README's quick start, from there.
test/cli/test_readme.sh "$prefix/bin" "$prefix" >"$dir/out" 2>&1
check $? "the README's quick start holds"
grep -A20 '^not ok' "$dir/out" | sed 's/^/# /'

make --no-print-directory uninstall PREFIX="$prefix" >/dev/null 2>&1
left=$(find "$prefix" -not -type d)
check "$([ -z "$left" ]; echo $?)" "make uninstall leaves no file"
make --no-print-directory install PREFIX=/usr DESTDIR="$dir/dest" \
	>/dev/null 2>&1
check $? "make install DESTDIR=..."
grep -q '^prefix=/usr$' "$dir/dest/usr/lib/pkgconfig/splinter.pc"
check $? "splinter.pc knows the prefix, not the DESTDIR"
make --no-print-directory uninstall PREFIX=/usr DESTDIR="$dir/dest" \
	>/dev/null 2>&1
left=$(find "$dir/dest" -not -type d)
check "$([ -z "$left" ]; echo $?)" "make uninstall DESTDIR=... likewise"
echo "1..$count"
exit $((bad > 0))
