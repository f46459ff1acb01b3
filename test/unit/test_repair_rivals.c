/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - a writer dies, others go on with the same key, and only then it
 * is repaired; or two die one after the other, and are repaired in either order.
 */
#include <string.h>

#include "unit.h"
#include "victim.h"
#include "writer.h"

/* What became of a victim. */
struct fate {
	uint32_t entry;
	bool published, dead; /* before its end */
};

static struct fate
kill_one(spl_store *s, enum spli_kind kind, int steps)
{
	struct victim v = {.s = s, .kind = kind, .steps = steps};
	struct fate fate;

	unit_board_clear();
	struct unit_child c = unit_fork(victim_run, &v);
	fate.dead = unit_join(&c) < 0;
	fate.entry = (uint32_t)unit_posted(VICTIM_ENTRY) - 1;
	fate.published = unit_posted(VICTIM_PUBLISHED);
	return fate;
}

/* Accounted for, let go, and usable to the last slot. */
static unsigned
wrong_after(spl_store *s)
{
	unsigned wrong =
		unit_misplaced(s) + (spli_load(&s->header->claim) != 0);
	uint64_t keys = unit_keys(s);
	char key[8];

	for (uint64_t i = keys; i < s->geo.slots; i++) {
		unit_text(key, sizeof key, "%u", (unsigned)i);
		wrong += unit_set(s, key, key) != 0;
	}
	wrong += unit_set(s, "beyond", "") != -ENOSPC;
	return wrong + unit_misplaced(s);
}

/* What a living rival does before the repair; the value it leaves. */
static const char *
rival_updates(spl_store *s)
{
	return unit_set(s, VICTIM_KEY, "rival") ? "failed" : "rival";
}

static const char *
rival_goes_round(spl_store *s)
{
	for (int i = 0; i < 5; i++)
		unit_set(s, VICTIM_KEY, "round");
	return "round";
}

static const char *
rival_unsets(spl_store *s)
{
	return spl_unset(s, VICTIM_KEY) < 0 ? "failed" : NULL;
}

static const char *
rival_replaces(spl_store *s)
{
	spl_unset(s, VICTIM_KEY);
	unit_set(s, "in between", "x");
	unit_set(s, VICTIM_KEY, "replaced");
	spl_unset(s, "in between");
	return "replaced";
}

static const char *
rival_inserts_others(spl_store *s)
{
	unit_set(s, "one", "1");
	spl_unset(s, "one");
	unit_set(s, "two", "2");
	spl_unset(s, "two");
	return unit_set(s, VICTIM_KEY, "then") ? "failed" : "then";
}

static void
a_living_rival(enum spli_kind kind, const char *what)
{
	static const char *(*const rivals[])(spl_store *) = {rival_updates,
		rival_goes_round, rival_unsets, rival_replaces,
		rival_inserts_others};
	int stride = (int)tap_scale(1, 4);
	unsigned wrong = 0, deaths = 0;

	for (size_t r = 0; r < sizeof rivals / sizeof *rivals; r++) {
		bool dead = true;
		for (int at = (int)r % stride; dead; at += stride, deaths++) {
			spl_store *s = unit_store(TEST_KIND, 4, 64);
			if (kind != SPLI_INSERT)
				unit_set(s, VICTIM_KEY, VICTIM_OLD);
			else
				unit_set(s, "an entry", "of our own");
			struct fate fate = kill_one(s, kind, at);
			dead = fate.dead;
			bool absent =
				kind == SPLI_INSERT
					? !fate.published
					: kind == SPLI_UNSET && fate.published;
			const char *want = rivals[r](s);
			if (rivals[r] == rival_unsets && absent)
				want = NULL; /* it had nothing to unset */
			wrong += !unit_is(s, VICTIM_KEY, want);
			/* The rival may have repaired it already. */
			int rc = spli_writer_rescue(s, fate.entry);
			wrong += rc != 0;
			wrong += !unit_is(s, VICTIM_KEY, want);
			wrong += wrong_after(s) != 0;
			if (wrong && deaths < 1000) {
				printf("# rival %u, death at %d\n", (unsigned)r,
					at);
				deaths = 1000;
			}
			unit_drop(s);
		}
	}
	CHECK(!wrong, "%s: %u deaths, a rival goes on, then the repair", what,
		deaths);
}

