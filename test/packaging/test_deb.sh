#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tarball, what is built from it, and the Debian packages: made, judged,
# installed, used, removed. TAP. Takes the tree as it is, in a directory of its
# own; installs below that, never into the system.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
store=splinter-deb-$$
trap 'rm -rf "$dir" /dev/shm/$store' EXIT
. test/packaging/tap.sh
if [ ! -e .git ]; then
	echo '1..0 # SKIP not a git checkout'
	exit 0
fi
# What the caller has set is not what is tested.
unset MAKEFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS BUILD PREFIX DESTDIR WERROR
unset LIBEDIT COMPLETIONS PKG_CONFIG_PATH SPLINTER_DEFAULT_STORE
version=$(sed -n 's/^VERSION := //p' Makefile)
name=splinter-$version
quietly=(make --no-print-directory -j2)

# --- The tarball -------------------------------------------------------------

tree=$dir/tree
copy_tree "$tree"
git -C "$tree" init -q
git -C "$tree" add -A
git -C "$tree" -c user.name=test -c user.email=test@localhost \
	-c commit.gpgsign=false commit -q -m test
commit=$(git -C "$tree" rev-parse HEAD)
echo stray >"$tree/stray"
passes "make dist" "${quietly[@]}" -C "$tree" dist
tarball=$tree/build/$name.tar.gz
same "has what is committed, below $name/" \
	"$(git -C "$tree" ls-files | sort)" \
	"$(tar -tzf "$tarball" | grep -v '/$' | sed "s,^$name/,," | sort)"
