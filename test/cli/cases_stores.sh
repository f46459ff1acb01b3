# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # the variables are test_cli.sh's
#
# cases_stores.sh - names that lead to no store, or not to one that can be used.

# --- stores that cannot be opened -------------------------------

# The sentence about a name comes from any command that opens it.
says_opening() { # NAME STORE SENTENCE
	run --use "$2" get key
	says "get: $1" 1 "$3"
	run --use "$2" set key value
	says "set: $1" 1 "$3"
	run --use "$2" list
	says "list: $1" 1 "$3"
	run use "$2"
	says "use: $1" 1 "$3"
}

test_names() {
	local long
	long=$(repeat n 5000)
	says_opening "no such store" "$s-none" \
		"no store '$s-none': create it with '$prog init $s-none'"
	says_opening "a name that is too long" "$long" \
		"'${long:0:256}...' cannot name a store, 5000 bytes are too long: choose a shorter name"
	run init "$long"
	says "init: a name that is too long" 1 \
		"'${long:0:256}...' cannot name a store, 5000 bytes are too long: choose a shorter name"
	if [[ $kind == memory ]]; then
		test_names_in_memory
	else
		test_names_of_files
	fi
}

test_names_in_memory() {
	local name why
	for name in a/b /dev/shm/x .. . ''; do
		why="'$name' cannot name a store in memory: use a plain name without '/', or splinterpctl for a store in a file"
		says_opening "'$name' is no plain name" "$name" "$why"
		run init "$name"
		says "init: '$name' is no plain name" 1 "init: $why"
		run destroy "$name"
		says "destroy: '$name' is no plain name" 1 "$why"
	done
}

test_names_of_files() {
	local why="'' cannot name a store: give the path of a file"
	says_opening "an empty name" '' "$why"
	run init ''
	says "init: an empty name" 1 "init: $why"
	run init missing/store
	says "init: no such directory" 1 \
		"init: cannot create 'missing/store', its directory is missing: make it with mkdir"
	mkdir -p deep/er
	run init deep/er/store
	run --use ./deep/../deep/er/store set key value
	expect "a store may be anywhere" 0 '' ''
	run destroy "$tmp/files/deep/er/store"
	expect "by any path" 0 '' \
		"destroy: removed store '$tmp/files/deep/er/store'"
	says_opening "a path through a file" "$s/x" \
		"'$s/x' leads through something that is no directory: correct the path"
}

test_not_stores() {
	mkdir "$path-dir"
	says_opening "a directory" "$s-dir" \
		"'$path-dir' is a directory, not a store: choose another name"
	run init "$s-dir"
	says "init: a directory" 1 \
		"init: '$path-dir' exists already and is no store: choose another name"
	run destroy "$s-dir"
	says "destroy: a directory" 1 \
		"'$path-dir' is a directory, not a store: choose another name"
	ln -s "$(basename "$path")" "$path-link"
	says_opening "a symbolic link" "$s-link" \
		"'$path-link' is a symbolic link, which is never followed: name the store itself"
	run destroy "$s-link"
	says "destroy: a symbolic link" 1 \
		"'$path-link' is a symbolic link, which is never followed: name the store itself"
	mkfifo "$path-fifo"
	says_opening "a pipe" "$s-fifo" \
		"'$path-fifo' is not a regular file, so it is no store: choose another name"
	says_opening "a text file" "$s-text" \
		"'$path-text' is no store, or a damaged one: choose another name; '$prog destroy $s-text' removes a damaged store, 'rm' what is none"
	: >"$path-empty"
	says_opening "an empty file" "$s-empty" \
		"'$path-empty' is no store, or a damaged one: choose another name; '$prog destroy $s-empty' removes a damaged store, 'rm' what is none"
	run init "$s-text"
	says "init: a text file" 1 \
		"init: '$path-text' exists already and is no store: choose another name"
	run stores
	expect_like "stores passes over all of them" 0 '*' ''
	check "and shows none" eval "! grep -qE \
		'^$s-(dir|link|fifo|text|empty) ' '$tmp/out'"
}

