/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vacuum.c - with auto-vacuum on, nothing of former keys and values is found
 * anywhere in the region; with it off, it is, which proves the search.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>

#include "unit.h"
#include "writer.h"

/* Long enough to occur by nothing but us; %c tells the generations apart. */
static const char *
marker(char which)
{
	static char text[40];

	unit_text(text, sizeof text, "<<%c%c%c marked for the vacuum %c>>",
		which, which, which, which);
	return text;
}

static unsigned
traces(const spl_store *s, char which)
{
	const char *text = marker(which);

	return unit_search(s, text, strlen(text));
}

static void
on_by_default(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 8);

	CHECK(spl_auto_vacuum(s) == 1, "on in a new store");
	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	CHECK(spl_auto_vacuum(s) == 0, "off");
	spl_store *again = unit_again(s, SPL_READ_ONLY);
	CHECK(spl_auto_vacuum(again) == 0, "it is the store's, not a handle's");
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(spl_auto_vacuum(again) == 1, "on again");
	CHECK_RC(spl_set_auto_vacuum(again, 0, NULL), -EROFS);
	CHECK_RC(spl_set_auto_vacuum(again, 1, NULL), -EROFS);
	CHECK_RC(spl_set_auto_vacuum(s, 2, NULL), -EINVAL);
	CHECK_RC(spl_set_auto_vacuum(s, -1, NULL), -EINVAL);
	spl_close(again);
	unit_drop(s);
}

/*
 * Leaves traces of markers o (overwritten), r (removed), k (a removed key), c
 * (a failed condition), m (the tail of a longer value), in every way a key or
 * value can go. l lives.
 */
static void
leave_traces(spl_store *s)
{
	char long_value[200];

	unit_set(s, "live", marker('l'));
	unit_set(s, "o", marker('o'));
	unit_set(s, "o", "overwritten");
	unit_set(s, "r", marker('r'));
	spl_unset(s, "r");
	unit_set(s, marker('k'), "x");
	spl_unset(s, marker('k'));
	spl_set_if(s, "live", marker('c'), strlen(marker('c')), 1234, NULL);
	memset(long_value, '.', sizeof long_value);
	memcpy(long_value + 150, marker('m'), strlen(marker('m')));
	spl_set(s, "m", long_value, sizeof long_value);
	unit_set(s, "m", "short");
}

static void
with_it_on(uint32_t kind)
{
	static const char stale[] = "orkcm";
	spl_store *s = unit_store(kind, 8, 200);

	leave_traces(s);
	for (const char *p = stale; *p; p++)
		CHECK(traces(s, *p) == 0, "on: no trace of %c", *p);
	CHECK(traces(s, 'l') == 1 && unit_is(s, "live", marker('l')),
		"what lives is there, once");
	unit_drop(s);
}