cp "$tarball" "$dir/first.tar.gz"
touch "$tree"/*
"${quietly[@]}" -C "$tree" dist >/dev/null 2>&1
passes "is the same, byte by byte, when made again" \
	cmp "$dir/first.tar.gz" "$tarball"
echo >>"$tree/README.md"
"${quietly[@]}" -C "$tree" dist >"$dir/log" 2>&1
grep -q 'not committed' "$dir/log"
check $? "says that it leaves out what is not committed" "$dir/log"
passes "and does" cmp "$dir/first.tar.gz" "$tarball"

tar -xzf "$tarball" -C "$dir"
unpacked=$dir/$name
passes "builds from the tarball" "${quietly[@]}" -C "$unpacked" all
same "and says what it is built from" \
	"splinterctl version $version build ${commit:0:7}" \
	"$("$unpacked/build/splinterctl" --version)"

# Without git: of the files that are there.
passes "make dist outside git" "${quietly[@]}" -C "$unpacked" dist
again=$unpacked/build/$name.tar.gz
same "has the same files, as old, with the same rights" \
	"$(tar -tvzf "$tarball" | awk '!/\/$/ { print $1, $4, $5, $6 }' | sort)" \
	"$(tar -tvzf "$again" | awk '!/\/$/ { print $1, $4, $5, $6 }' | sort)"

# --- The packages ------------------------------------------------------------

cat >"$dir/dpkg-checkbuilddeps" <<'END'
#!/bin/sh
echo 'dpkg-checkbuilddeps: error: Unmet build dependencies: some-dev' >&2
exit 1
END
chmod +x "$dir/dpkg-checkbuilddeps"
if ! command -v dpkg-buildpackage >/dev/null; then
	skip "the packages" "no dpkg-buildpackage"
	plan
fi
! PATH=$dir:$PATH "${quietly[@]}" -C "$unpacked" deb >"$dir/log" 2>&1 &&
	grep -q 'Unmet build dependencies: some-dev' "$dir/log"
check $? "make deb says what it lacks" "$dir/log"
# The documents have tests of their own, which are none of this one's.
for test in cli/test_docs.sh cli/test_readme.sh man/test_man.sh; do
	printf '#!/bin/sh\necho ok 1\n' >"$unpacked/test/$test"
done
PATH=$dir:$PATH "${quietly[@]}" -C "$unpacked" world >"$dir/log" 2>&1 &&
	grep -q 'Unmet build dependencies: some-dev' "$dir/log" &&
	grep -q 'the Debian packages are left out' "$dir/log"
check $? "make world says that it leaves the packages out" "$dir/log"

missing=$(cd "$unpacked" && packaging/deb.sh check 2>&1)
if [ -n "$missing" ]; then
	skip "the packages" "$missing"
	plan
fi
# Settings of the make around it would end up in the packages.
passes "make world" "${quietly[@]}" -C "$unpacked" world PREFIX=/nowhere \
	CFLAGS='-O0 -g' LDFLAGS=-Wl,-O1 LIBEDIT=0
debs=$unpacked/build
packages=(libsplinter1 libsplinter-dev splinter-tools)
files=()
for package in "${packages[@]}"; do
	files+=("$debs/${package}_$version"-*.deb)
done
passes "makes ${packages[*]}, of version $version" ls "${files[@]}"
[ -e "${files[2]}" ] || plan
same "leaves no tree behind" "" "$(ls -d "$debs/deb" 2>/dev/null)"
# A version has to be the package's as well, with Debian's revision.
same "the changelog agrees" "$version" \
	"$(dpkg-deb -f "${files[0]}" Version | sed 's/-[0-9]*$//')"
if command -v lintian >/dev/null; then
	lintian --fail-on error "$debs"/*.changes >"$dir/log" 2>&1
	check $? "lintian finds no error" "$dir/log"
	grep '^W:' "$dir/log" | sed 's/^/# /'
else
	skip "lintian finds no error" "no lintian"
fi

# --- Installed ---------------------------------------------------------------

root=$dir/root
mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
touch "$root/var/lib/dpkg/status"
if [ "$(id -u)" = 0 ]; then
	dpkg=(dpkg)
else
	dpkg=(fakeroot dpkg --force-not-root)
fi
dpkg+=(--root="$root" --force-depends --force-bad-path
	--force-script-chrootless --log="$dir/dpkg.log")
if ! command -v "${dpkg[0]}" >/dev/null; then
	skip "installed" "neither root nor fakeroot"
	plan
fi
listing() { (cd "$root" && find . -path ./var/lib/dpkg -prune -o -print | sort); }
before=$(listing)
passes "dpkg installs them" "${dpkg[@]}" -i "${files[@]}"
passes "and again" "${dpkg[@]}" -i "${files[@]}"
same "each is installed" "$(printf 'ii  %s\n' "${packages[@]}" | sort)" \
	"$("${dpkg[@]}" -l | grep -oE '^.i  [a-z0-9-]+' | sort)"

lib=$(dirname "$(find "$root/usr/lib" -name libsplinter.so.1)")
for program in splinterctl splinterpctl splinter_cli splinterp_cli \
	splinter_stress splinterp_stress; do
	same "$program runs" "$program version $version build ${commit:0:7}" \
		"$("$root/usr/bin/$program" --version 2>&1)"
done
export PATH=$root/usr/bin:$PATH
splinterctl init "$store" >/dev/null 2>&1
splinterctl --use "$store" set foo bar
same "splinterctl keeps a value" 3:bar \
	"$(splinterctl --use "$store" get foo)"
splinterctl destroy "$store" >/dev/null 2>&1
readelf -d "$root/usr/bin/splinterctl" | grep -q 'NEEDED.*libedit'
check $? "splinterctl edits lines"
for file in "$root/usr/bin/splinterctl" "$lib/libsplinter.so.1"; do
	readelf -d "$file" | grep -q 'FLAGS.*NOW'
	check $? "${file##*/} is hardened"
done
flags=$(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$lib/pkgconfig \
	pkg-config --cflags --libs splinter) 2>"$dir/log"
# pkg-config leaves out what compilers search anyway, here they do not.
# shellcheck disable=SC2086 # flags are words
cc examples/hello.c -I"$root/usr/include" -L"$lib" $flags \
	-o "$dir/hello" 2>>"$dir/log"
check $? "a program builds with the packages" "$dir/log"
LD_LIBRARY_PATH=$lib ldd "$dir/hello" | grep -q "$lib/libsplinter.so.1"
check $? "and finds their library"
# A system may be set up to leave manuals out, so look into the packages.
for file in "${files[@]}"; do
	dpkg-deb -c "$file"
done >"$dir/contents"
for page in man1/splinterctl.1 man1/splinterp_cli.1 man7/splinter.7 \
	man3/spl_get.3 man3/spl_create.3 man3/splinter_get.3; do
	passes "has $page" grep "/$page.gz" "$dir/contents"
done

passes "dpkg removes them" "${dpkg[@]}" --purge "${packages[@]}"
same "and leaves nothing" "$before" "$(listing)"
plan
