/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttl.c - reclaiming what has expired: on request, and when a store is full.
 */
#include <pthread.h>
#include <string.h>

#include "hear.h"
#include "hook.h"
#include "ttl.h"

enum { SLOTS = 16 };

static void
fill_up(spl_store *s, uint64_t ttl_ms)
{
	char key[16];

	for (unsigned i = 0; i < SLOTS; i++) {
		unit_text(key, sizeof key, "fill %u", i);
		spl_set_ttl(s, key, "a value to go", 13, ttl_ms);
	}
	for (unsigned i = 0; ttl_ms < 1000 && i < SLOTS; i++) {
		unit_text(key, sizeof key, "fill %u", i);
		until_expired(s, key);
	}
}

static void
on_request(uint32_t kind, bool vacuum)
{
	spl_store *s = unit_store(kind, SLOTS, 32);

	spl_set_auto_vacuum(s, vacuum, NULL);
	CHECK_RC(spl_reclaim(s), 0);
	spl_set_ttl(s, "stays", "a value to stay", 15, 100000);
	unit_set(s, "ever", "a value for ever");
	spl_set_ttl(s, "key that goes", "a value to go", 13, 1);
	spl_set_ttl(s, "key that goes 2", "a value to go", 13, 1);
	until_expired(s, "key that goes");
	until_expired(s, "key that goes 2");
	CHECK_RC(spl_reclaim(s), 2);
	CHECK(unit_keys(s) == 2 && unit_is(s, "stays", "a value to stay") &&
			unit_is(s, "ever", "a value for ever"),
		"others are left alone");
	CHECK_RC(spl_reclaim(s), 0);
	if (vacuum)
		CHECK(!unit_search(s, "value to go", 11) &&
				!unit_search(s, "key that goes", 13),
			"no byte is left of them");
	CHECK(!unit_misplaced(s) && !unit_wrong_reaches(s), "all is in place");
	spl_set_ttl(s, "key that goes", "a value to go", 13, 1);
	until_expired(s, "key that goes");
	unit_set(s, "key that goes", "new");
	if (vacuum)
		CHECK(!unit_search(s, "value to go", 11), "nor after a set");
	CHECK_RC(spl_reclaim(s), 0);
	unit_drop(s);
}

static void
before_no_space(uint32_t kind)
{
	spl_store *s = unit_store(kind, SLOTS, 32);
	unsigned wrong = 0;
	char key[16];

	for (int round = 0; round < 20; round++) {
		fill_up(s, 1);
		wrong += unit_keys(s) != SLOTS;
		for (unsigned i = 0; i < SLOTS; i++) {
			unit_text(key, sizeof key, "new %u", i);
			wrong += unit_set(s, key, "") != 0;
		}
		wrong += unit_set(s, "beyond", "") != -ENOSPC;
		wrong += spl_set_ttl(s, "beyond", "", 0, 1) != -ENOSPC;
		wrong += unit_misplaced(s) || unit_wrong_reaches(s);
		for (unsigned i = 0; i < SLOTS; i++) {
			unit_text(key, sizeof key, "new %u", i);
			wrong += spl_unset(s, key) != 0;
		}
	}
	CHECK(!wrong, "a full store makes room of what has expired");
	fill_up(s, 100000);
	CHECK_RC(unit_set(s, "beyond", ""), -ENOSPC);
	spl_expire(s, "fill 3", 1);
	until_expired(s, "fill 3");
	CHECK_RC(unit_set(s, "beyond", ""), 0);
	CHECK_RC(unit_set(s, "fill 3", ""), -ENOSPC);
	CHECK(unit_is(s, "fill 4", "a value to go"), "others live on");
	unit_drop(s);
}

/* The bound below which nobody looks is never too late. */
static void
nothing_is_overlooked(void)
{
	spl_store *s = unit_store(TEST_KIND, SLOTS, 32);
	uint64_t *soonest = &s->header->soonest;
	unsigned wrong = 0;

	unit_set(s, "a", "");
	CHECK(*soonest == 0, "no bound where nothing expires");
	spl_set_ttl(s, "a", "", 0, 100000);
	CHECK(*soonest != 0, "one where something does");
	unit_set(s, "a", "");
	/* Of whatever kind: a set, a later one, a kept one. */
	for (int round = 0; round < 60; round++) {
		spl_set_ttl(s, "long", "1", 1, 100000);
		int rc = 0;
		switch (round % 3) {
		case 0:
			rc = spl_set_ttl(s, "short", "1", 1, 1);
			break;
		case 1:
			unit_set(s, "short", "1");
			rc = spl_expire(s, "short", 1);
			break;
		default:
			spl_set_ttl(s, "short", "1", 1, 5);
			spl_reclaim(s);
			spl_add(s, "short", 1, NULL);
			spl_expire(s, "short", 1);
		}
		wrong += rc != 0;
		until_expired(s, "short");
		wrong += spl_reclaim(s) != 1;
		wrong += spl_reclaim(s) != 0;
	}
	CHECK(!wrong, "what expires is found, each time");
	spl_set_ttl(s, "short", "", 0, 1);
	until_expired(s, "short");
	spli_store(soonest, UINT64_MAX);
	wrong += spl_reclaim(s) < 0;
	spl_set_ttl(s, "another", "", 0, 1);
	until_expired(s, "another");
	wrong += spl_reclaim(s) < 0;
	CHECK(!wrong && unit_misplaced(s) == 0, "garbage in it does no harm");
	unit_drop(s);
}