static void
with_it_off(uint32_t kind)
{
	static const char stale[] = "orkcm";
	spl_store *s = unit_store(kind, 8, 200);
	unsigned found = 0;

	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	unit_set(s, "r", marker('r'));
	spl_unset(s, "r");
	CHECK(traces(s, 'r') == 1, "off: a removed value is found");
	unit_set(s, marker('k'), "x");
	spl_unset(s, marker('k'));
	CHECK(traces(s, 'k') >= 1, "a removed key is found");
	spl_unset(s, "o");
	unit_set(s, "o", marker('o'));
	unit_set(s, "o", "overwritten");
	CHECK(traces(s, 'o') == 1, "an overwritten value is found");
	leave_traces(s);
	for (const char *p = stale; *p; p++)
		found += traces(s, *p);
	CHECK(found > 0, "traces to remove: %u", found);
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	for (const char *p = stale; *p; p++)
		CHECK(traces(s, *p) == 0, "switched on: no trace of %c", *p);
	CHECK(unit_is(s, "live", marker('l')) && unit_is(s, "m", "short") &&
			unit_is(s, "o", "overwritten"),
		"what lives is unharmed");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

/* Values of a store full of secrets, overwritten, removed, in many writers. */
static void
many_at_once(uint32_t kind)
{
	enum { KEYS = 300 };
	spl_store *s = unit_store(kind, KEYS, 100);
	struct spli_lease leases[4];
	unsigned wrong = 0;
	char key[64];

	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	for (int i = 0; i < KEYS; i++) {
		/* So that four entries take part. */
		for (int j = 0; j < i % 4; j++)
			wrong += spli_lease_take(s, &leases[j]) != 0;
		unit_text(key, sizeof key, "%s%d", marker('k'), i);
		wrong += unit_set(s, key, marker('s')) != 0;
		wrong += unit_set(s, key, marker('t')) != 0;
		for (int j = 0; j < i % 4; j++)
			spli_lease_drop(&leases[j]);
	}
	for (int i = 0; i < KEYS; i += 2) {
		unit_text(key, sizeof key, "%s%d", marker('k'), i);
		wrong += spl_unset(s, key) < 0;
	}
	CHECK(!wrong && traces(s, 's') > 0 && traces(s, 't') > KEYS / 2 &&
			traces(s, 'k') > KEYS / 2,
		"off: traces in rings and pool");
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(traces(s, 's') == 0, "switched on: none of overwritten values");
	CHECK(traces(s, 't') == KEYS / 2, "no values but those that live");
	CHECK(traces(s, 'k') == KEYS / 2, "no keys but those that live");
	for (int i = 1; i < KEYS; i += 2) {
		unit_text(key, sizeof key, "%s%d", marker('k'), i);
		wrong += !unit_is(s, key, marker('t'));
		wrong += spl_unset(s, key) < 0;
	}
	CHECK(!wrong, "what lives is unharmed, until it goes as well");
	CHECK(!traces(s, 't') && !traces(s, 'k'), "then nothing is left");
	unit_drop(s);
}

/* Sets that fail after their block was filled. */
static void
failed_sets_leave_nothing(uint32_t kind)
{
	spl_store *s = unit_store(kind, 2, 40);
	const char *text = marker('f');
	size_t len = strlen(text);

	unit_set(s, "a", "1");
	unit_set(s, "b", "1");
	CHECK_RC(unit_set(s, "c", text), -ENOSPC);
	CHECK_RC(spl_set_if(s, "c", text, len, 0, NULL), -ENOSPC);
	CHECK_RC(spl_append(s, "c", text, len, NULL), -ENOSPC);
	CHECK_RC(spl_set_if(s, "a", text, len, 0, NULL), -ESTALE);
	CHECK_RC(spl_set_if(s, "a", text, len, 8, NULL), -ESTALE);
	CHECK_RC(spl_append(s, text, "", 0, NULL), -ENOSPC);
	CHECK_RC(spl_add(s, text, 1, NULL), -ENOSPC);
	CHECK(traces(s, 'f') == 0, "what was not published leaves no trace");
	CHECK_RC(spl_append(s, "a", text, len, NULL), 0);
	CHECK_RC(unit_set(s, "a", "1"), 0);
	CHECK(traces(s, 'f') == 0, "nor what was appended and replaced");
	unit_drop(s);
}

static void
hold_a_lease(void *arg)
{
	spl_store *s = arg;
	struct spli_lease lease;

	EXPECT(spli_lease_take(s, &lease) == 0);
	unit_post(1, getpid());
	unit_post(0, 1);
	unit_await(2, 1);
}

/* What a switcher leaves who was killed right after setting the flag. */
static void
an_unfinished_switch(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);

	spl_set_auto_vacuum(s, 0, NULL);
	unit_set(s, "o", marker('o'));
	unit_set(s, "o", "");
	s->header->scrubs_begun++;
	s->header->flags |= SPLI_AUTO_VACUUM;
	CHECK(traces(s, 'o') != 0, "a switch that was begun has left traces");
	spl_close(unit_again(s, SPL_READ_ONLY));
	CHECK(traces(s, 'o') != 0, "opening for reading changes nothing");
	spl_close(unit_again(s, 0));
	CHECK(traces(s, 'o') == 0 &&
			s->header->scrubs_done == s->header->scrubs_begun,
		"opening for writing finishes it");
	unit_drop(s);
}

static void
a_busy_writer_is_named(void)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 64);
	int32_t pid = -5;

	o.writers = 2; /* his entry is the last */
	spl_store *s = unit_store_with(&o);

	spl_set_auto_vacuum(s, 0, NULL);
	unit_set(s, "o", marker('o'));
	unit_set(s, "o", "");
	unit_board_clear();
	struct unit_child c = unit_fork(hold_a_lease, s);
	unit_await(0, 1);
	uint64_t from = unit_now_ms();
	CHECK_RC(spl_set_auto_vacuum(s, 1, &pid), -EAGAIN);
	CHECK(unit_now_ms() - from >= SPL_WAIT_BOUND_MS,
		"who keeps his entry busy is waited for, within bounds");
	CHECK(pid == unit_posted(1), "and named");
	CHECK(spl_auto_vacuum(s) == 1, "new writes scrub already");
	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	unit_kill(&c);
	pid = -5;
	CHECK_RC(spl_set_auto_vacuum(s, 1, &pid), 0);
	CHECK(pid == 0 && traces(s, 'o') == 0, "once he is dead it works");
	unit_drop(s);
}

static void
hold_the_claim(void *arg)
{
	spl_store *s = arg;
	struct spli_lease lease;

	EXPECT(!spli_lease_take(s, &lease) && !spli_claim_take(&lease));
	/* Not his lease as well, which would be met first. */
	spli_lease_drop(&lease);
	unit_post(1, getpid());
	unit_post(0, 1);
	unit_await(2, 1);
}

