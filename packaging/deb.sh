#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages of a release's tarball.
#   packaging/deb.sh check            whether they can be built here
#   packaging/deb.sh TARBALL BUILD    they are left in BUILD
set -eu
if ! command -v dpkg-buildpackage >/dev/null; then
	echo 'Debian packages need Debian: dpkg-buildpackage is missing' \
		'(package dpkg-dev)' >&2
	exit 1
fi
if ! missing=$(dpkg-checkbuilddeps packaging/debian/control 2>&1); then
	echo "Debian packages cannot be built: ${missing##*error: }" >&2
	exit 1
fi
[ "$1" != check ] || exit 0

tarball=$(realpath "$1") build=$(realpath "$2")
dir=$build/deb
rm -rf "$dir"
mkdir -p "$dir/tree"
tar -xzf "$tarball" -C "$dir/tree" --strip-components=1
cp -R packaging/debian "$dir/tree/debian"
# Settings of the make that runs this are none of the package's.
cd "$dir/tree"
env -i PATH="$PATH" HOME="$dir" LC_ALL=C.UTF-8 \
	DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-}" \
	dpkg-buildpackage -us -uc -b >"$build/deb.log" 2>&1 || {
	tail -n 40 "$build/deb.log" >&2
	echo "make deb: dpkg-buildpackage failed; all of it: $build/deb.log" >&2
	exit 1
}
cd "$dir"
for file in *.deb *.changes *.buildinfo; do
	mv "$file" "$build"
	[ "${file%.deb}" = "$file" ] || echo "  DEB $build/$file"
done
rm -rf "$dir"
