#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the Makefile decides for itself: libedit, the build id, help. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. test/packaging/tap.sh
unset MAKEFLAGS LIBEDIT COMPLETIONS
make=(make --no-print-directory BUILD="$dir/build")

# Every target that is no file is in `make help`, and the other way round.
"${make[@]}" help >"$dir/help"
targets=$("${make[@]}" -pn help 2>/dev/null |
	sed -n 's/^\.PHONY: //p' | tr ' ' '\n' | grep -v '^FORCE$' | sort -u)
explained=$(sed -nE 's/^make ([a-z0-9-]+( [a-z0-9-]+)*)(  .*|$)/\1/p' "$dir/help" |
	tr ' ' '\n' | sort -u)
same "help lists every target" "$targets" \
	"$(printf '%s\n' all help "$explained" | grep . | sort -u)"

# --- libedit -----------------------------------------------------------------

# compilers that do not find it
cat >"$dir/cc" <<'END'
#!/bin/sh
for word; do
	[ "$word" != -ledit ] || exit 1
done
exec cc "$@"
END
chmod +x "$dir/cc"
# says WORD... : what `make all` would say about libedit, and its flags
says() {
	"${make[@]}" -n "$@" all | sed -nE \
		-e "s/^echo '(Built without libedit.*)'$/\1/p" \
		-e 's/.*(-DSPLINTER_EDIT=1).*-o [^ ]*main\.o .*/\1/p' \
		-e 's/.* (-ledit)( .*)?$/\1/p'
}
missing='Built without libedit'
said=$(says CC="$dir/cc")
case $said in
"$missing"*libedit-dev*) check 0 "says what is lost without libedit" ;;
*) check 1 "says what is lost without libedit" <(echo "$said") ;;
esac
same "in one line" 1 "$(says CC="$dir/cc" | wc -l)"
same "LIBEDIT=0 goes without, and says nothing" "" "$(says LIBEDIT=0)"
same "LIBEDIT=1 insists" $'-DSPLINTER_EDIT=1\n-ledit' \
	"$(says LIBEDIT=1 CC="$dir/cc")"
if echo '#include <histedit.h>' | cc -E - >"$dir/log" 2>&1; then
	same "libedit is found where it is" $'-DSPLINTER_EDIT=1\n-ledit' \
		"$(says)"
else
	skip "libedit is found where it is" "libedit-dev is not installed"
fi
"${make[@]}" LIBEDIT=maybe help >"$dir/log" 2>&1
[ $? -eq 2 ] && grep -q 'LIBEDIT is 0 or 1' "$dir/log"
check $? "LIBEDIT=maybe is refused" "$dir/log"

# --- zlib, libzstd -----------------------------------------------------------

# packs WORD... : what `make all` would say about packing, and the flags of it
packs() {
	"${make[@]}" -n "$@" all | sed -nE \
		-e "s/^echo '(Built without (zlib|libzstd)):.*'$/\1/p" \
		-e 's/.* (-DSPLINTER_(ZLIB|ZSTD)=1).*-o [^ ]*pack\.o .*/\1/p'
}
same "says what is lost without zlib and libzstd" \
	$'Built without zlib\nBuilt without libzstd' "$(packs ZLIB= ZSTD= | sort -r)"
same "and packs with what is there" -DSPLINTER_ZLIB=1 \
	"$(packs ZLIB=-lz ZSTD= | grep -v '^Built')"

# --- What is made again ------------------------------------------------------

object=$dir/build/cli/main.o
made() { # SETTING...: what is compiled for main.o with it
	"${make[@]}" "$@" "$object" | grep -c 'main\.o$'
}
same "an object is made" 1 "$(made LIBEDIT=0)"
same "nothing is made again" 0 "$(made LIBEDIT=0)"
same "another LIBEDIT makes the command line again" 1 \
	"$(made LIBEDIT=1 2>/dev/null)"
same "and back" 1 "$(made LIBEDIT=0)"
same "another build id does" 1 "$(made LIBEDIT=0 COMMIT=abcdef0)"
same "an unknown one does not" 0 "$(made LIBEDIT=0 COMMIT=unknown)"

# --- The build id ------------------------------------------------------------

commit() { "${make[@]}" -C "$1" -pn help 2>/dev/null | sed -n 's/^COMMIT := //p'; }
mkdir -p "$dir/tree/packaging"
cp Makefile "$dir/tree/"
same "is unknown without git and tarball" unknown "$(commit "$dir/tree")"
echo 0123456789abcdef0123456789abcdef01234567 >"$dir/tree/packaging/commit"
same "is what the tarball says" 0123456 "$(commit "$dir/tree")"
if [ -e .git ]; then
	same "is git's" "$(git rev-parse --short=7 HEAD)" "$(commit .)"
else
	skip "is git's" "no checkout"
fi
plan
