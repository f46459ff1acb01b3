/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttl.c - what a time to live means for each function, and clocks.
 */
#include <string.h>
#include <time.h>

#include "hear.h"
#include "ttl.h"

static uint64_t
ttl_of(spl_store *s, const char *key)
{
	struct spl_key_stat stat;

	return spl_stat(s, key, &stat) ? 0 : stat.ttl_ms;
}

/* A key whose time is over, and nobody has reclaimed it. */
static void
expired(spl_store *s, const char *key, const char *text)
{
	spl_set_ttl(s, key, text, strlen(text), 1);
	until_expired(s, key);
}

static void
absent_for_each_reader(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 16);
	struct spl_key_stat stat = {.len = 77};
	struct spl_peek peek;
	spl_list *list;
	spl_ref *ref;
	uint64_t now = 77;
	size_t len = 77;
	char buf[16];

	spl_ref_open(s, "k", &ref);
	unit_set(s, "other", "x");
	expired(s, "k", "value");
	CHECK_RC(spl_get(s, "k", buf, sizeof buf, &len), -ENOENT);
	CHECK_RC(spl_get(s, "k", buf, 1, &len), -ENOENT);
	CHECK(len == 77, "not even a length");
	CHECK_RC(spl_read(s, "k", buf, sizeof buf, &stat), -ENOENT);
	CHECK_RC(spl_stat(s, "k", &stat), -ENOENT);
	CHECK(stat.len == 77, "nothing is filled");
	CHECK_RC(spl_peek_begin(s, "k", &peek), -ENOENT);
	CHECK_RC(spl_ref_get(ref, buf, sizeof buf, &len), -ENOENT);
	CHECK_RC(spl_wait(s, "k", 0, 0, &now), -ETIMEDOUT);
	CHECK(now == 0, "absent for a wait");
	CHECK_RC(spl_wait(s, "k", 2, UINT64_MAX, &now), 0);
	CHECK(!spl_list_begin(s, NULL, NULL, &list) &&
			spl_list_next(list, &stat) == 1 &&
			!strcmp(stat.key, "other") &&
			!spl_list_next(list, &stat),
		"a list passes over it");
	spl_list_end(list);
	CHECK(unit_keys(s) == 2, "it is counted until it is reclaimed");
	CHECK_RC(spl_ref_set(ref, "back", 4), 0);
	CHECK(unit_is(s, "k", "back") && ttl_of(s, "k") == UINT64_MAX,
		"a reference sets it, for ever");
	spl_ref_close(ref);
	unit_drop(s);
}

static void
absent_for_each_writer(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 16);
	uint64_t now = 77, total = 77;
	int64_t sum = 77;

	expired(s, "k", "1");
	CHECK_RC(spl_set_if(s, "k", "x", 1, 2, &now), -ESTALE);
	CHECK(now == 0, "its epoch is no more");
	CHECK_RC(spl_set_if(s, "k", "new", 3, 0, &now), 0);
	CHECK(now == 4 && unit_is(s, "k", "new") && unit_keys(s) == 1,
		"create only, in its place");
	CHECK(ttl_of(s, "k") == UINT64_MAX, "for ever");
	expired(s, "k", "41");
	CHECK_RC(spl_add(s, "k", 1, &sum), 0);
	CHECK(sum == 1 && ttl_of(s, "k") == UINT64_MAX, "add begins anew");
	expired(s, "k", "no number");
	CHECK_RC(spl_add(s, "k", 1, &sum), 0);
	expired(s, "k", "old");
	CHECK_RC(spl_append(s, "k", "new", 3, &total), 0);
	CHECK(total == 3 && unit_is(s, "k", "new"), "append begins anew");
	expired(s, "k", "old");
	CHECK_RC(spl_expire(s, "k", 1000), -ENOENT);
	CHECK(unit_is(s, "k", NULL), "expire brings nothing back");
	CHECK_RC(spl_unset(s, "k"), -ENOENT);
	CHECK(unit_keys(s) == 0, "but unset has reclaimed it");
	CHECK_RC(spl_unset(s, "k"), -ENOENT);
	CHECK_RC(spl_expire(s, "k", 1000), -ENOENT);
	unit_set(s, "k", "last");
	uint64_t epoch = unit_epoch(s, "k");
	expired(s, "k", "gone");
	spl_unset(s, "k");
	unit_set(s, "k", "again");
	CHECK(unit_epoch(s, "k") > epoch + 2, "epochs go on over all of it");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

