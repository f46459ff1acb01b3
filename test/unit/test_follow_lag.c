/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - a feed that falls behind is told what it missed.
 */
#include <string.h>

#include "hear.h"
#include "ttl.h"

/* Just as many as there is room for, and one more. */
static void
missed_exactly(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	uint64_t len = s->geo.feed_len;
	struct spl_store_stat info;

	CHECK(!spl_store_info(s, &info) && info.feed_len == len, "feed_len");
	unit_set(s, "k", "");
	spl_feed *f = hear_open(s, NULL);
	for (uint64_t i = 0; i < len; i++)
		unit_set(s, "k", "");
	CHECK(hear_info(f).behind == len, "behind by the whole ring");
	CHECK(hear(f, SPL_CHANGED, "k") && heard.changes == len,
		"a full ring is told");
	CHECK(hear_nothing(f) && !hear_info(f).missed, "all of it");
	for (uint64_t i = 0; i <= len; i++)
		unit_set(s, "k", "");
	CHECK(hear_missed(f, len + 1), "one more is too many: all are missed");
	uint64_t at = heard.sequence;
	CHECK(at == 2 * len + 2, "up to the last one");
	CHECK(hear(f, SPL_CHANGED, "k") && heard.sequence == at &&
			heard.changes == len + 1,
		"what differs has the same sequence");
	CHECK(hear(f, SPL_SYNCED, "") && heard.sequence == at, "as the end");
	unit_set(s, "k", "");
	CHECK(hear(f, SPL_CHANGED, "k") && heard.sequence == at + 1 &&
			hear_nothing(f),
		"what comes after has a higher one");
	struct spl_feed_stat stat = hear_info(f);
	CHECK(stat.missed == len + 1 && stat.seen == len + 1 &&
			stat.started == 1 && stat.sequence == at + 1 &&
			stat.events == 5,
		"counted");
	spl_feed_close(f);
	unit_drop(s);
}

static void
catching_up(uint32_t kind, uint32_t flags)
{
	spl_store *s = unit_store(kind, 16, 8);
	static const char *const keys[] = {
		"same", "changed", "unset", "expired", "reclaimed", "back"};
	uint32_t told[8] = {0};
	unsigned wrong = 0, count = 0;

	for (int i = 0; i < 6; i++)
		unit_set(s, keys[i], "old");
	spl_set_ttl(s, "expired", "old", 3, 30000);
	spl_set_ttl(s, "reclaimed", "old", 3, 30000);
	spl_feed *f = hear_flags(s, flags);
	unit_set(s, "changed", "new");
	spl_unset(s, "unset");
	spl_expire(s, "reclaimed", 1);
	until_expired(s, "reclaimed");
	spl_reclaim(s);
	spl_expire(s, "expired", 1);
	until_expired(s, "expired");
	spl_unset(s, "back");
	unit_set(s, "new", "new");
	unit_set(s, "back", "back");
	hear_lap(s, "other");
	CHECK(hear(f, SPL_MISSED, ""), "missed");
	while (spl_feed_read(f, &heard, 1, 0) == 1 &&
		heard.what != SPL_SYNCED) {
		static const char *const all[] = {"same", "changed", "unset",
			"expired", "reclaimed", "back", "new", "other"};
		bool valued = flags && heard.what & ~(uint32_t)SPL_UNSET;
		count++;
		for (int i = 0; i < 8; i++)
			if (!strcmp(heard.key, all[i]))
				told[i] |= heard.what;
		wrong += valued != !!heard.value;
		if (valued && !strcmp(heard.key, "changed"))
			wrong += heard.len != 3 ||
				 memcmp(heard.value, "new", 3) != 0;
		if (valued && heard.what == SPL_EXPIRED)
			wrong += heard.len != 3 ||
				 memcmp(heard.value, "old", 3) != 0;
	}
	CHECK(heard.what == SPL_SYNCED && hear_nothing(f), "then synced");
	CHECK(!told[0], "nothing of what is the same");
	CHECK(told[1] == SPL_CHANGED && told[5] == SPL_CHANGED, "changed");
	CHECK(told[6] == SPL_CREATED && told[7] == SPL_CREATED, "created");
	CHECK(told[2] == SPL_UNSET, "removed");
	CHECK(told[3] == SPL_EXPIRED, "expired, and not reclaimed");
	CHECK(told[4] & (SPL_EXPIRED | SPL_UNSET), "expired and reclaimed");
	CHECK(count == 7 && !wrong, "each once, with its value");
	CHECK(hear_adds_up(f), "it adds up");
	spl_feed_close(f);
	unit_drop(s);
}

