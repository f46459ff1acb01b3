/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - spl_writers: who owns the store's writer entries.
 */
#include <string.h>

#include "unit.h"
#include "writer.h"

enum { ENTRIES = 8 };

static void
own_entries(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, 0);
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	struct spl_writer_stat w[ENTRIES];
	struct spli_lease lease;

	CHECK_RC(spl_writers(s, NULL, 0), 0);
	unit_set(s, "k", "1");
	unit_set(s, "k", "2");
	spl_unset(s, "k");
	memset(w, 0xff, sizeof w);
	CHECK_RC(spl_writers(s, w, ENTRIES), 1);
	CHECK(w[0].entry == 0 && w[0].pid == getpid() && w[0].writes == 3 &&
			!w[0].busy && !w[0].claim && w[0].age_ms < 600000,
		"one, with three writes");
	CHECK(w[1].pid == -1, "no more are filled");
	unit_set(again, "k", "1");
	unit_set(again, "k", "too long a value");
	CHECK_RC(spl_writers(r, w, ENTRIES), 2);
	CHECK(w[1].entry == 1 && w[1].pid == getpid() && w[1].writes == 1,
		"another handle's, through a read-only one");
	memset(w, 0xff, sizeof w);
	CHECK_RC(spl_writers(s, w, 1), 2);
	CHECK(w[0].entry == 0 && w[1].pid == -1, "only so many are wanted");
	CHECK_RC(spl_writers(s, NULL, 0), 2);
	CHECK_RC(spl_writers(s, NULL, 1), -EINVAL);
	CHECK_RC(spl_writers(NULL, w, 1), -EINVAL);
	CHECK_RC(spli_lease_take(s, &lease), 0);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && w[0].busy && !w[0].claim &&
			!w[1].busy,
		"busy");
	CHECK_RC(spli_claim_take(&lease), 0);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && w[0].claim && !w[1].claim,
		"with the claim");
	spli_claim_drop(&lease);
	spli_lease_drop(&lease);
	CHECK(spl_writers(r, w, ENTRIES) == 2 && !w[0].busy && !w[0].claim,
		"and without");
	spl_close(again);
	CHECK_RC(spl_writers(r, w, ENTRIES), 1);
	spl_close(r);
	unit_drop(s);
}

static void
write_and_stay(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s;

	if (!EXPECT(spl_open(arg, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "k", "by the child") == 0);
	unit_post(0, 1);
	unit_await(1, 1);
	EXPECT(spl_close(s) == 0);
}

static void
entries_of_others(bool killed)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	struct spl_writer_stat w[ENTRIES];

	unit_set(s, "k", "");
	unit_board_clear();
	struct unit_child c =
		unit_fork(write_and_stay, (void *)(uintptr_t)unit_name_of(s));
	unit_await(0, 1);
	CHECK(spl_writers(s, w, ENTRIES) == 2 && w[0].pid == getpid() &&
			w[1].pid == c.pid && w[1].writes == 1,
		"a child's has its process id");
	if (killed) {
		unit_kill(&c);
		CHECK_RC(spl_writers(s, w, ENTRIES), 2);
		spl_close(unit_again(s, 0));
		CHECK(spl_writers(s, NULL, 0) <= 2, "one of a dead process");
	} else {
		unit_post(1, 1);
		CHECK(!unit_join(&c), "the child closes");
		CHECK_RC(spl_writers(s, w, ENTRIES), 1);
	}
	unit_drop(s);
}

static void
garbage(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_writer_stat w[ENTRIES];

	unit_set(s, "k", "");
	memset(s->writers, 0xff, s->geo.writers * sizeof *s->writers);
	CHECK_RC(spl_writers(s, w, ENTRIES), (int)s->geo.writers);
	CHECK(w[0].busy == 1 && w[7].entry == 7, "garbage is only told");
	memset(s->writers, 0, s->geo.writers * sizeof *s->writers);
	unit_drop(s);
}

void
test_writers(void)
{
	for (int i = 0; i < 2; i++)
		own_entries(unit_kinds[i]);
	entries_of_others(false);
	entries_of_others(true);
	garbage();
}