struct worker {
	spl_store *s;
	uint64_t random;
	int rounds, what;
	unsigned failed, made;
	pthread_t thread;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	char key[8];

	for (int i = 0; i < w->rounds; i++) {
		uint64_t r = tap_random(&w->random);
		unit_text(key, sizeof key, "%u", (unsigned)(r % 40));
		int64_t rc = w->what == 0   ? spl_reclaim(w->s)
			     : w->what == 1 ? spl_unset(w->s, key)
					    : spl_set_ttl(w->s, key, key,
						      strlen(key), 1 + r % 3);
		w->made += !rc;
		w->failed += rc < 0 && rc != -ENOENT && rc != -ENOSPC;
		/* Whatever there is, is whole. */
		char buf[8];
		size_t len = 0;
		rc = spl_get(w->s, key, buf, sizeof buf, &len);
		w->failed += rc ? rc != -ENOENT
				: len != strlen(key) || memcmp(buf, key, len);
	}
	return NULL;
}

static void
beside_writers(bool vacuum)
{
	enum { WORKERS = 4 };
	spl_store *s = unit_store(TEST_KIND, SLOTS, 32);
	struct worker w[WORKERS];
	uint64_t random = tap_seed();
	unsigned failed = 0;
	char key[8];

	spl_set_auto_vacuum(s, vacuum, NULL);
	for (int i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){.s = s,
			.random = random * (unsigned)(2 * i + 1) | 1,
			.rounds = (int)tap_scale(10000, 1000),
			.what = i};
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(w[i].thread, NULL);
		failed += w[i].failed;
	}
	CHECK(!failed && w[2].made && w[3].made,
		"reclaiming beside sets and unsets");
	for (unsigned i = 0; i < 40; i++) {
		unit_text(key, sizeof key, "%u", i);
		until_expired(s, key);
	}
	CHECK(spl_reclaim(s) >= 0 && unit_keys(s) == 0, "nothing is left");
	CHECK(!unit_misplaced(s) && !unit_wrong_reaches(s),
		"every block is accounted for");
	unit_drop(s);
}

/* What was found to have expired, and has been replaced since. */
static void
not_expired_after_all(void)
{
	spl_store *s = unit_store(TEST_KIND, SLOTS, 32);
	struct spli_lease lease;
	struct spl_peek peek;

	spl_set_ttl(s, "k", "v", 1, 100000);
	if (spl_peek_begin(s, "k", &peek) || spli_lease_take(s, &lease))
		abort();
	CHECK(spli_slot_reclaim(&lease, peek.slot) == 0 &&
			spli_slot_reclaim(&lease, peek.slot + 1) == 0,
		"neither a living key nor an empty slot is reclaimed");
	CHECK(s->header->claim == 0, "and the claim is let go");
	spli_lease_drop(&lease);
	CHECK(unit_is(s, "k", "v"), "the key is there");
	unit_drop(s);
}

/* Somebody alive holds the claim for longer than one waits. */
static void
a_claim_that_is_held(void)
{
	spl_store *s = unit_store(TEST_KIND, SLOTS, 32);
	spl_store *again = unit_again(s, 0);
	struct spli_lease lease;

	spl_set_ttl(s, "k", "v", 1, 1);
	until_expired(s, "k");
	if (spli_lease_take(again, &lease) || spli_claim_take(&lease))
		abort();
	CHECK_RC(spl_reclaim(s), -EAGAIN);
	spli_claim_drop(&lease);
	spli_lease_drop(&lease);
	CHECK_RC(spl_reclaim(s), 1);
	spl_close(again);
	unit_drop(s);
}

static void
set_clock_back(void *floor)
{
	spli_store((uint64_t *)floor, 0);
}

/* The wall clock is, after a value was found expired and before it goes. */
static void
a_clock_set_back_meanwhile(void)
{
	spl_store *s = unit_store(TEST_KIND, SLOTS, 32);
	uint64_t *floor = &s->header->clock_floor;
	uint64_t hour = 3600000, later = spli_time_ns(s) + 2 * hour * 1000000;
	struct hook hook = {.before = set_clock_back, .arg = floor};

	spl_set_ttl(s, "k", "v", 1, hour);
	spli_store(floor, later);
	hook_set(HOOK_spli_claim_take, hook);
	CHECK_RC(spl_reclaim(s), 0);
	CHECK(hook_end(HOOK_spli_claim_take) == 1, "it was about to go");
	CHECK(unit_is(s, "k", "v"), "not expired after all");
	spli_store(floor, later);
	CHECK_RC(spl_reclaim(s), 1);
	unit_drop(s);
}

void
test_ttl_reclaim(void)
{
	for (int i = 0; i < 2; i++) {
		on_request(unit_kinds[i], true);
		on_request(unit_kinds[i], false);
		before_no_space(unit_kinds[i]);
	}
	nothing_is_overlooked();
	not_expired_after_all();
	a_claim_that_is_held();
	if (TEST_KIND == SPL_FILE)
		a_clock_set_back_meanwhile();
	beside_writers(true);
	beside_writers(false);
}