static void
kept_and_ended(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	uint64_t hour = 3600000, epoch;

	CHECK_RC(spl_set_ttl(s, "k", "1", 1, hour), 0);
	CHECK(ttl_of(s, "k") > hour - 60000 && ttl_of(s, "k") <= hour,
		"time left");
	spl_add(s, "k", 1, NULL);
	CHECK(ttl_of(s, "k") <= hour && unit_is(s, "k", "2"), "add keeps it");
	spl_append(s, "k", "3", 1, NULL);
	CHECK(ttl_of(s, "k") <= hour && unit_is(s, "k", "23"),
		"append keeps it");
	unit_set(s, "k", "x");
	CHECK(ttl_of(s, "k") == UINT64_MAX, "set ends it");
	spl_set_ttl(s, "k", "1", 1, hour);
	spl_set_if(s, "k", "y", 1, unit_epoch(s, "k"), &epoch);
	CHECK(ttl_of(s, "k") == UINT64_MAX, "set_if ends it");
	spl_append(s, "k", "z", 1, NULL);
	CHECK(ttl_of(s, "k") == UINT64_MAX, "append leaves none");
	CHECK_RC(spl_expire(s, "k", 2 * hour), 0);
	CHECK(unit_is(s, "k", "yz") && unit_epoch(s, "k") == epoch + 4 &&
			ttl_of(s, "k") > hour,
		"expire is a change of it alone");
	CHECK_RC(spl_expire(s, "k", UINT64_MAX), 0);
	CHECK(ttl_of(s, "k") == UINT64_MAX, "for ever");
	CHECK_RC(spl_set_ttl(s, "k", "1", 1, hour), 0);
	CHECK_RC(spl_set_ttl(s, "k", "1", 1, UINT64_MAX), 0);
	CHECK(ttl_of(s, "k") == UINT64_MAX, "set for ever");
	CHECK_RC(spl_set_ttl(s, "k", NULL, 0, hour), 0);
	CHECK(unit_is(s, "k", "") && ttl_of(s, "k") <= hour, "empty");
	unit_drop(s);
}

static void
odd_times(void)
{
	static const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 1,
		UINT64_MAX / 2, UINT64_MAX / 1000000, UINT64_MAX / 1000000 + 1,
		INT64_MAX, INT64_MAX / 1000000 * 2 - 1};
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	char key[65];
	unsigned wrong = 0;

	memset(key, 'k', 64);
	key[64] = '\0';
	CHECK_RC(spl_set_ttl(s, "k", "v", 1, 0), -EINVAL);
	CHECK_RC(spl_expire(s, "k", 0), -EINVAL);
	CHECK_RC(spl_set_ttl(NULL, "k", "v", 1, 1), -EINVAL);
	CHECK_RC(spl_set_ttl(s, NULL, "v", 1, 1), -EINVAL);
	CHECK_RC(spl_set_ttl(s, key, "v", 1, 1), -ENAMETOOLONG);
	CHECK_RC(spl_set_ttl(s, "k", "123456789", 9, 1), -EMSGSIZE);
	CHECK_RC(spl_set_ttl(s, "k", NULL, 1, 1), -EINVAL);
	CHECK_RC(spl_set_ttl(r, "k", "v", 1, 1), -EROFS);
	CHECK_RC(spl_expire(NULL, "k", 1), -EINVAL);
	CHECK_RC(spl_expire(s, "", 1), -EINVAL);
	CHECK_RC(spl_expire(s, key, 1), -ENAMETOOLONG);
	CHECK_RC(spl_expire(r, "k", 1), -EROFS);
	CHECK_RC(spl_reclaim(NULL), -EINVAL);
	CHECK_RC(spl_reclaim(r), -EROFS);
	for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
		wrong += spl_set_ttl(s, "k", "v", 1, far[i]) != 0;
		wrong += ttl_of(s, "k") != UINT64_MAX;
		wrong += spl_expire(s, "k", 100000) != 0;
		wrong += ttl_of(s, "k") > 100000;
		wrong += spl_expire(s, "k", far[i]) != 0;
		wrong += ttl_of(s, "k") != UINT64_MAX;
	}
	CHECK(!wrong, "what ends after the year 2500 lives for ever");
	uint64_t century = UINT64_C(36525) * 86400000;
	spl_set_ttl(s, "k", "v", 1, century);
	CHECK(ttl_of(s, "k") > century - 60000 && ttl_of(s, "k") <= century,
		"a century is no such time");
	/* Read-only handles see it end as well. */
	spl_set_ttl(s, "k", "v", 1, 10);
	until_expired(r, "k");
	CHECK(unit_is(s, "k", NULL), "for all handles");
	spl_close(r);
	unit_drop(s);
}

