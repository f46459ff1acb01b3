#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_examples.sh - the event loops of examples/ do what they say. TAP on
# stdout.
#
# usage: test_examples.sh BUILD_DIR
#
# What is connected to is waited for, line by line, and each wait is bounded.
set -u
build=$(cd "${1:?usage: $0 BUILD_DIR}" && pwd) || exit 2
ctl=$build/splinterctl
dir=$(mktemp -d "${TMPDIR:-/tmp}/splinter-examples.XXXXXX") || exit 2
store=splinter_examples_$$
export SPLINTER_DEFAULT_STORE=$store LC_ALL=C
server='' socket=$dir/socket

clean_up() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$dir" "/dev/shm/$store"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

count=0 bad=0
check() { # STATUS WHAT
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $name: $2"
		return
	fi
	echo "not ok $count - $name: $2"
	bad=$((bad + 1))
	sed 's/^/# /' "$dir/log"
}

# Prints what it is sent, from the moment that somebody listens. A deaf one
# takes nothing, but talks, until that fails.
client() { # [deaf]
	timeout 120 python3 -u - "$socket" "$@" 2>/dev/null <<-'END'
		import socket, sys, time
		peer = socket.socket(socket.AF_UNIX)
		while peer.connect_ex(sys.argv[1]):
		    time.sleep(0.01)
		if sys.argv[2:]:
		    peer.shutdown(socket.SHUT_RD)
		    try:
		        while peer.send(b"hear me"):
		            time.sleep(0.01)
		    except OSError:
		        print("dropped")
		        sys.exit()
		for line in peer.makefile("r"):
		    print(line, end="")
		print("closed")
	END
}

# The line on descriptor $1 that is $2; those before it are passed over. With
# $3, for so many seconds only.
heard() {
	local line=
	while IFS= read -r -t "${3:-20}" -u "$1" line; do
		# shellcheck disable=SC2053 # a pattern
		[[ $line != $2 ]] || return 0
	done
	[ $# -gt 2 ] || echo "not heard: $2" >>"$dir/log"
	return 1
}

# Is served from now on: a key is changed until that is heard.
joined() { # DESCRIPTOR [LINE]
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		"$ctl" set joining "$1 $tries"
		! heard "$1" "${2-* joining epoch *}" 0.2 || return 0
	done
	return 1
}

# Ends by itself, with this status.
ended() { # STATUS
	local status=0
	wait "$server" || status=$?
	server=
	[ "$status" -ne "$1" ] || return 0
	echo "ended with status $status" >>"$dir/log"
	return 1
}

# Signals go through; who hangs ends with status 124.
serve() {
	timeout --foreground -k 5 60 "$build/$name" "$store" "$socket" \
		>"$dir/log" 2>&1 </dev/null &
	server=$!
}

changes_are_told() {
	exec 3< <(client) 4< <(client) 5< <(client deaf)
	serve
	joined 3 && joined 4
	check $? "clients are served"
	"$ctl" set greeting "hello, world"
	heard 3 "created greeting epoch 2: hello, world"
	check $? "a new key is told"
	heard 4 "created greeting epoch 2: hello, world"
	check $? "to all"
	heard 3 "# * events"
	check $? "each second what there was is counted"
	exec 4<&-
	"$ctl" set greeting $'two\nlines'
	heard 3 "changed greeting epoch 4: two?lines"
	check $? "a change is one line"
	"$ctl" set greeting again
	heard 3 "changed greeting epoch 6: again"
	check $? "one client's end is not the other's"
	joined 5 dropped
	check $? "who does not take his lines is dropped"
	"$ctl" unset greeting >"$dir/out"
	heard 3 "removed greeting epoch 6: "
	check $? "a removal is told"
	kill -INT "$server"
	ended 0
	check $? "Ctrl-C ends it"
	heard 3 closed
	check $? "and the connection"
	[ ! -e "$socket" ]
	check $? "and leaves no socket"
	exec 3<&- 5<&-
}

failures_are_told() {
	echo mine >"$socket"
	serve
	ended 1 && grep -qi 'address already in use' "$dir/log"
	check $? "a path that is taken is refused"
	[ "$(cat "$socket")" = mine ]
	check $? "and left as it was"
	rm "$socket"
	exec 3< <(client)
	serve
	joined 3
	check $? "serves again"
	"$ctl" destroy "$store" >"$dir/out" 2>&1
	ended 1 && grep -qi 'identifier removed' "$dir/log"
	check $? "ends with its store"
	[ ! -e "$socket" ]
	check $? "and leaves no socket then"
	exec 3<&-
	serve
	ended 1 && grep -qi 'no such file' "$dir/log"
	check $? "a store that is not there is told"
}

for name in example_feed_epoll example_feed_libuv; do
	if [ ! -x "$build/$name" ]; then
		count=$((count + 1))
		echo "ok $count - $name # SKIP not built: no libuv"
		continue
	fi
	"$ctl" init "$store" >"$dir/log" 2>&1
	check $? "has a store"
	changes_are_told
	failures_are_told
	[ ! -e "/dev/shm/$store" ]
	check $? "nothing is left"
done
echo "1..$count"
[ "$bad" -eq 0 ]
