/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - the ring of changes: its tail counts them, its cells name slots.
 */
#include <pthread.h>
#include <string.h>

#include "feed.h"
#include "swap.h"
#include "unit.h"

/* As layout.h has it: {n + 1, what happened, slot}. */
static uint64_t
cell_of(const spl_store *s, uint64_t n, uint64_t happened, uint64_t slot)
{
	unsigned slot_bits = 64 - s->geo.generation_bits;

	return ((n + 1) << 2 | happened) << slot_bits | slot;
}

static bool
cell_tells(const spl_store *s, uint64_t n, uint64_t happened, uint64_t slot)
{
	return s->feed->cells[n & (s->geo.feed_len - 1)] ==
	       cell_of(s, n, happened, slot);
}

static bool
cell_says(const spl_store *s, uint64_t n, uint64_t slot)
{
	return cell_tells(s, n, SPLI_SET_THERE, slot);
}

static uint64_t
slot_of(const spl_store *s, const char *key)
{
	struct spli_key k;
	struct spli_spot spot;

	if (spli_key_make(&k, key) || spli_table_find(s, &k, &spot))
		return UINT64_MAX;
	return spot.slot;
}

static void
every_change_counts(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);

	CHECK(spli_feed_tail(s) == 0, "no change yet");
	unit_set(s, "a", "1");
	unit_set(s, "b", "1");
	CHECK(cell_says(s, 0, slot_of(s, "a")) &&
			cell_says(s, 1, slot_of(s, "b")),
		"two creations, in order");
	unit_set(s, "a", "2");
	CHECK(cell_says(s, 2, slot_of(s, "a")), "a change");
	uint64_t slot = slot_of(s, "b");
	spl_unset(s, "b");
	CHECK(cell_tells(s, 3, SPLI_UNSET_THERE, slot), "a removal");
	spl_add(s, "n", 1, NULL);
	spl_append(s, "n", "1", 1, NULL);
	CHECK(cell_says(s, 4, slot_of(s, "n")) &&
			cell_says(s, 5, slot_of(s, "n")),
		"computed values");
	CHECK(spli_feed_tail(s) == 6, "six changes");
	unit_set(s, "a", "too long a value");
	spl_set_if(s, "a", "", 0, 2, NULL);
	spl_unset(s, "b");
	spl_add(s, "n", INT64_MAX, NULL);
	unit_is(s, "a", "2");
	CHECK(spli_feed_tail(s) == 6, "failures and reads are none");
	unit_drop(s);
}

/* Round after round, the cells always say the last lap's changes. */
static void
laps(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t slots[4], n = 0, len = s->geo.feed_len;
	unsigned wrong = 0;
	char key[4];

	CHECK(len == SPLI_FEED_MIN, "a small store has a small ring");
	for (int i = 0; i < 4; i++, n++) {
		unit_text(key, sizeof key, "%d", i);
		unit_set(s, key, "");
		slots[i] = slot_of(s, key);
	}
	for (; n < 3 * len + 100; n++) {
		unit_text(key, sizeof key, "%d", (int)(n * 7 % 4));
		wrong += unit_set(s, key, "") != 0;
		wrong += spli_feed_tail(s) != n + 1;
		wrong += !cell_says(s, n, slots[n * 7 % 4]);
	}
	for (uint64_t i = n - len; i < n; i++)
		wrong += !cell_says(s, i, slots[i * 7 % 4]);
	CHECK(!wrong, "three laps of the ring");
	unit_drop(s);
}

/* A writer may die with the cell filled and the tail not moved. */
static void
anyone_helps_the_tail_on(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);

	spli_feed_append(s, 3, SPLI_SET_THERE);
	s->feed->cells[1] = cell_of(s, 1, SPLI_SET_THERE, 5);
	spli_feed_append(s, 7, SPLI_SET_THERE);
	CHECK(spli_feed_tail(s) == 3 && cell_says(s, 0, 3) &&
			cell_says(s, 1, 5) && cell_says(s, 2, 7),
		"a cell that is filled already is passed over, not lost");
	unit_drop(s);
}

static void
garbage_ends_nothing(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	static const uint64_t tails[] = {1, 1023, 1024, UINT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX - 1023};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		s->feed->tail = tails[i];
		wrong += unit_set(s, "k", "v") != 0 || !unit_is(s, "k", "v");
		memset(s->feed->cells, 0xff, s->geo.feed_len * 8);
		wrong += unit_set(s, "k", "w") != 0 || !unit_is(s, "k", "w");
		memset(s->feed->cells, 0, s->geo.feed_len * 8);
	}
	CHECK(!wrong, "garbage in the ring stops no writer");
	unit_drop(s);
}

