/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of a user of the flat API: C and C++, splinter.h alone, either
 * library. The argument is a store that does not exist yet. TAP on stdout.
 */
#include <splinter.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int count, failed;

static void
check(int ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++count, what);
	failed += !ok;
}

/* The signatures, as pointers: another one does not compile. */
static int (*const create_)(const char *, size_t, size_t) = splinter_create;
static int (*const open_)(const char *) = splinter_open;
static void (*const close_)(void) = splinter_close;
static int (*const set_)(const char *, const void *, size_t) = splinter_set;
static int (*const unset_)(const char *) = splinter_unset;
static int (*const get_)(const char *, void *, size_t,
	size_t *) = splinter_get;
static int (*const list_)(char **, size_t, size_t *) = splinter_list;
static int (*const poll_)(const char *, uint64_t) = splinter_poll;
static int (*const set_av_)(unsigned int) = splinter_set_av;
static int (*const get_av_)(void) = splinter_get_av;

static void
without_a_store(void)
{
	char buf[8];
	size_t n;
	splinter_header_snapshot_t header;

	check(set_("k", "v", 1) == -2 && errno == EBADF, "set: -2, EBADF");
	check(get_("k", buf, 8, &n) == -2 && errno == EBADF, "get: -2, EBADF");
	check(unset_("k") == -2 && errno == EBADF, "unset: -2, EBADF");
	check(poll_("k", 0) == -2 && errno == EBADF, "poll: -2, EBADF");
	check(get_av_() == -2 && errno == EBADF, "get_av: -2, EBADF");
	check(set_av_(1) == -2 && errno == EBADF, "set_av: -2, EBADF");
	check(splinter_get_header_snapshot(&header) == -2 && errno == EBADF,
		"header snapshot: -2, EBADF");
}

static void
with_a_store(const char *name)
{
	char buf[64], *keys[4];
	size_t n = 0;
	splinter_header_snapshot_t header;
	splinter_slot_snapshot_t slot;

	check(open_(name) == -1 && errno == ENOENT, "open: -1, ENOENT");
	check(create_(name, 16, 64) == 0, "create: 0");
	check(create_(name, 16, 64) == -1 && errno == EEXIST,
		"create again: -1, EEXIST");
	check(splinter_open_or_create(name, 1, 1) == 0, "open_or_create: 0");
	check(splinter_create_or_open(name, 1, 1) == 0, "create_or_open: 0");
	check(set_("foo", "hello", 5) == 0, "set: 0");
	check(get_("foo", NULL, 0, &n) == 0 && n == 5, "get of the size: 0");
	check(get_("foo", buf, sizeof buf, &n) == 0 && n == 5 &&
			!memcmp(buf, "hello", 5),
		"get: 0");
	check(get_("foo", buf, 2, &n) == -1 && errno == EMSGSIZE && n == 5,
		"get, too small: -1, EMSGSIZE, and the size");
	check(set_("foo", buf, 65) == -1 && errno == EMSGSIZE,
		"set, too big: -1, EMSGSIZE");
	check(list_(keys, 4, &n) == 0 && n == 1 && !strcmp(keys[0], "foo"),
		"list: 0");
	check(poll_("foo", 1) == -2 && errno == ETIMEDOUT,
		"poll: -2, ETIMEDOUT");
	check(poll_("absent", 1) == -1 && errno == ENOENT,
		"poll of no key: -1, ENOENT");
	check(get_av_() == 1 && set_av_(0) == 0 && get_av_() == 0 &&
			set_av_(1) == 0,
		"auto-vacuum is on, off, on");
	check(splinter_get_header_snapshot(&header) == 0 &&
			header.slots == 16 && header.max_val_sz == 64 &&
			header.epoch == 1 && header.auto_vacuum == 1,
		"header snapshot: 0");
	check(splinter_get_slot_snapshot("foo", &slot) == 0 &&
			slot.hash == 15902901984413996407ull &&
			slot.epoch == 2 && slot.val_len == 5 &&
			!strcmp(slot.key, "foo"),
		"slot snapshot: 0");
	check(unset_("foo") == 5, "unset: the length");
	check(unset_("foo") == -1 && errno == ENOENT,
		"unset of no key: -1, ENOENT");
	check(unset_("") == -2 && errno == EINVAL, "unset of \"\": -2, EINVAL");
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	without_a_store();
	with_a_store(argv[1]);
	close_();
	check(set_("k", "v", 1) == -2, "closed: -2 again");
	printf("1..%d\n", count);
	return failed != 0;
}
