/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - a writer dies before each step of an update, an insert, an unset.
 * The steps are those of swap.c, taken one by one in a child that is killed
 * with the lease in its hands.
 */
#include <string.h>

#include "feed.h"
#include "pool.h"
#include "unit.h"
#include "victim.h"
#include "wait.h"
#include "writer.h"

/* Spare blocks without their entry's mark: a later repair would take them for
 * published ones. */
static unsigned
unmarked(spl_store *s, uint32_t e)
{
	const struct spli_writer *w = &s->writers[e];
	unsigned wrong = 0;

	for (uint64_t i = 0; w->ready && i < s->geo.ring; i++) {
		const struct spli_block *block = spli_block(s, w->spare[i]);
		wrong += !block || block->owner != e + 1;
	}
	return wrong;
}

/* What has to hold after any repair. */
static unsigned
not_tidy(spl_store *s)
{
	unsigned wrong = unit_misplaced(s) + unit_wrong_reaches(s);

	wrong += spli_load(&s->header->claim) != 0;
	for (uint32_t e = 0; e < s->geo.writers; e++) {
		const struct spli_writer *w = &s->writers[e];
		wrong += unmarked(s, e);
		wrong += spli_load(&w->lease) != 0;
		wrong +=
			spli_record_kind(spli_load(&w->record.op)) != SPLI_IDLE;
	}
	return wrong;
}

/* To the last slot and back: nothing is lost, nothing is there twice. */
static unsigned
not_usable(spl_store *s)
{
	uint64_t keys = unit_keys(s);
	unsigned wrong = 0;
	char key[16];

	for (uint64_t i = keys; i < s->geo.slots; i++) {
		unit_text(key, sizeof key, "fill %u", (unsigned)i);
		wrong += unit_set(s, key, key) != 0;
	}
	wrong += unit_set(s, "beyond", "") != -ENOSPC;
	for (uint64_t i = keys; i < s->geo.slots; i++) {
		unit_text(key, sizeof key, "fill %u", (unsigned)i);
		wrong += !unit_is(s, key, key);
		wrong += spl_unset(s, key) <= 0;
	}
	return wrong + unit_misplaced(s);
}

struct scene {
	const char *what;
	enum spli_kind kind;
	bool vacuum;
};

/* Die before step @at; false when there are not so many. */
static bool
one_death(const struct scene *scene, int at)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	struct victim v = {
		.name = unit_name_of(s), .kind = scene->kind, .steps = at};
	struct spl_store_stat info;
	bool insert = scene->kind == SPLI_INSERT;

	spl_set_auto_vacuum(s, scene->vacuum, NULL);
	unit_set(s, "other", "untouched");
	if (!insert)
		unit_set(s, VICTIM_KEY, VICTIM_OLD);
	unit_board_clear();
	struct unit_child c = unit_fork(victim_open_and_run, &v);
	bool came_to_the_end = unit_join(&c) >= 0;
	bool published = unit_posted(VICTIM_PUBLISHED);
	uint64_t told = (uint64_t)unit_posted(VICTIM_TAIL);
	const char *want = !published ? insert ? NULL : VICTIM_OLD
			   : scene->kind == SPLI_UNSET ? NULL
						       : VICTIM_NEW;
	bool before = unit_is(s, VICTIM_KEY, want);
	/* Opening repairs. */
	spl_store *again = unit_again(s, 0);
	spl_store_info(s, &info);
	uint64_t events = spli_feed_tail(s) - told;
	CHECK(before && unit_is(again, VICTIM_KEY, want) &&
			unit_is(again, "other", "untouched"),
		"%s, death before step %d: %s value", scene->what, at,
		published ? "the new" : "the old");
	CHECK(!not_tidy(s), "  every block is accounted for, all is let go");
	CHECK(info.repairs == 1 && events >= published && events <= 2u &&
			(published || !events),
		"  and it is announced: %u", (unsigned)events);
	if (scene->vacuum) {
		CHECK(published || !unit_search(s, VICTIM_NEW, VICTIM_LEN),
			"  nothing is left of what was not published");
		CHECK(!published || !unit_search(s, VICTIM_OLD, VICTIM_LEN),
			"  nothing is left of the old value");
		CHECK(want || !unit_search(s, VICTIM_KEY, VICTIM_KEY_LEN),
			"  nor of an absent key");
	}
	CHECK(!not_usable(s), "  it can be filled to the last slot");
	spl_close(again);
	unit_drop(s);
	return !came_to_the_end;
}

/* The repairer dies, too, and the next has to do it again. */
static void
repaired_twice(enum spli_kind kind, const char *what)
{
	unsigned wrong = 0;

	for (int at = 0; at < 16; at += (int)tap_scale(1, 3)) {
		spl_store *s = unit_store(TEST_KIND, 8, 64);
		struct victim v = {
			.name = unit_name_of(s), .kind = kind, .steps = at};
		if (kind != SPLI_INSERT)
			unit_set(s, VICTIM_KEY, VICTIM_OLD);
		unit_board_clear();
		struct unit_child c = unit_fork(victim_open_and_run, &v);
		unit_join(&c);
		/* As a repairer who dies at the very end: all was done, the
		 * record still stands. Its owner is dead, the lease is held. */
		uint32_t e = (uint32_t)unit_posted(VICTIM_ENTRY) - 1;
		struct spli_record record = s->writers[e].record;
		spl_close(unit_again(s, 0));
		bool published = unit_posted(VICTIM_PUBLISHED);
		const char *want =
			!published ? kind == SPLI_INSERT ? NULL : VICTIM_OLD
			: kind == SPLI_UNSET ? NULL
					     : VICTIM_NEW;
		wrong += not_tidy(s) != 0 || !unit_is(s, VICTIM_KEY, want);
		s->writers[e].record = record;
		s->writers[e].owner = 1;
		s->writers[e].lease = e + 1;
		if (spli_record_kind(record.op) == SPLI_INSERT ||
			spli_record_kind(record.op) == SPLI_UNSET)
			spli_store(&s->header->claim, e + 1);
		spl_close(unit_again(s, 0));
		wrong += not_tidy(s) != 0 || !unit_is(s, VICTIM_KEY, want);
		wrong += not_usable(s) != 0;
		unit_drop(s);
	}
	CHECK(!wrong, "%s: a repair can be done once more", what);
}

void
test_repair(void)
{
	static const struct scene scenes[] = {
		{"update, vacuum on", SPLI_UPDATE, true},
		{"update, vacuum off", SPLI_UPDATE, false},
		{"insert, vacuum on", SPLI_INSERT, true},
		{"insert, vacuum off", SPLI_INSERT, false},
		{"unset, vacuum on", SPLI_UNSET, true},
		{"unset, vacuum off", SPLI_UNSET, false},
	};

	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		int at = 0;
		while (one_death(&scenes[i], at))
			at++;
		CHECK(at > 6, "%s: %d deaths", scenes[i].what, at);
	}
	repaired_twice(SPLI_UPDATE, "update");
	repaired_twice(SPLI_INSERT, "insert");
	repaired_twice(SPLI_UNSET, "unset");
}
