#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes share and watch a store; then the example programs run.
# Ends by itself and leaves nothing behind.
#   examples/demo.sh BUILD_DIR     what `make demo` runs
set -eu

build=$(cd "${1:?usage: examples/demo.sh BUILD_DIR}" && pwd)
store=splinter_demo_$$
PATH=$build:$PATH
export SPLINTER_DEFAULT_STORE=$store # instead of --use with every command

# The watcher is the only thing in the background, so $! is it from the moment
# it starts. A kill for sure: another signal could come too early, before it
# runs. The store does not mind.
stop_watcher() {
	[ -n "${!-}" ] || return 0
	kill -KILL "$!" 2>/dev/null || :
}

finish() {
	stop_watcher
	splinterctl destroy "$store" >/dev/null 2>&1 || :
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

explain() {
	printf '\n# %s\n' "$1"
}

# Show a command as one would type it, and run it.
run() {
	printf '$ %s\n' "$1"
	eval "$1" 2>&1
}

# Show the watcher's line $1; lines before it are passed over. With $2, wait
# no longer than that many seconds and only say whether it came.
heard() {
	local line
	while IFS= read -r -t "${2:-10}" line <&3; do
		[ "$line" != "$1" ] || break
	done
	if [ "${line-}" = "$1" ]; then
		printf '%30s | %s\n' 'the watcher prints' "$line"
	elif [ $# -gt 1 ] && kill -0 "$!"; then
		return 1
	else
		echo "demo.sh: the watcher did not print '$1'" >&2
		exit 1
	fi
}

explain "A store is memory with a name. Every process may open it; no server runs."
run "splinterctl init $store"

explain 'A second process watches a key that does not exist yet.'
echo "$ splinterctl watch greeting &"
exec 3< <(exec splinterctl watch greeting 2>&1 </dev/null)

explain 'Set the key, until the watcher has started: it prints LENGTH:VALUE.'
run 'splinterctl set greeting "hello, world"'
# The watcher may have started only after that: then say it once more.
until heard '12:hello, world' 0.2; do
	run 'splinterctl set greeting "hello, world"'
done

explain 'A change wakes it at once.'
run 'splinterctl set greeting "still there?"'
heard '12:still there?'

explain 'What a key is: its epoch grows by 2 with every set and never goes back.'
run 'splinterctl set answer 42'
run 'splinterctl list'
run 'splinterctl head answer'

explain 'Removing a key is a change, too.'
run 'splinterctl unset greeting'
heard "watch: key 'greeting' was removed"

explain 'The store itself goes when it is told to.'
stop_watcher
run "splinterctl destroy $store"

explain 'In C (examples/hello.c): a child process waits for its parent.'
run example_hello

explain 'One publishes, two subscribe; the slower one sees changes merged.'
run example_pubsub

explain 'Auto-vacuum: old text is nowhere in the region once it is replaced.'
run example_scratchpad
