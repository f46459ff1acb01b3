/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, descriptors, threads that are not to be had, at each call for one
 * in turn: the call says so, nothing is lost or left, and the next one works.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <regex.h>
#include <string.h>

#include "hear.h"
#include "hook.h"
#include "map.h"
#include "splinter.h"
#include "ttl.h"

enum { MOST = 1000, KEYS = 150 };

/* @body with the first call refused, with the second, until all are made. */
static void
each_refused(const char *what, enum hook_at at, int error, int want,
	int (*body)(void *), void *arg)
{
	unsigned n = 0, wrong = 0;
	int rc;

	for (; n < MOST; n++) {
		hook_set(at, (struct hook){.skip = n, .error = error});
		rc = body(arg);
		if (!hook_end(at))
			break;
		if (rc != want)
			printf("# refusal %u: %s\n", n, unit_errno(rc));
		wrong += rc != want;
	}
	CHECK(n > 0 && !wrong && rc == 0, "%s: %u refused, each %s", what, n,
		unit_errno(want));
}

static const char *name; /* that is free */

static int
create_store(void *arg)
{
	uint32_t kind = *(uint32_t *)arg;
	struct spl_options o = unit_options(kind, 4, 8);
	spl_store *s = NULL;

	o.flags = SPL_PREFAULT;
	int rc = spl_create(name, &o, &s);
	if (rc)
		return s || spl_destroy(name, TEST_KIND) != -ENOENT ? -1 : rc;
	rc = unit_set(s, "k", "value");
	spl_close(s);
	if (kind != SPL_MEMFD)
		spl_destroy(name, kind);
	return rc;
}

static int
open_store(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s = NULL;

	o.flags = SPL_GUARD;
	int rc = spl_open(unit_name_of(arg), &o, &s);

	spl_close(s);
	return rc;
}

static int
open_descriptor(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s = NULL;

	o.flags = SPL_PREFAULT;
	int rc = spl_open_fd(spl_fd(arg), &o, &s);
	spl_close(s);
	return rc;
}

static void
stores(void)
{
	uint32_t named = TEST_KIND, memfd = SPL_MEMFD;
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	name = unit_name();
	each_refused(
		"create", HOOK_calloc, ENOMEM, -ENOMEM, create_store, &named);
	each_refused(
		"create", HOOK_fchmod, EPERM, -EPERM, create_store, &named);
	each_refused(
		"create", HOOK_mmap, ENOMEM, -ENOSPC, create_store, &named);
	each_refused(
		"create", HOOK_mmap, EACCES, -EACCES, create_store, &memfd);
	each_refused("create", HOOK_fallocate, ENOSPC, -ENOSPC, create_store,
		&memfd);
	each_refused("create", HOOK_fallocate, EINTR, 0, create_store, &named);
	each_refused("create", HOOK_getrandom, ENOSYS, 0, create_store, &named);
	each_refused("open", HOOK_calloc, ENOMEM, -ENOMEM, open_store, s);
	each_refused("open", HOOK_fstat, EIO, -EIO, open_store, s);
	each_refused("open", HOOK_pread, EIO, -EIO, open_store, s);
	each_refused("open", HOOK_pread, EINTR, 0, open_store, s);
	each_refused("open", HOOK_open, EINTR, 0, open_store, s);
	each_refused("open", HOOK_mmap, ENOMEM, -ENOMEM, open_store, s);
	each_refused(
		"open_fd", HOOK_calloc, ENOMEM, -ENOMEM, open_descriptor, s);
	spl_store *nameless = unit_store(SPL_MEMFD, 4, 8);
	hook_set(HOOK_open, (struct hook){.error = EPERM});
	spl_store *copy = unit_again(nameless, SPL_READ_ONLY);
	CHECK(hook_end(HOOK_open) == 1, "may not open it anew: a copy does");
	spl_close(copy);
	unit_drop(nameless);
	hook_set(HOOK_fcntl, (struct hook){.error = EPERM});
	create_store(&memfd);
	CHECK(hook_end(HOOK_fcntl) == 1, "a memfd without seals");
	hook_set(HOOK_fcntl, (struct hook){.error = EPERM});
	CHECK_RC(create_store(&memfd), -EPERM);
	hook_set(HOOK_fcntl, (struct hook){.error = EMFILE, .skip = 1});
	CHECK_RC(open_descriptor(s), -EMFILE);
	/* Locks ask again. */
	hook_set(HOOK_fcntl, (struct hook){.error = EINTR, .times = 3});
	CHECK_RC(unit_set(s, "k", "value"), 0);
	CHECK(hook_end(HOOK_fcntl) == 3, "three interrupts");
	/* As some kernels say that another has it: then the next one is. */
	spl_store *again = unit_again(s, 0);
	hook_set(HOOK_fcntl, (struct hook){.error = EACCES});
	CHECK_RC(unit_set(again, "k", "value"), 0);
	CHECK(hook_end(HOOK_fcntl) == 1 && again->is_mine[2], "a busy entry");
	spl_close(again);
	unit_drop(s);
}

