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

make --no-print-directory install PREFIX=relative >"$dir/log" 2>&1
check $(($? == 0)) "a relative PREFIX is refused"
grep -q "PREFIX must be an absolute path, not 'relative'" "$dir/log"
check $? "and told"

# All that has to be there, but for the manual.
version=$(sed -n 's/^VERSION := //p' Makefile)
sort >"$dir/expected" <<-END
	bin/splinter_cli
	bin/splinter_stress
	bin/splinterctl
	bin/splinterp_cli
	bin/splinterp_stress
	bin/splinterpctl
	include/spl.h
	include/splinter.h
	lib/libsplinter.a
	lib/libsplinter.so
	lib/libsplinter.so.1
	lib/libsplinter.so.$version
	lib/libsplinter_p.a
	lib/libsplinter_p.so
	lib/libsplinter_p.so.1
	lib/libsplinter_p.so.$version
	lib/pkgconfig/splinter.pc
	lib/pkgconfig/splinter_p.pc
	share/bash-completion/completions/splinter_cli
	share/bash-completion/completions/splinterctl
	share/bash-completion/completions/splinterp_cli
	share/bash-completion/completions/splinterpctl
	share/doc/splinter/ARCHITECTURE.md
	share/doc/splinter/CHANGELOG.md
	share/doc/splinter/CODE_OF_CONDUCT.md
	share/doc/splinter/CONTRIBUTING.md
	share/doc/splinter/LICENSE
	share/doc/splinter/README.md
	share/doc/splinter/SECURITY.md
	share/doc/splinter/docs/comparison.md
	share/doc/splinter/docs/concepts.md
	share/doc/splinter/docs/design.md
	share/doc/splinter/docs/guarantees.md
	share/doc/splinter/docs/hygiene.md
	share/doc/splinter/docs/limits.md
	share/doc/splinter/docs/nfs.md
	share/doc/splinter/docs/protocol.md
	share/doc/splinter/docs/recipes.md
	share/fish/vendor_completions.d/splinter_cli.fish
	share/fish/vendor_completions.d/splinterctl.fish
	share/fish/vendor_completions.d/splinterp_cli.fish
	share/fish/vendor_completions.d/splinterpctl.fish
	share/zsh/site-functions/_splinterctl
END
(cd "$prefix" && find . -path ./share/man -prune -o -not -type d -print) |
	sed 's,^\./,,' | sort | diff "$dir/expected" - >"$dir/log"
check $? "installs what it should, and nothing else"
sed 's/^/# /' "$dir/log"
dangling=$(find "$prefix" -xtype l)
check "$([ -z "$dangling" ]; echo $?)" "each link leads to a file"

for program in splinterctl splinterpctl splinter_cli splinterp_cli; do
	"$prefix/bin/$program" --version 2>&1 |
		grep -q "^$program version $version build "
	check $? "$program runs from there"
	script=$prefix/share/bash-completion/completions/$program
	bash -n "$script" && grep -qw "$program" "$script"
	check $? "bash completes $program"
done
for program in splinter_stress splinterp_stress; do
	"$prefix/bin/$program" --help 2>&1 | grep -qw "$program"
	check $? "$program runs from there"
done
shown=$("$prefix/bin/splinterctl" --completion zsh)
[ -n "$shown" ] && [ "$shown" = \
	"$(cat "$prefix/share/zsh/site-functions/_splinterctl")" ]
check $? "zsh's completion is what the program prints"
shown=$("$prefix/bin/splinterctl" --completion fish)
[ -n "$shown" ] && [ "$shown" = \
	"$(cat "$prefix/share/fish/vendor_completions.d/splinterctl.fish")" ]
check $? "fish's is as well"

# The manual: found by each name.
finds() { # SECTION NAME
	local page
	page=$(MANPATH=$prefix/share/man man -w "$1" "$2" 2>/dev/null)
	[ "${page#"$prefix/share/man/man$1/"}" != "$page" ] && [ -s "$page" ]
}
functions=$(sed -nE 's/.*\b((spl|splinter)_[a-z_]+)\(.*/\1/p' \
	"$prefix"/include/spl*.h | grep -vE '_t$' | sort -u)
if command -v man >/dev/null; then
	for program in splinterctl splinterpctl splinter_cli splinterp_cli \
		splinter_stress splinterp_stress; do
		finds 1 $program
		check $? "man 1 $program"
	done
	lost=
	for function in $functions; do
		finds 3 "$function" || lost+=" $function"
	done
	check "$([ -z "$lost" ]; echo $?)" "man 3 of each function"
	echo "${lost:+# lost:$lost}" | grep .
	finds 7 splinter
	check $? "man 7 splinter"
else
	check 0 "man # SKIP not installed"
fi

snapshot() {
	(cd "$prefix" && find . -printf '%p %M %l\n' | sort &&
		find . -type f -exec cksum {} + | sort)
}
snapshot >"$dir/first"
make --no-print-directory install PREFIX="$prefix" >"$dir/log" 2>&1
check $? "make install over an install" || cat "$dir/log"
snapshot | diff "$dir/first" - >"$dir/log"
check $? "changes nothing"
sed 's/^/# /' "$dir/log"

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
exported=$(nm -D --defined-only "$prefix"/lib/libsplinter.so.1 |
	sed -nE 's/.* ((spl|splinter)_[a-z_]+)@.*/\1/p' | sort -u)
missing=$(comm -13 <(echo "$functions") <(echo "$exported"))
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
echo "${left:+# left: $left}" | grep .
check "$([ ! -e "$prefix/share/doc/splinter" ]; echo $?)" \
	"nor the directory that is its own"
make --no-print-directory uninstall PREFIX="$prefix" >/dev/null 2>&1
check $? "make uninstall with nothing there"
make --no-print-directory install PREFIX=/usr DESTDIR="$dir/dest" \
	>/dev/null 2>&1
check $? "make install DESTDIR=..."
grep -q '^prefix=/usr$' "$dir/dest/usr/lib/pkgconfig/splinter.pc"
check $? "splinter.pc knows the prefix, not the DESTDIR"
strays=$(find "$dir/dest" -mindepth 1 -not -path "$dir/dest/usr*")
check "$([ -z "$strays" ]; echo $?)" "all of it is below DESTDIR and PREFIX"
mkdir -p "$dir/dest/usr/share/doc/splinter"
echo theirs >"$dir/dest/usr/share/doc/splinter/other"
make --no-print-directory uninstall PREFIX=/usr DESTDIR="$dir/dest" \
	>/dev/null 2>&1
check "$([ -f "$dir/dest/usr/share/doc/splinter/other" ]; echo $?)" \
	"what others put there stays"
rm -f "$dir/dest/usr/share/doc/splinter/other"
left=$(find "$dir/dest" -not -type d)
check "$([ -z "$left" ]; echo $?)" "make uninstall DESTDIR=... likewise"
make --no-print-directory install COMPLETIONS=0 PREFIX=/usr \
	DESTDIR="$dir/plain" >/dev/null 2>&1 &&
	[ -x "$dir/plain/usr/bin/splinterctl" ] &&
	[ ! -e "$dir/plain/usr/share/zsh" ]
check $? "COMPLETIONS=0 goes without them"
echo "1..$count"
exit $((bad > 0))