flip() { # FILE OFFSET: changes one byte
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\x$(printf %x $((byte ^ 255)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

damaged_store() {
	run destroy "$s-broken"
	run init "$s-broken" 8 64
}

test_damaged() {
	local why
	why="'$path-broken' is no store, or a damaged one: choose another name; '$prog destroy $s-broken' removes a damaged store, 'rm' what is none"
	damaged_store
	flip "$path-broken" 32
	says_opening "a flipped byte in the geometry" "$s-broken" "$why"
	run destroy "$s-broken"
	expect "a damaged store can be destroyed" 0 '' \
		"destroy: removed store '$s-broken'"
	damaged_store
	truncate -s -4096 "$path-broken"
	says_opening "a truncated store" "$s-broken" "$why"
	damaged_store
	truncate -s +4096 "$path-broken"
	says_opening "an extended store" "$s-broken" "$why"
	damaged_store
	flip "$path-broken" 6
	says_opening "a flipped byte in the version" "$s-broken" "$why"
	rm -f "$path-broken"
}

test_other_layout() {
	local why
	run --version
	why="store '$s-broken' has another layout version or byte order than $prog $(cut -d' ' -f3 "$tmp/out"): use the version that made it, or remove it with 'rm $path-broken' and create it again"
	damaged_store
	head -c 4 "$path-broken" | rev | tr -d '\n' |
		dd of="$path-broken" conv=notrunc status=none
	says_opening "another byte order" "$s-broken" "$why"
	rm -f "$path-broken"
	if ! command -v python3 >/dev/null; then
		skip "another layout version" "needs python3"
		return
	fi
	damaged_store
	python3 "$here/other_version.py" "$path-broken"
	says_opening "another layout version" "$s-broken" "$why"
	run init "$s-broken"
	expect_like "init: another layout version" 1 '' \
		"$prog: init: store '$s-broken' exists already: *"
	rm -f "$path-broken"
}

# --- permissions ------------------------------------------------

# As somebody who is not root, and a copy that he can reach.
limited() {
	if ((EUID == 0)); then
		exec_into setpriv --reuid=65534 --regid=65534 --clear-groups \
			"$tmp/bin/$prog" "$@"
	else
		exec_into "$bin" "$@"
	fi
}

test_permissions() {
	limited --version
	if [[ $rc != 0 ]]; then
		skip "permissions" "cannot run $prog as another user"
		return
	fi
	run init "$s-perm" 8 64
	run -u "$s-perm" set key value
	chmod 444 "$path-perm"
	limited -u "$s-perm" get key
	expect "a store one may only read can be read" 0 '5:value' ''
	limited -u "$s-perm" config
	expect_like "its settings too" 0 '*auto_vacuum: 1*' ''
	local command
	for command in 'set key other' 'unset key' 'config av 0'; do
		# shellcheck disable=SC2086 # several words
		limited -u "$s-perm" $command
		says "$command: without permission to write" 1 \
			"no permission to write to store '$s-perm': get, head, list, config, watch and top still work; its owner can allow more with 'chmod'"
	done
	limited use "$s-perm"
	expect "use of it" 0 '' "use: now connected to $s-perm"
	chmod 000 "$path-perm"
	for command in 'get key' 'set key other' 'watch key'; do
		# shellcheck disable=SC2086 # several words
		limited -u "$s-perm" $command
		says "$command: without any permission" 1 \
			"no permission to open store '$s-perm': ask its owner to allow it with 'chmod'"
	done
	chmod 600 "$path-perm"
	run destroy "$s-perm"
	test_permission_of_directory
	test_owner
}

test_permission_of_directory() {
	[[ $kind == file ]] || return
	mkdir locked
	run init locked/store 8 64
	chmod 644 locked/store
	chmod 555 locked
	limited init locked/new
	says "init: in a directory that is not ours" 1 \
		"init: no permission to create 'locked/new': choose a directory that you may write to"
	limited destroy locked/store
	says "destroy: in a directory that is not ours" 1 \
		"destroy: no permission to remove store 'locked/store': ask its owner, or the owner of its directory"
	chmod 755 locked
	run destroy locked/store
}

test_owner() {
	if ((EUID)); then
		skip "somebody else's store" "needs root"
		return
	fi
	run init "$s-other" 8 64
	chown 12345 "$path-other"
	chmod 666 "$path-other"
	says_opening "somebody else's store" "$s-other" \
		"store '$s-other' belongs to another user, who could change it under you: run $prog as its owner, or with --any-owner if you trust him"
	run stores
	check "stores passes over somebody else's" \
		eval "! grep -q '^$s-other ' '$tmp/out'"
	expect_like "but says so" 0 '*' \
		"stores: not shown: ?* of other users; --any-owner shows those that you may read"
	run --any-owner stores
	check "but with --any-owner" grep -q "^$s-other " "$tmp/out"
	run --any-owner --use "$s-other" set key value
	expect "--any-owner uses somebody else's store" 0 '' ''
	rm -f "$path-other"
}

# --- no room ----------------------------------------------------

test_mounts() {
	local dir name=room
	mounted 'mount -t tmpfs tmpfs /mnt || bin=false' --version
	if [[ $rc != 0 ]]; then
		skip "full, missing and read-only file systems" "cannot mount"
		return
	fi
	dir=/mnt
	[[ $kind == memory ]] && dir=/dev/shm
	[[ $kind == file ]] && name=/mnt/room
	test_full_memory "$dir" "$name"
	test_read_only_mount "$dir" "$name"
	[[ $kind == memory ]] && test_no_shm
}

test_full_memory() { # DIRECTORY STORE
	local where="onto the disk" df="df -h" left="no space is left on the disk"
	if [[ $kind == memory ]]; then
		where="into /dev/shm"
		df="df -h /dev/shm"
		left="no memory is left"
	fi
	mounted "mount -t tmpfs -o size=1m tmpfs $1" init "$2" 1000000 4096
	says "init: no room" 1 \
		"init: store '$2' does not fit $where: choose fewer slots or smaller values, or free some ('$df' shows what is left)"
	mounted "mount -t tmpfs -o size=1m tmpfs $1" init "$2" 1073741824 \
		4294967295
	expect_like "init: absurd geometry" 1 '' "$prog: init: *: choose *"
	if [[ $kind == file ]]; then
		df="'$df' shows"
		left="set: $left for key 'k*' in store '$2': free some ($df*"
	else
		left="set: $left for key 'k*' in store '$2': free some ('$df'*"
	fi
	# shellcheck disable=SC2016 # expanded by the inner shell
	mounted 'mount -t tmpfs -o size=16m tmpfs '"$1"'
		"$bin" init '"$2"' 256 1000000 || bin=false
		v=$(head -c 100000 /dev/zero | tr "\0" v); n=0
		while "$bin" -u '"$2"' set k$n "$v" && ((++n < 256)); do :; done' \
		-u "$2" set k-last v
	expect_like "set: no room" 1 '' "$prog: $left"
}

test_read_only_mount() { # DIRECTORY STORE
	local setup
	mounted "mount -t tmpfs tmpfs $1; mount -o remount,ro $1 || bin=false" \
		--version
	if [[ $rc != 0 ]]; then
		skip "a read-only file system" "cannot mount one"
		return
	fi
	setup="mount -t tmpfs -o size=16m tmpfs $1; \"\$bin\" init $2 8 64
		\"\$bin\" -u $2 set key value; mount -o remount,ro $1"
	mounted "$setup" -u "$2" get key
	expect "get: on a read-only file system" 0 '5:value' ''
	mounted "$setup" -u "$2" set key other
	says "set: on a read-only file system" 1 \
		"store '$2' is on a read-only file system: get, head, list, config, watch and top still work; remount it to write"
	mounted "$setup" destroy "$2"
	says "destroy: on a read-only file system" 1 \
		"destroy: cannot remove store '$2', its file system is read-only: remount it writable"
	mounted "$setup" init "$2-new"
	says "init: on a read-only file system" 1 \
		"init: cannot create '$1/room-new', its file system is read-only: choose another directory"
}

test_no_shm() {
	local cure="mount it with 'mount -t tmpfs tmpfs /dev/shm', or use splinterpctl for a store in a file"
	local setup='mount -t tmpfs tmpfs /dev'
	mounted "$setup" init room
	says "init: without /dev/shm" 1 \
		"init: cannot create store 'room', /dev/shm is missing: $cure"
	mounted "$setup" -u room get key
	says "get: without /dev/shm" 1 \
		"no store 'room', /dev/shm is missing: $cure"
	mounted "$setup" destroy room
	says "destroy: without /dev/shm" 1 \
		"destroy: no store 'room', /dev/shm is missing: there is nothing to remove"
	mounted "$setup" stores
	says "stores: without /dev/shm" 1 \
		"stores: cannot look at all of the directory '/dev/shm': No such file or directory: check that it is there and readable"
}

test_writers() {
	local library=
	for library in "$bindir"/libsplinter.so "$bindir"/../lib/libsplinter.so; do
		[[ -e $library ]] && break
		library=
	done
	if [[ ! $library ]] || ! command -v python3 >/dev/null; then
		skip "too many writers" "needs python3 and libsplinter.so"
		return
	fi
	local number=0
	[[ $kind == file ]] && number=1
	exec_into python3 "$here/with_writer_held.py" "$library" $number \
		"$s-held" "$bin" -u "$s-held" set key value
	says "set: too many writers" 1 \
		"set: all 1 writers that store '$s-held' has room for are in use: try again when one of them has ended"
}