/* Before a wait looks again anyway, which is a second later. */
static void
waits_end_at_once(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t now = 77;
	bool at_once = false;

	/* Ten times, for a machine with other things to do. */
	for (int i = 0; i < 10 && !at_once; i++) {
		spl_set_ttl(s, "k", "v", 1, 20);
		uint64_t from = unit_now_ms();
		spl_wait(s, "k", unit_epoch(s, "k"), UINT64_MAX, &now);
		at_once = unit_now_ms() - from < 900;
	}
	CHECK(at_once && now == 0, "expiry ends a wait at once");
	unit_drop(s);
}

static void
waits_end(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	uint64_t now = 77;

	spl_set_ttl(s, "k", "v", 1, 20);
	uint64_t epoch = 2;
	CHECK_RC(spl_wait(s, "k", epoch, UINT64_MAX, &now), 0);
	CHECK(now == 0 && unit_is(s, "k", NULL), "expiry ends a wait");
	spl_set_ttl(s, "k", "v", 1, 20);
	CHECK_RC(spl_wait(r, "k", epoch + 2, UINT64_MAX, &now), 0);
	CHECK(now == 0 && unit_is(r, "k", NULL), "of a read-only handle, too");
	spl_set_ttl(s, "k", "v", 1, 20);
	struct spl_pollkey keys[] = {{"k", 6, 77, 0}, {"none", 0, 77, 0}};
	CHECK_RC(spl_wait_many(s, keys, 2, UINT64_MAX), 1);
	CHECK(keys[0].epoch == 0 && keys[0].revents == SPL_EXPIRED &&
			!keys[1].revents,
		"and one for many keys");
	CHECK_RC(spl_wait_many(s, keys, 2, 0), 0);
	keys[0].epoch = 6;
	CHECK(spl_wait_many(s, keys, 1, 0) == 1 &&
			keys[0].revents == SPL_EXPIRED,
		"expired before the call");
	keys[0].epoch = 6;
	spl_reclaim(s);
	CHECK(spl_wait_many(s, keys, 1, 0) == 1 && keys[0].revents == SPL_UNSET,
		"reclaimed before the call");
	spl_close(r);
	unit_drop(s);
}

/* As if the wall clock had been set back after a writer had acted. */
static void
no_time_before_the_floor(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t *floor = &s->header->clock_floor;
	uint64_t hour = 3600000, now = spli_time_ns(s);

	spl_set_ttl(s, "k", "v", 1, hour);
	spl_set_ttl(s, "short", "v", 1, 1);
	until_expired(s, "short");
	CHECK(*floor == 0, "reading acts upon nothing");
	spl_reclaim(s);
	if (TEST_KIND != SPL_FILE) {
		CHECK(*floor == 0, "a clock that is never set needs no floor");
		unit_drop(s);
		return;
	}
	CHECK(*floor > now && *floor < now + hour * 1000000,
		"a file keeps the time that a writer has acted upon");
	uint64_t was = *floor;
	expired(s, "short", "v");
	CHECK(*floor == was, "not yet");
	unit_set(s, "short", "again");
	CHECK(*floor > was, "by a set");
	was = *floor;
	expired(s, "short", "v");
	spl_unset(s, "short");
	CHECK(*floor > was, "by an unset");
	spli_store(floor, now + 2 * hour * 1000000);
	CHECK(unit_is(s, "k", NULL), "no time is before that");
	CHECK(spli_time_ns(s) == now + 2 * hour * 1000000, "it is that time");
	CHECK_RC(spl_reclaim(s), 1);
	spl_set_ttl(s, "k", "v", 1, hour);
	CHECK(ttl_of(s, "k") == hour, "times to live begin there");
	spli_store(floor, UINT64_MAX);
	CHECK(unit_is(s, "k", NULL) && spl_reclaim(s) >= 0, "garbage is late");
	CHECK_RC(spl_set_ttl(s, "k", "v", 1, hour), 0);
	CHECK(ttl_of(s, "k") == UINT64_MAX, "but no harm");
	unit_drop(s);
}

#define NS UINT64_C(1000000000)

/*
 * A store whose time stands still, at @ns: by the wall's clock, which is never
 * before what a writer has acted upon.
 */
static spl_store *
stopped_at(uint64_t ns)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);

	s->features |= SPLI_WALL_CLOCK;
	spli_store(&s->header->clock_floor, ns);
	return s;
}