/* Both dead; @first is repaired before the other. */
static unsigned
two_deaths(int a_at, int b_at, enum spli_kind b_kind, bool a_first, bool *more)
{
	spl_store *s = unit_store(TEST_KIND, 4, 64);
	uint64_t epoch = 2;
	unsigned wrong = 0;

	unit_set(s, VICTIM_KEY, VICTIM_OLD);
	struct fate a = kill_one(s, SPLI_UPDATE, a_at);
	struct fate b = kill_one(s, b_kind, b_at);
	*more = b.dead;
	if (a.published)
		epoch += 2;
	if (b.published)
		epoch = b_kind == SPLI_UNSET ? 0 : epoch + 2;
	wrong += unit_epoch(s, VICTIM_KEY) != epoch;
	wrong += spli_writer_rescue(s, a_first ? a.entry : b.entry) != 0;
	wrong += unit_epoch(s, VICTIM_KEY) != epoch;
	wrong += spli_writer_rescue(s, a_first ? b.entry : a.entry) != 0;
	wrong += unit_epoch(s, VICTIM_KEY) != epoch;
	wrong += wrong_after(s) != 0;
	if (wrong)
		printf("# death at %d, then at %d, %s first\n", a_at, b_at,
			a_first ? "the former" : "the latter");
	unit_drop(s);
	return wrong;
}

static void
one_after_the_other(enum spli_kind b_kind, const char *what)
{
	int stride = (int)tap_scale(1, 4);
	unsigned wrong = 0, deaths = 0;

	for (int a_at = 2; a_at < 12; a_at += b_kind == SPLI_UNSET ? 2 : 1)
		for (int order = 0; order < 2; order++) {
			bool more = true;
			for (int b_at = a_at % stride; more; b_at += stride) {
				wrong += two_deaths(
					a_at, b_at, b_kind, order == 0, &more);
				deaths++;
			}
		}
	CHECK(!wrong, "an update, then %s, both die: %u pairs", what, deaths);
}

/*
 * Two that die right after their swaps, in given entries: the later one's
 * record, or what its repair leaves, says that the former's had happened.
 */
static unsigned
two_entries(
	uint32_t a_entry, uint32_t b_entry, enum spli_kind b_kind, bool a_first)
{
	enum { UPDATE_SWAPPED = 5, UNSET_SWAPPED = 4, HANDLES = 3 };
	spl_store *s = unit_store(TEST_KIND, 4, 64), *holders[HANDLES];
	int b_steps = b_kind == SPLI_UNSET ? UNSET_SWAPPED : UPDATE_SWAPPED;
	unsigned wrong = 0;

	/* Each holder has an entry, which is free when he closes. */
	for (int i = 0; i < HANDLES; i++) {
		holders[i] = unit_again(s, 0);
		unit_set(holders[i], VICTIM_KEY, VICTIM_OLD);
	}
	spl_close(holders[a_entry]);
	struct fate a = kill_one(s, SPLI_UPDATE, UPDATE_SWAPPED);
	spl_close(holders[b_entry]);
	struct fate b = kill_one(s, b_kind, b_steps);
	wrong += a.entry != a_entry || !a.published || !a.dead;
	wrong += b.entry != b_entry || !b.published || !b.dead;
	spl_close(holders[HANDLES - a_entry - b_entry]);
	wrong += spli_writer_rescue(s, a_first ? a.entry : b.entry) != 0;
	wrong += spli_writer_rescue(s, a_first ? b.entry : a.entry) != 0;
	wrong += unit_epoch(s, VICTIM_KEY) != (b_kind == SPLI_UNSET ? 0 : 10);
	wrong += wrong_after(s);
	unit_drop(s);
	return wrong;
}

static void
in_every_entry(enum spli_kind b_kind, const char *what)
{
	unsigned wrong = 0;

	for (uint32_t a = 0; a < 3; a++)
		for (uint32_t b = 0; b < 3; b++)
			for (int order = 0; a != b && order < 2; order++)
				wrong += two_entries(a, b, b_kind, order == 0);
	CHECK(!wrong, "an update, then %s, both swapped: whichever entries",
		what);
}

void
test_repair_rivals(void)
{
	in_every_entry(SPLI_UPDATE, "an update");
	in_every_entry(SPLI_UNSET, "an unset");
	a_living_rival(SPLI_UPDATE, "update");
	a_living_rival(SPLI_INSERT, "insert");
	a_living_rival(SPLI_UNSET, "unset");
	one_after_the_other(SPLI_UPDATE, "an update");
	one_after_the_other(SPLI_UNSET, "an unset");
}
