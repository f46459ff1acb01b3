#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The links that go with man pages, a line each: LINK:PAGE, both below man/ of
# where they are installed, the page beside the link. A link for each name but
# the page's own that its NAME section has ("one, two \- what they do").
#   packaging/man-links.sh PAGE...
set -u
[ $# -gt 0 ] || exit 0
awk '
	FNR == 1 {
		page = FILENAME
		sub(/.*\//, "", page)
		section = page
		sub(/.*\./, "", section)
		pages[page] = 1
		inside = 0
	}
	/^\.S[Hh]/ { inside = /^\.S[Hh] "?NAME"?/; next }
	inside && /^[^.]/ {
		done = sub(/ *\\-.*/, "")
		gsub(/,/, " ")
		count = split($0, names)
		for (i = 1; i <= count; i++)
			target[names[i] "." section] = page
		if (done)
			inside = 0
	}
	END {
		for (link in target) {
			section = link
			sub(/.*\./, "", section)
			if (!(link in pages))
				print "man" section "/" link ":" target[link]
		}
	}
' "$@" | LC_ALL=C sort