/* The cell of a later lap: the tail that was read is an old one. */
static void
a_later_cell_is_kept(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t later = cell_of(s, s->geo.feed_len, SPLI_SET_THERE, 1);

	s->feed->cells[0] = later;
	spli_feed_append(s, 3, SPLI_SET_THERE);
	CHECK(s->feed->cells[0] == later && spli_feed_tail(s) == 0,
		"no event is stored over a later one");
	unit_drop(s);
}

enum { THREADS = 4 };

struct appender {
	spl_store *s;
	uint64_t slot;
	int rounds;
};

static void *
append(void *arg)
{
	struct appender *a = arg;

	for (int i = 0; i < a->rounds; i++)
		spli_feed_append(a->s, a->slot, SPLI_SET_THERE);
	return NULL;
}

static void
no_event_is_lost_among_threads(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct appender a[THREADS];
	pthread_t threads[THREADS];
	/* All in one lap, so that each can be looked up. */
	int rounds = (int)(s->geo.feed_len / THREADS);
	int seen[THREADS] = {0}, wrong = 0;

	for (int lap = 0; lap < 20; lap++) {
		uint64_t from = spli_feed_tail(s);
		memset(seen, 0, sizeof seen);
		for (int i = 0; i < THREADS; i++) {
			a[i] = (struct appender){s, (uint64_t)i, rounds};
			pthread_create(&threads[i], NULL, append, &a[i]);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		uint64_t to = spli_feed_tail(s);
		wrong += to != from + (uint64_t)(rounds * THREADS);
		for (uint64_t n = from; n < to; n++)
			for (int i = 0; i < THREADS; i++)
				seen[i] += cell_says(s, n, (uint64_t)i);
		for (int i = 0; i < THREADS; i++)
			wrong += seen[i] != rounds;
	}
	CHECK(!wrong, "threads that append: each event has one cell");
	unit_drop(s);
}

static void
the_ring_suits_the_store(void)
{
	spl_store *s = unit_store(TEST_KIND, 1000, 1);
	CHECK(s->geo.feed_len == 4096, "four cells a slot, a power of two");
	unit_drop(s);
	s = unit_store(TEST_KIND, 100000, 1);
	CHECK(s->geo.feed_len == SPLI_FEED_MAX, "up to a limit");
	unit_drop(s);
}

static void
cells_of_nobody(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t last = s->geo.entries - 1;
	const struct {
		uint64_t happened, slot;
		enum spli_cell_state state;
	} rows[] = {
		{SPLI_SET_THERE, last, SPLI_CELL_FILLED},
		{SPLI_EXPIRED_THERE, 0, SPLI_CELL_FILLED},
		{SPLI_SET_THERE, last + 1, SPLI_CELL_OVERWRITTEN},
		{3, 0, SPLI_CELL_OVERWRITTEN},
	};
	unsigned wrong = 0;
	struct spli_cell cell;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		wrong += spli_cell_read(s, 0,
				 cell_of(s, 0, rows[i].happened, rows[i].slot),
				 &cell) != rows[i].state;
	CHECK(!wrong, "a slot or an event that cannot be is garbage");
	unit_drop(s);
}

/*
 * What a cell says of event 5 when the tail is @tail, in a handle that thinks
 * its words have @bits for generations: as in a store of many slots.
 */
static enum spli_cell_state
state_at(uint64_t tail, unsigned bits)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	unsigned real = s->geo.generation_bits;
	struct spli_cell cell;

	s->geo.generation_bits = bits;
	for (int i = 0; i < 6; i++)
		spli_feed_append(s, 3, SPLI_UNSET_THERE);
	s->feed->tail = tail;
	enum spli_cell_state state =
		spli_cell_read(s, 5, *spli_feed_cell(s, 5), &cell);
	s->geo.generation_bits = real;
	unit_drop(s);
	return state;
}

static void
sequences_come_round(void)
{
	const uint64_t len = SPLI_FEED_MIN, far = UINT64_C(1) << 45;

	CHECK(state_at(6, 41) == SPLI_CELL_FILLED &&
			state_at(5 + len, 41) == SPLI_CELL_FILLED,
		"few bits: an event of the last lap is there");
	CHECK(state_at(5 + len + 1, 41) == SPLI_CELL_OVERWRITTEN &&
			state_at(far, 41) == SPLI_CELL_OVERWRITTEN &&
			state_at(far, 32) == SPLI_CELL_OVERWRITTEN,
		"an older one may be another's, whatever its mark");
	CHECK(state_at(5, 41) == SPLI_CELL_FILLED,
		"one that the tail is not past yet is there");
	CHECK(state_at(far, 42) == SPLI_CELL_FILLED,
		"many bits: the mark is believed");
}

void
test_feed(void)
{
	for (int i = 0; i < 2; i++)
		every_change_counts(unit_kinds[i]);
	laps();
	anyone_helps_the_tail_on();
	garbage_ends_nothing();
	a_later_cell_is_kept();
	no_event_is_lost_among_threads();
	the_ring_suits_the_store();
	cells_of_nobody();
	sequences_come_round();
}