/* In memory the boot's clock; in what outlives a boot, the wall's. */
static void
which_clock(uint32_t kind)
{
	spl_store *s = unit_store(kind, 1, 1);
	clockid_t clock = kind == SPL_FILE ? CLOCK_REALTIME : CLOCK_BOOTTIME;
	struct timespec before, after;

	clock_gettime(clock, &before);
	uint64_t now = spli_time_ns(s);
	clock_gettime(clock, &after);
	CHECK(now / NS >= (uint64_t)before.tv_sec &&
			now / NS <= (uint64_t)after.tv_sec,
		"the %s clock", kind == SPL_FILE ? "wall's" : "boot's");
	unit_drop(s);
}

/* The last second that can be noted, see ttl.c. */
#define LAST ((UINT64_C(1) << 34) - 2)

static void
to_the_nanosecond(void)
{
	const uint64_t now = 4000000000 * NS;
	spl_store *s = stopped_at(now);

	CHECK(spli_ttl_left(s, now) == 0 && spli_ttl_left(s, now - 1) == 0,
		"over is over");
	CHECK(spli_ttl_left(s, now + 1) == 1 &&
			spli_ttl_left(s, now + 1000000) == 1 &&
			spli_ttl_left(s, now + 1000001) == 2,
		"what is left is rounded up");
	unit_drop(s);
	s = stopped_at(LAST * NS - 1000000);
	CHECK(spli_ttl_expiry(s, 1) == LAST * NS &&
			spli_ttl_expiry(s, 1000) == (LAST + 1) * NS - 1000000,
		"the last second");
	CHECK(spli_ttl_expiry(s, 1001) == 0, "beyond that is never");
	unit_drop(s);
}

/* header.soonest: the second before which nothing expires, and a version. */
static void
noted_exactly(void)
{
	static const struct {
		uint64_t expiry, bound;
	} notes[] = {{4000000000 * NS + 7, 4000000001},
		{4000000001 * NS, 4000000001}, {3999999999 * NS, 4000000000},
		{UINT64_MAX, 4000000000}};
	static const uint64_t last[] = {LAST - 1, LAST, LAST + 1};
	spl_store *s = stopped_at(NS);
	const uint64_t *soonest = &s->header->soonest;
	uint64_t version = *soonest;
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
		spli_ttl_note(s, notes[i].expiry);
		wrong += *soonest >> 30 != notes[i].bound;
		wrong += *soonest << 34 == version << 34;
		version = *soonest;
	}
	CHECK(!wrong, "the earliest, and each time another version");
	for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
		spli_store(&s->header->soonest, 0);
		spli_ttl_note(s, last[i] * NS);
		wrong += *soonest >> 30 != (i < 2 ? last[i] : LAST) + 1;
	}
	CHECK(!wrong, "garbage is no later than the last second");
	unit_drop(s);
}

/* What is left after a walk sets the bound anew. */
static void
noted_by_a_walk(void)
{
	const uint64_t start = 4000000000;
	spl_store *s = stopped_at(start * NS);
	const uint64_t *soonest = &s->header->soonest;
	char key[8];

	unit_set(s, "stays", "");
	for (unsigned i = 0; i < 5; i++) {
		unit_text(key, sizeof key, "%u", i);
		spl_set_ttl(s, key, "", 0, 10000 + 1000 * i);
	}
	spl_set_ttl(s, "gone", "", 0, 1000);
	spl_set_ttl(s, "later", "", 0, 90000);
	spli_store(&s->header->clock_floor, (start + 1) * NS - 1);
	CHECK_RC(spl_reclaim(s), 0);
	CHECK(unit_is(s, "gone", ""), "until then it is there");
	spli_store(&s->header->clock_floor, (start + 1) * NS);
	CHECK(unit_is(s, "gone", NULL), "at that very time it is not");
	CHECK_RC(spl_reclaim(s), 1);
	CHECK(*soonest >> 30 == start + 11, "the next in ten seconds");
	spli_store(&s->header->clock_floor, (start + 90) * NS);
	CHECK_RC(spl_reclaim(s), 6);
	CHECK(*soonest >> 30 == 0, "and none any more");
	unit_drop(s);
}

void
test_ttl(void)
{
	noted_by_a_walk();
	which_clock(TEST_KIND);
	which_clock(SPL_MEMFD);
	to_the_nanosecond();
	noted_exactly();
	for (int i = 0; i < 2; i++) {
		absent_for_each_reader(unit_kinds[i]);
		absent_for_each_writer(unit_kinds[i]);
		waits_end(unit_kinds[i]);
	}
	waits_end_at_once();
	kept_and_ended();
	odd_times();
	no_time_before_the_floor();
}
