#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_cli.sh - splinterctl and splinterpctl as their users meet them: what
# each command prints and where, what each mistake is answered with, and the
# exit status. TAP on stdout.
#
# usage: test_cli.sh DIRECTORY_OF_THE_BINARIES
#
# Works in a directory of its own; its stores in /dev/shm bear its process
# number, and all is removed at the end.

# shellcheck source-path=SCRIPTDIR

set -u

bindir=$(cd "${1:?usage: $0 DIRECTORY_OF_THE_BINARIES}" && pwd) || exit 1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
umask 022
unset "${!SPLINTER_@}"
export LC_ALL=C

tmp=$(mktemp -d "${TMPDIR:-/tmp}/splinter-cli.XXXXXX") || exit 1
export TMPDIR=$tmp
s=splinter_cli_test_$$
chmod 755 "$tmp"
mkdir -p "$tmp/bin" "$tmp/files"
cp "$bindir/splinterctl" "$bindir/splinterpctl" "$tmp/bin/" || exit 1
mkfifo "$tmp/never"
exec {never}<>"$tmp/never"
watcher=

clean_up() {
	[[ $watcher ]] && kill -KILL "$watcher" 2>/dev/null
	rm -rf "$tmp" "/dev/shm/$s" "/dev/shm/$s"-*
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
cd "$tmp/files" || exit 1

# shellcheck source=harness.sh
. "$here/harness.sh"
# shellcheck source=cases_commands.sh
. "$here/cases_commands.sh"
# shellcheck source=cases_stores.sh
. "$here/cases_stores.sh"
# shellcheck source=cases_watch.sh
. "$here/cases_watch.sh"
# shellcheck source=cases_top.sh
. "$here/cases_top.sh"
# shellcheck source=cases_ttl.sh
. "$here/cases_ttl.sh"
# shellcheck source=cases_port.sh
. "$here/cases_port.sh"
# shellcheck source=cases_data.sh
. "$here/cases_data.sh"
# shellcheck source=cases_script.sh
. "$here/cases_script.sh"

# --- All of it, for both programs ------------------------------------------

suite() { # PROGRAM KIND
	prog=$1
	kind=$2
	bin=$bindir/$prog
	path=$s
	[[ $kind == memory ]] && path=/dev/shm/$s
	rm -rf "/dev/shm/$s" "/dev/shm/$s"-* "$tmp/files/$s" "$tmp/files/$s"-*
	test_init
	test_numbers
	test_values
	test_value_limits
	test_keys
	test_full
	test_operations
	test_cas
	test_sources
	test_json
	test_prefix
	test_names_of_keys
	test_many_keys
	test_init_options
	test_list
	test_head
	test_config
	test_stores
	test_destroy
	test_default_names
	test_words
	test_options
	test_help
	test_names
	test_not_stores
	test_damaged
	test_other_layout
	test_permissions
	test_mounts
	test_writers
	test_output
	test_script
	test_history
	test_interrupt
	test_watch_oneshot
	test_watch_timeout
	test_watch
	test_watch_destroyed
	test_watch_shortened
	test_watch_read_only
	test_watch_output
	test_watch_unread
	test_watch_interrupted
	test_watch_words
	test_watch_keys
	test_watch_names_of_keys
	test_watch_prefix
	test_watch_json
	test_watch_pipeline
	test_watch_waits
	test_watch_from
	test_watch_missed
	test_watch_at_terminal
	test_top
	test_top_words
	test_top_counts
	test_top_many_keys
	test_top_writer
	test_top_ends
	test_top_read_only
	test_top_at_terminal
	test_ttl
	test_ttl_words
	test_ttl_others
	test_ttl_reclaim
	test_ttl_watched
	test_ttl_permissions
	test_export
	test_import
	test_import_newest
	test_import_broken
	test_import_partial
	test_import_from
	test_packed
	test_export_ended
	test_import_ended
	test_record
	test_record_ends
	test_record_missed
	test_replay
	test_copy
	test_terminal
}

shopt -s extglob
suite splinterctl memory
suite splinterpctl file
echo "1..$count"
((failures == 0)) || exit 1