/* By a file's clock, which can be put on: nobody has to wait for the end. */
static void
expired_meanwhile(bool reclaimed)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t hour = 3600000, clock = spli_time_ns(s);

	if (TEST_KIND != SPL_FILE) {
		unit_drop(s);
		return;
	}
	spl_set_ttl(s, "k", "last", 4, hour);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);
	spl_set_ttl(s, "l", "last", 4, hour);
	CHECK(hear_value(f, SPL_CREATED, "l", "last"), "two that will end");
	spli_store(&s->header->clock_floor, clock + 2 * hour * 1000000);
	if (reclaimed)
		CHECK_RC(spl_reclaim(s), 2);
	hear_lap(s, "other");
	CHECK(spl_feed_read(f, &heard, 1, 0) == 1, "something is");
	unsigned ended = 0, events = 0;
	for (; heard.what && heard.what != SPL_SYNCED; events++) {
		ended += heard.what == SPL_EXPIRED && heard.len == 4 &&
			 heard.value && !memcmp(heard.value, "last", 4);
		if (spl_feed_read(f, &heard, 1, 0) != 1)
			break;
	}
	CHECK(ended == 2 && events == 4 && hear_nothing(f),
		"both are told, with their values");
	spl_feed_close(f);
	unit_drop(s);
}

static void
one_key_catches_up(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.key = "mine";
	spl_feed *f = hear_open(s, &o);
	unit_set(s, "mine", "");
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 2) &&
			hear(f, SPL_CREATED, "mine") && hear_end(f),
		"a key that came while others filled the ring");
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 1) && hear_end(f),
		"nothing of others");
	spl_unset(s, "mine");
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 2) &&
			hear(f, SPL_UNSET, "mine") && hear_end(f),
		"one that went");
	spl_feed_close(f);
	unit_drop(s);
}

/* Again and again, also while it is still catching up. */
static void
behind_again(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);

	hear_lap(s, "a");
	CHECK(hear_missed(f, s->geo.feed_len + 1) && hear(f, SPL_CREATED, "a"),
		"missed");
	hear_lap(s, "b");
	hear_lap(s, "a");
	unsigned missed = 0, synced = 0, a = 0, b = 0;
	while (spl_feed_read(f, &heard, 1, 0) == 1) {
		missed += heard.what == SPL_MISSED;
		synced += heard.what == SPL_SYNCED;
		if (!strcmp(heard.key, "a") &&
			heard.epoch == unit_epoch(s, "a"))
			a++;
		if (!strcmp(heard.key, "b") &&
			heard.epoch == unit_epoch(s, "b"))
			b++;
	}
	CHECK(missed == 1 && synced == 2 && a == 1 && b == 1,
		"missed again before it was synced");
	CHECK(hear_adds_up(f) &&
			hear_info(f).missed == 3 * (s->geo.feed_len + 1) &&
			!hear_info(f).behind,
		"each is counted");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_follow_lag(void)
{
	for (int i = 0; i < 2; i++) {
		missed_exactly(unit_kinds[i]);
		catching_up(unit_kinds[i], 0);
		catching_up(unit_kinds[i], SPL_FEED_VALUES);
	}
	expired_meanwhile(false);
	expired_meanwhile(true);
	one_key_catches_up();
	behind_again();
}