static int
open_reference(void *arg)
{
	spl_ref *ref = NULL;
	int rc = spl_ref_open(arg, "k", &ref);

	spl_ref_close(ref);
	return rc;
}

static int
begin_list(void *arg)
{
	struct spl_key_stat stat;
	spl_list *list = NULL;
	int rc = spl_list_begin(arg, "k", "^k", &list);

	if (rc)
		return list ? -1 : rc;
	rc = spl_list_next(list, &stat) == 1 ? 0 : -1;
	spl_list_end(list);
	return rc;
}

static int
wait_for_many(void *arg)
{
	struct spl_pollkey keys[17];

	for (int i = 0; i < 17; i++)
		keys[i] = (struct spl_pollkey){"k", 0, 0, 0};
	int rc = spl_wait_many(arg, keys, 17, 0);
	return rc == 17 ? 0 : rc;
}

static void
calls(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	unit_set(s, "k", "value");
	each_refused("ref", HOOK_malloc, ENOMEM, -ENOMEM, open_reference, s);
	each_refused("list", HOOK_calloc, ENOMEM, -ENOMEM, begin_list, s);
	each_refused("list", HOOK_strdup, ENOMEM, -ENOMEM, begin_list, s);
	each_refused("list", HOOK_regcomp, REG_ESPACE, -ENOMEM, begin_list, s);
	each_refused("list", HOOK_regcomp, REG_BADPAT, -EINVAL, begin_list, s);
	each_refused("wait", HOOK_malloc, ENOMEM, -ENOMEM, wait_for_many, s);
	unit_drop(s);
}

static int
flat_list(void *arg)
{
	char *keys[2];
	size_t count = 77;
	int rc = splinter_list(keys, 2, &count);

	(void)arg;
	if (rc)
		return rc == -1 ? -errno : rc;
	return count == 2 ? 0 : -1;
}

static int
flat_poll(void *arg)
{
	splinter_pollkey_t key = {"k", 0, 0};
	int rc = splinter_multi_poll(&key, 1, 0);

	(void)arg;
	return rc == 1 ? 0 : rc == -1 ? -errno : -2;
}

/* The flat API, and what its own types cannot say. */
static void
flat_calls(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s;
	splinter_pollkey_t many;
	char *keys[2];
	size_t count;

	name = unit_name();
	if (splinter_create(name, 4, 8) || spl_open(name, &o, &s))
		abort();
	unit_set(s, "k", "value");
	unit_set(s, "l", "value");
	each_refused(
		"flat list", HOOK_calloc, ENOMEM, -ENOMEM, flat_list, NULL);
	each_refused(
		"flat list", HOOK_realloc, ENOMEM, -ENOMEM, flat_list, NULL);
	each_refused(
		"flat poll", HOOK_malloc, ENOMEM, -ENOMEM, flat_poll, NULL);
	hook_set(HOOK_malloc, (struct hook){.error = ENOMEM});
	CHECK(splinter_multi_poll(&many, 1 << 24, 0) == -1 && errno == ENOMEM,
		"as many keys as may be");
	hook_end(HOOK_malloc);
	hook_set(HOOK_spl_unset, (struct hook){.error = 5});
	CHECK(splinter_unset("k") == INT_MAX, "a length beyond int");
	hook_end(HOOK_spl_unset);
	/* One that cannot be read is left out, the others are told. */
	for (uint64_t i = 0; i < s->geo.entries; i++)
		if (spli_word_block(s, s->table[i].word)) {
			s->table[i].word++;
			break;
		}
	CHECK(splinter_list(keys, 2, &count) == 0 && count == 1,
		"a damaged key is not listed");
	spl_close(s);
	splinter_close();
	spl_destroy(name, TEST_KIND);
}

/* Two by two, and again after each failure; how many there were of @what. */
static unsigned
read_all(spl_feed *f, uint32_t what, unsigned *failures)
{
	struct spl_event events[2];
	unsigned count = 0;
	int rc;

	while ((rc = spl_feed_read(f, events, 2, 0)) != 0) {
		*failures += rc == -ENOMEM;
		if (rc < 0 && rc != -ENOMEM)
			return 0;
		for (int i = 0; i < rc; i++)
			count += events[i].what == what &&
				 (!events[i].value ||
					 !memcmp(events[i].value, "value", 5));
	}
	return count;
}