static void
who_holds_the_claim_is_named(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	int32_t pid = -5;

	unit_board_clear();
	/* He is the first to write: his is the first entry. */
	struct unit_child c = unit_fork(hold_the_claim, s);
	unit_await(0, 1);
	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	CHECK_RC(spl_set_auto_vacuum(s, 1, &pid), -EAGAIN);
	CHECK(pid == unit_posted(1), "who holds the claim is named");
	unit_kill(&c);
	CHECK_RC(spl_set_auto_vacuum(s, 1, &pid), 0);
	CHECK(pid == 0 && spli_load(&s->header->claim) == 0,
		"once he is dead it works");
	unit_drop(s);
}

/* Larger than what is scrubbed under one claim. */
static void
large_blocks(void)
{
	spl_store *s = unit_store(TEST_KIND, 2, 2 << 20);

	spl_set_auto_vacuum(s, 0, NULL);
	unit_set(s, "r", marker('r'));
	unit_set(s, "o", marker('o'));
	spl_unset(s, "r");
	spl_unset(s, "o");
	CHECK(traces(s, 'r') == 1 && traces(s, 'o') == 1, "two large blocks");
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(!traces(s, 'r') && !traces(s, 'o'), "are scrubbed in turn");
	unit_drop(s);
}

/* What one handle leaves, another scrubs, also after the first one's end. */
static void
other_handles_traces(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	spl_store *again = unit_again(s, 0);

	spl_set_auto_vacuum(s, 0, NULL);
	unit_set(again, "o", marker('o'));
	unit_set(again, "o", "");
	unit_set(s, "p", marker('p'));
	unit_set(s, "p", "");
	spl_close(again);
	CHECK(traces(s, 'o') == 1 && traces(s, 'p') == 1, "traces of two");
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(traces(s, 'o') == 0 && traces(s, 'p') == 0, "are scrubbed");
	unit_drop(s);
}

/* A switch that has been past our ring, and not yet at the pool. */
static void
a_block_taken_while_it_is_switched(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 64);

	spl_set_auto_vacuum(s, 0, NULL);
	unit_set(s, "r", marker('r'));
	spl_unset(s, "r");
	CHECK(traces(s, 'r') == 1, "a free block has traces");
	s->header->flags |= SPLI_AUTO_VACUUM;
	unit_set(s, "new", "");
	CHECK(traces(s, 'r') == 0, "taken for the ring, it has none");
	CHECK_RC(spl_set_auto_vacuum(s, 0, NULL), 0);
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(s->header->scrubs_begun == 1 && s->header->scrubs_done == 1,
		"a switch that was finished need not be done again");
	unit_drop(s);
}

static void
the_longest_key_leaves_nothing(void)
{
	static const char key[] = "a key of sixty-three bytes, ending in a way "
				  "of its own: <mark>.";
	spl_store *s = unit_store(TEST_KIND, 4, 64);

	unit_set(s, key, "");
	CHECK(unit_search(s, "<mark>", 6) == 1, "a key of %u bytes is there",
		(unsigned)strlen(key));
	spl_unset(s, key);
	CHECK(unit_search(s, "<mark>", 6) == 0, "removed, even its end went");
	unit_drop(s);
}

/* The pool ends one block behind what is scrubbed under one claim. */
static void
the_last_block(void)
{
	struct spl_options o = unit_options(TEST_KIND, 254, 100);
	unsigned wrong = 0;
	char key[8];

	o.flags = SPL_PREFAULT;
	o.writers = 1;
	spl_store *s = unit_store_with(&o);
	CHECK(s->geo.blocks == 257 && !spl_set_auto_vacuum(s, 0, NULL),
		"257 blocks");
	/* The first three once more, so that the ring has other blocks. */
	for (unsigned i = 0; i < 254 + 3; i++) {
		unit_text(key, sizeof key, "%u", i % 254);
		wrong += unit_set(s, key, marker('z')) != 0;
	}
	for (unsigned i = 0; i < 254; i++) {
		unit_text(key, sizeof key, "%u", i);
		wrong += spl_unset(s, key) < 0;
	}
	CHECK(!wrong && traces(s, 'z') > 250, "each has a trace");
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(traces(s, 'z') == 0, "the last one's, too, is removed");
	unit_drop(s);
}

void
test_vacuum(void)
{
	for (int i = 0; i < 2; i++) {
		on_by_default(unit_kinds[i]);
		with_it_on(unit_kinds[i]);
		with_it_off(unit_kinds[i]);
		many_at_once(unit_kinds[i]);
		failed_sets_leave_nothing(unit_kinds[i]);
	}
	a_busy_writer_is_named();
	who_holds_the_claim_is_named();
	large_blocks();
	an_unfinished_switch();
	other_handles_traces();
	a_block_taken_while_it_is_switched();
	the_longest_key_leaves_nothing();
	the_last_block();
}
