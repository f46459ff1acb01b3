#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release's tarball on stdout: the same bytes whenever it is made of the same
# commit. Outside git it is made of the files that are there, but for the
# directory of what was built.
#   packaging/dist.sh NAME BUILD
set -eu -o pipefail
name=$1 build=$2
if [ -e .git ]; then
	git diff --quiet HEAD ||
		echo 'make dist: leaving out what is not committed' >&2
	git -c tar.umask=022 archive --format=tar --prefix="$name/" HEAD
else
	# Each file is as old as the commit, as git archive had it.
	tar -c --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime="@$(stat -c %Y packaging/commit)" \
		--exclude=./build --exclude="./${build#./}" \
		--transform="s,^\.,$name," .
fi | gzip -9n