/* Everything a feed can tell, of keys with values of @len bytes. */
static int
follow(spl_store *s, uint32_t flags, size_t len, unsigned *failures)
{
	static char value[4000] = "value";
	spl_feed *f = NULL;
	struct spl_feed_options o;
	unsigned told = 0;
	char key[8];

	spl_feed_options_init(&o);
	o.flags = flags;
	o.prefix = "k";
	int rc = spl_feed_open(s, &o, &f);
	if (rc)
		return f ? -1 : rc;
	for (unsigned i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "k%u", i);
		rc |= spl_set_ttl(s, key, value, len, 3600000);
	}
	told += read_all(f, SPL_CREATED, failures);
	for (unsigned i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "k%u", i);
		rc |= spl_expire(s, key, 1);
	}
	until_expired(s, key);
	/* Their ends, by the clock; until the last one is through. */
	unsigned ended = 0;
	while (!rc && ended < KEYS && *failures < MOST)
		ended += read_all(f, SPL_EXPIRED, failures);
	told += ended;
	spl_reclaim(s);
	told += read_all(f, SPL_EXPIRED, failures);
	spl_feed_close(f);
	return rc ? rc : told == 2 * KEYS ? 0 : -1;
}

static void
feeds(enum hook_at at, uint32_t flags, size_t len, const char *what)
{
	spl_store *s = unit_store(TEST_KIND, KEYS + 1, 4000);
	unsigned n = 0, wrong = 0, refused = 0, met = 1;
	unsigned stride = (unsigned)tap_scale(1, 7);

	unit_set(s, "k", "value");
	/* All of the first ones; what comes later are keys of the same kind. */
	for (; met && n < MOST; n += n < 20 ? 1 : stride) {
		unsigned failures = 0;
		hook_set(at, (struct hook){.skip = n, .error = ENOMEM});
		int rc = follow(s, flags, len, &failures);
		met = hook_end(at);
		wrong += rc && !(rc == -ENOMEM && met);
		refused += rc == -ENOMEM || failures;
	}
	CHECK(!wrong && !met && refused, "%s: nothing is lost", what);
	unit_drop(s);
}

/* Two last values in one batch, when there is room for one. */
static void
last_values(void)
{
	static char value[3000] = "value";
	spl_store *s = unit_store(TEST_KIND, 4, sizeof value);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);
	struct spl_event two[2];

	for (int i = 0; i < 2; i++) {
		spl_set_ttl(s, i ? "b" : "a", value, sizeof value, 3600000);
		CHECK(hear(f, SPL_CREATED, i ? "b" : "a"), "one by one");
	}
	for (int i = 0; i < 2; i++) {
		spl_expire(s, i ? "b" : "a", 1);
		until_expired(s, i ? "b" : "a");
	}
	CHECK_RC(spl_reclaim(s), 2);
	hook_set(HOOK_realloc, (struct hook){.error = ENOMEM});
	CHECK(spl_feed_read(f, two, 2, 0) == 1 && hook_end(HOOK_realloc) == 1 &&
			two[0].what == SPL_EXPIRED &&
			two[0].len == sizeof value &&
			!memcmp(two[0].value, value, sizeof value),
		"the first of two, without memory for more");
	CHECK(spl_feed_read(f, two, 2, 0) == 1 && two[0].what == SPL_EXPIRED &&
			!memcmp(two[0].value, value, sizeof value) &&
			hear_nothing(f),
		"then the second");
	spl_feed_close(f);
	unit_drop(s);
}

/* A descriptor that is not to be had; an event that was looked at ahead. */
static void
descriptors(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);
	struct spl_event event;

	hook_set(HOOK_eventfd, (struct hook){.error = EMFILE});
	CHECK_RC(spl_feed_fd(f), -EMFILE);
	hook_end(HOOK_eventfd);
	hook_set(HOOK_pthread_create, (struct hook){.error = EAGAIN});
	CHECK_RC(spl_feed_fd(f), -EAGAIN);
	hook_end(HOOK_pthread_create);
	unit_set(s, "k", "value");
	int fd = spl_feed_fd(f);
	CHECK(fd > 2 && spl_feed_fd(f) == fd, "the third time it is");
	hook_set(HOOK_realloc, (struct hook){.error = ENOMEM});
	CHECK_RC(spl_feed_read(f, &event, 1, 0), -ENOMEM);
	CHECK(hook_end(HOOK_realloc) == 1 && hear(f, SPL_CREATED, "k") &&
			hear_nothing(f),
		"what was seen ahead is told the next time");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_refused(void)
{
	stores();
	calls();
	flat_calls();
	feeds(HOOK_calloc, 0, 5, "calloc");
	feeds(HOOK_malloc, SPL_FEED_VALUES, 5, "malloc");
	feeds(HOOK_realloc, SPL_FEED_VALUES, 3000, "realloc");
	feeds(HOOK_strdup, 0, 5, "strdup");
	last_values();
	descriptors();
}
