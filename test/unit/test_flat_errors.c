/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.c - results and errno of everything that can go wrong.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "splinter.h"
#include "unit.h"

/* A result and errno, which nobody has set before. */
#define CHECK_ERRNO(call, result, number)                                      \
	do {                                                                   \
		errno = 0;                                                     \
		int got_ = (call);                                             \
		int errno_ = errno;                                            \
		if (!CHECK(got_ == (result) && errno_ == (number),             \
			    #call " is " #result ", " #number))                \
			printf("# it is %d, %s\n", got_, unit_errno(errno_));  \
	} while (0)

static char long_key[65];
static size_t n;
static char *keys[4];
static char buf[8];
static splinter_pollkey_t polled[2] = {{"k", 0, 77}, {"none", 0, 77}};

static void
no_store(void)
{
	splinter_header_snapshot_t h;
	splinter_slot_snapshot_t slot;

	splinter_close();
	CHECK_ERRNO(splinter_set("k", "v", 1), -2, EBADF);
	CHECK_ERRNO(splinter_unset("k"), -2, EBADF);
	CHECK_ERRNO(splinter_get("k", buf, 8, &n), -2, EBADF);
	CHECK_ERRNO(splinter_get(NULL, NULL, 0, NULL), -2, EBADF);
	CHECK_ERRNO(splinter_list(keys, 4, &n), -2, EBADF);
	CHECK_ERRNO(splinter_poll("k", 0), -2, EBADF);
	CHECK_ERRNO(splinter_poll("k", UINT64_MAX), -2, EBADF);
	CHECK_ERRNO(splinter_multi_poll(polled, 2, 0), -2, EBADF);
	CHECK_ERRNO(splinter_multi_poll(NULL, 0, UINT64_MAX), -2, EBADF);
	CHECK_ERRNO(splinter_set_av(1), -2, EBADF);
	CHECK_ERRNO(splinter_set_av(7), -2, EBADF);
	CHECK_ERRNO(splinter_get_av(), -2, EBADF);
	CHECK_ERRNO(splinter_get_header_snapshot(&h), -2, EBADF);
	CHECK_ERRNO(splinter_get_slot_snapshot("k", &slot), -2, EBADF);
}

static void
opening(const char *taken)
{
	const char *name = unit_name();
	char too_long[NAME_MAX + 2 + PATH_MAX];

	CHECK_ERRNO(splinter_create(taken, 4, 8), -1, EEXIST);
	CHECK_ERRNO(splinter_create(name, 0, 8), -1, EINVAL);
	CHECK_ERRNO(splinter_create(name, 4, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_create(name, SIZE_MAX, 8), -1, EINVAL);
	CHECK_ERRNO(splinter_create(name, 4, SIZE_MAX), -1, EINVAL);
	CHECK_ERRNO(splinter_create(name, 1 << 30, UINT32_MAX), -1, ENOSPC);
	CHECK_ERRNO(splinter_open_or_create(name, 0, 8), -1, EINVAL);
	CHECK_ERRNO(splinter_create_or_open(name, 4, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_create(NULL, 4, 8), -1, EINVAL);
	CHECK_ERRNO(splinter_create("", 4, 8), -1, EINVAL);
	CHECK_ERRNO(splinter_open(NULL), -1, EINVAL);
	CHECK_ERRNO(splinter_open(""), -1, EINVAL);
	CHECK_ERRNO(splinter_open(name), -1, ENOENT);
	memset(too_long, 'n', sizeof too_long);
	too_long[sizeof too_long - 1] = '\0';
	CHECK_ERRNO(splinter_open(too_long), -1, ENAMETOOLONG);
	CHECK_ERRNO(splinter_create(too_long, 4, 8), -1, ENAMETOOLONG);
	if (mkdir(unit_path(name), 0700))
		abort();
	CHECK_ERRNO(splinter_open(name), -1, EISDIR);
	rmdir(unit_path(name));
	if (TEST_KIND == SPL_FILE)
		CHECK_ERRNO(splinter_open("/no/such/file"), -1, ENOENT);
	else
		CHECK_ERRNO(splinter_open("a/b"), -1, EINVAL);
	FILE *f = fopen(unit_path(name), "we");
	if (!f || fputs("not a store, but long enough for a header", f) < 0 ||
		fclose(f))
		abort();
	CHECK_ERRNO(splinter_open(name), -1, EBADMSG);
	CHECK_ERRNO(splinter_open_or_create(name, 4, 8), -1, EBADMSG);
	remove(unit_path(name));
}

static void
on_keys(void)
{
	splinter_header_snapshot_t *no_header = NULL;
	splinter_slot_snapshot_t slot;

	CHECK_ERRNO(splinter_set(NULL, "v", 1), -1, EINVAL);
	CHECK_ERRNO(splinter_set("", "v", 1), -1, EINVAL);
	CHECK_ERRNO(splinter_set(long_key, "v", 1), -1, ENAMETOOLONG);
	CHECK_ERRNO(splinter_set("k", NULL, 1), -1, EINVAL);
	CHECK_ERRNO(splinter_set("k", "123456789", 9), -1, EMSGSIZE);
	CHECK_ERRNO(splinter_set("k", "1", SIZE_MAX), -1, EMSGSIZE);

	CHECK_ERRNO(splinter_unset(NULL), -2, EINVAL);
	CHECK_ERRNO(splinter_unset(""), -2, EINVAL);
	CHECK_ERRNO(splinter_unset(long_key), -2, ENAMETOOLONG);
	CHECK_ERRNO(splinter_unset("none"), -1, ENOENT);

	CHECK_ERRNO(splinter_get(NULL, buf, 8, &n), -1, EINVAL);
	CHECK_ERRNO(splinter_get("", buf, 8, &n), -1, EINVAL);
	CHECK_ERRNO(splinter_get(long_key, buf, 8, &n), -1, ENAMETOOLONG);
	CHECK_ERRNO(splinter_get("none", buf, 8, &n), -1, ENOENT);
	splinter_set("k", "12345", 5);
	n = 77;
	CHECK_ERRNO(splinter_get("k", buf, 4, &n), -1, EMSGSIZE);
	CHECK(n == 5, "the size comes with EMSGSIZE");
	CHECK_ERRNO(splinter_get("k", buf, 0, &n), -1, EMSGSIZE);

	CHECK_ERRNO(splinter_list(keys, 4, NULL), -1, EINVAL);
	CHECK_ERRNO(splinter_list(NULL, 4, &n), -1, EINVAL);

	CHECK_ERRNO(splinter_poll(NULL, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_poll("", 0), -1, EINVAL);
	CHECK_ERRNO(splinter_poll(long_key, 0), -1, ENAMETOOLONG);
	CHECK_ERRNO(splinter_poll("none", 0), -1, ENOENT);
	CHECK_ERRNO(splinter_poll("none", UINT64_MAX), -1, ENOENT);
	CHECK_ERRNO(splinter_poll("k", 1), -2, ETIMEDOUT);

	CHECK_ERRNO(splinter_multi_poll(NULL, 1, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_multi_poll(polled, 0, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_multi_poll(polled, (1 << 24) + 1, 0), -1, EINVAL);
	CHECK_ERRNO(splinter_multi_poll(polled, SIZE_MAX, 0), -1, EINVAL);
	polled[1].key = "";
	CHECK_ERRNO(splinter_multi_poll(polled, 2, 0), -1, EINVAL);
	polled[1].key = NULL;
	CHECK_ERRNO(splinter_multi_poll(polled, 2, 0), -1, EINVAL);
	polled[1].key = long_key;
	CHECK_ERRNO(splinter_multi_poll(polled, 2, 0), -1, ENAMETOOLONG);
	CHECK(!polled[0].epoch && polled[0].revents == 77,
		"as they were, on failure");

	CHECK_ERRNO(splinter_set_av(2), -1, EINVAL);
	CHECK_ERRNO(splinter_set_av(UINT_MAX), -1, EINVAL);

	CHECK_ERRNO(splinter_get_header_snapshot(no_header), -1, EINVAL);
	CHECK_ERRNO(splinter_get_slot_snapshot("k", NULL), -1, EINVAL);
	CHECK_ERRNO(splinter_get_slot_snapshot(NULL, &slot), -1, EINVAL);
	CHECK_ERRNO(splinter_get_slot_snapshot("", &slot), -1, EINVAL);
	CHECK_ERRNO(
		splinter_get_slot_snapshot(long_key, &slot), -1, ENAMETOOLONG);
	CHECK_ERRNO(splinter_get_slot_snapshot("none", &slot), -1, ENOENT);
	CHECK(splinter_unset("k") == 5, "the key is as it was");
}

static void
full(void)
{
	splinter_set("a", "", 0);
	splinter_set("b", "", 0);
	CHECK_ERRNO(splinter_set("c", "", 0), -1, ENOSPC);
	CHECK_ERRNO(splinter_get("c", NULL, 0, NULL), -1, ENOENT);
	CHECK(splinter_unset("a") == 0 && splinter_set("c", "", 0) == 0,
		"one goes, another comes");
}

/* A store that others alone may write: only its own user can open it. */
static void
as_nobody(void *arg)
{
	const char *name = arg;

	if (!EXPECT(unit_become_nobody()))
		return;
	errno = 0;
	EXPECT(splinter_open(name) == -1 && errno == EACCES);
}

void
test_flat_errors(void)
{
	static char name[PATH_MAX];

	unit_text(name, sizeof name, "%s", unit_name());
	memset(long_key, 'k', 64);
	no_store();
	CHECK(splinter_create(name, 2, 8) == 0, "create");
	opening(name);
	on_keys();
	full();
	splinter_close();
	if (geteuid())
		unit_skip("EACCES", "wants another user");
	else
		CHECK(!unit_run(as_nobody, name), "EACCES");
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	no_store();
}
