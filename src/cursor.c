/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - from cells of the ring, and walks over the table, to events.
 */
#include "cursor.h"

#include <stdlib.h>

#include "ttl.h"

/* What was found in a slot, and where its value is in the arena. */
struct found {
	uint64_t slot, word;
	struct spli_read read;
	size_t value_at;
	uint64_t hash;
	char key[SPLI_KEY_SIZE];
};

enum { AGAIN = 2 /* no event, but go on */ };

/*
 * Reading slots.
 */
int
spli_arena_reserve(struct spli_arena *a, size_t more)
{
	if (a->room - a->len >= more)
		return 0;
	size_t room = a->room ? 2 * a->room : 4096;
	if (room - a->len < more)
		room = a->len + more;
	char *bytes = realloc(a->bytes, room);
	if (!bytes)
		return -ENOMEM;
	a->bytes = bytes;
	a->room = room;
	return 0;
}

static bool
is_followed(const spl_feed *f, const char *key)
{
	return f->has_key ? !strcmp(key, f->text)
			  : spli_filter_passes(&f->filter, key);
}

/*
 * What is in @slot, expired or not: 1, and the feed follows it; 0; -EAGAIN;
 * -ENOMEM. The value, if the feed tells values, goes behind the others in
 * @values, which has not been given out to it yet.
 */
static int
look(const spl_feed *f, uint64_t slot, struct found *found,
	struct spli_arena *values)
{
	struct spli_spot spot;
	int rc;

	found->slot = slot;
	found->value_at = values->len;
	do {
		found->read = (struct spli_read){0};
		if (f->values) {
			found->read.buf = values->room
						  ? values->bytes + values->len
						  : NULL;
			found->read.cap = values->room - values->len;
		}
		rc = spli_slot_read(
			f->store, slot, found->key, &found->read, &spot);
		if (rc == -EBADMSG)
			return 0; /* damaged: whoever gets it is told */
		if (rc != 1)
			return rc;
		if (!is_followed(f, found->key))
			return 0;
		if (f->values && found->read.len <= found->read.cap)
			break;
	} while (f->values &&
		 !(rc = spli_arena_reserve(values, found->read.len + 1)));
	if (rc < 0)
		return rc;
	found->word = spot.word;
	found->hash = spli_hash(found->key, strlen(found->key));
	return 1;
}

/*
 * Telling.
 */
static void
tell_nothing_of_a_key(
	spl_feed *f, struct spl_event *event, uint32_t what, uint64_t changes)
{
	*event = (struct spl_event){
		.sequence = f->n, .changes = changes, .what = what};
}

static int
tell_missed(spl_feed *f, struct spl_event *event)
{
	tell_nothing_of_a_key(f, event, SPL_MISSED, f->untold);
	f->untold = 0;
	return 1;
}

/* How many sets lead from what was told to what was found, if it is known. */
static uint64_t
count_changes(const spl_feed *f, const struct spli_known *known,
	const struct spli_read *read)
{
	if (known->untold && f->n <= f->past)
		return 1;
	if (known->epoch && read->born <= known->epoch)
		return (read->epoch - known->epoch) / 2;
	/* It was absent in between: those since then. */
	return read->born && read->born <= read->epoch
		       ? (read->epoch - read->born) / 2 + 1
		       : 1;
}

/*
 * What is remembered of the key found, in *@known; a new one has no epoch. 0;
 * -ENOMEM; -ENOSPC: it is new, and more keys are remembered than a sound store
 * can have brought. (A key that is remembered and gone has a cell of its own
 * in the ring that says so and is still to be read, or a walk is under way,
 * which met one key an entry, and forgets what it did not meet.)
 */
static int
recall(spl_feed *f, const struct found *found, struct spli_known **known)
{
	*known = spli_memory_find(&f->memory, found->key, found->hash);
	if (*known)
		return 0;
	if (f->memory.count >=
		2 * (f->store->geo.entries + f->store->geo.feed_len))
		return -ENOSPC;
	*known = spli_memory_add(
		&f->memory, found->key, found->hash, found->slot);
	return *known ? 0 : -ENOMEM;
}

/* The key is where it was found. */
static void
is_at(spl_feed *f, struct spli_known *known, const struct found *found)
{
	known->word = found->word;
	spli_memory_move(&f->memory, known, found->slot);
}

/* Remember what was found, and the value if it will have to be told again. */
static int
remember(spl_feed *f, struct spli_known *known, const struct found *found,
	const struct spli_arena *values)
{
	bool keep = f->values && found->read.expiry;
	size_t len = keep ? found->read.len : 0;
	void *value = keep ? malloc(len + 1) : NULL;
	int rc = keep && !value ? -ENOMEM
				: spli_memory_expire(&f->memory, known,
					  found->read.expiry);

	if (rc) {
		free(value);
		return rc;
	}
	if (len)
		memcpy(value, values->bytes + found->value_at, len);
	free(known->value);
	known->value = value;
	known->epoch = found->read.epoch;
	known->len = found->read.len;
	known->untold = false;
	is_at(f, known, found);
	return 0;
}

static int
tell_found(spl_feed *f, struct spli_known *known, const struct found *found,
	uint32_t what, struct spl_event *event, struct spli_arena *values)
{
	uint64_t changes =
		what == SPL_PRESENT ? 0 : count_changes(f, known, &found->read);
	int rc = remember(f, known, found, values);

	if (rc)
		return rc;
	*event = (struct spl_event){.sequence = f->n,
		.epoch = found->read.epoch,
		.changes = changes,
		.len = found->read.len,
		.what = what};
	memcpy(event->key, found->key, sizeof event->key);
	if (f->values) {
		event->value = (const void *)(uintptr_t)(found->value_at + 1);
		values->len += found->read.len;
	}
	return 1;
}

/* The key has gone: tell and forget it. */
static int
tell_gone(spl_feed *f, struct spli_known *known, uint32_t what,
	struct spl_event *event, struct spli_arena *values)
{
	bool last = f->values && what == SPL_EXPIRED && known->value;

	if (last && spli_arena_reserve(values, known->len + 1))
		return -ENOMEM;
	*event = (struct spl_event){.sequence = f->n,
		.epoch = known->epoch,
		.len = known->len,
		.what = what};
	memcpy(event->key, known->key, sizeof event->key);
	if (last) {
		event->value = (const void *)(uintptr_t)(values->len + 1);
		memcpy(values->bytes + values->len, known->value, known->len);
		values->len += known->len;
	}
	spli_memory_remove(&f->memory, known);
	return 1;
}

static uint32_t
how_it_went(const spl_feed *f, const struct spli_known *known)
{
	return spli_expired(f->store, known->expiry) ? SPL_EXPIRED : SPL_UNSET;
}

/*
 * Walks over the table: to know all keys, to tell them, or to catch up.
 */
static void
walk_begin(spl_feed *f, enum spli_feed_phase phase)
{
	f->phase = phase;
	f->walk++;
	f->walk_slot = 0;
}

/* The slot of the one key that is followed, or of nothing. */
static uint64_t
only_slot(const spl_feed *f)
{
	struct spli_spot spot;

	return spli_table_find(f->store, &f->key, &spot) ? f->store->geo.entries
							 : spot.slot;
}

/* The walk meets a key. */
static int
meet(spl_feed *f, const struct found *found, struct spl_event *event,
	struct spli_arena *values)
{
	/* (Of what expired before the opening its end has to be told.) */
	if (!f->learning && spli_expired(f->store, found->read.expiry))
		return AGAIN;
	struct spli_known *known;
	int rc = recall(f, found, &known);
	if (rc)
		return rc == -ENOSPC ? AGAIN : rc;
	known->walk = f->walk;
	if (known->epoch == found->read.epoch &&
		!(known->untold && f->past_missed)) {
		is_at(f, known, found);
		return AGAIN;
	}
	return tell_found(f, known, found,
		f->phase == SPLI_SNAPSHOT ? SPL_PRESENT
		: known->epoch		  ? SPL_CHANGED
					  : SPL_CREATED,
		event, values);
}

/* Look at the next slot. AGAIN, or what spli_feed_pull returns but 0. */
static int
walk_step(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	struct found found;
	uint64_t slot = f->walk_slot;

	if (f->has_key && !slot)
		slot = only_slot(f);
	if (slot >= f->store->geo.entries) {
		f->walk_slot = 0;
		f->phase = f->phase == SPLI_CATCH_UP ? SPLI_LEFT_OVER
						     : SPLI_END_OF_WALK;
		return AGAIN;
	}
	/* What cannot be read now is being changed: that will be told. */
	int rc = look(f, slot, &found, values);
	if (rc == 1)
		rc = meet(f, &found, event, values);
	else if (rc != -ENOMEM)
		rc = AGAIN;
	if (rc != -ENOMEM)
		f->walk_slot = f->has_key ? f->store->geo.entries : slot + 1;
	return rc;
}

/* The next key that the walk has not met: it went, or went past the walk. */
static int
left_over_step(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	struct spli_known *known = NULL;

	for (; f->walk_slot < f->memory.buckets; f->walk_slot++) {
		known = f->memory.bucket[f->walk_slot].by_key;
		while (known && known->walk == f->walk)
			known = known->next_by_key;
		if (known)
			break;
	}
	if (!known) {
		f->phase = SPLI_END_OF_WALK;
		return AGAIN;
	}
	struct spli_spot spot;
	struct spli_read read = {0};
	struct spli_key key = {
		known->key, known->hash, (unsigned)strlen(known->key)};
	int rc = spli_get(f->store, &key, NULL, &read, &spot);
	if (rc == -ENOENT)
		/* A block: it is there, and has expired. */
		return tell_gone(f, known,
			spot.block ? SPL_EXPIRED : how_it_went(f, known), event,
			values);
	struct found found;
	if (!rc)
		rc = look(f, spot.slot, &found, values);
	if (rc == -ENOMEM)
		return rc;
	if (rc == 1 && !strcmp(found.key, known->key))
		return meet(f, &found, event, values);
	known->walk = f->walk; /* changing right now: that will be told */
	return AGAIN;
}

static int
end_of_walk(spl_feed *f, struct spl_event *event)
{
	f->phase = SPLI_LIVE;
	tell_nothing_of_a_key(f, event, SPL_SYNCED, 0);
	return 1;
}

/*
 * Cells of the ring.
 */

/* A broken peer brings new keys without end: forget all, and look again. */
static int
begin_again(spl_feed *f, struct spl_event *event)
{
	spli_memory_forget(&f->memory);
	walk_begin(f, SPLI_CATCH_UP);
	return tell_missed(f, event);
}

static int
value_was_put_in(spl_feed *f, uint64_t slot, struct spl_event *event,
	struct spli_arena *values)
{
	struct found found;
	/* Several changes in a row lead here several times: no look at what
	 * was told already. Relaxed: the cell was acquired. */
	struct spli_known *known = spli_memory_in_slot(&f->memory, slot, NULL);
	if (known && !known->untold &&
		known->word == spli_load(&f->store->table[slot].word))
		return AGAIN;
	int rc = look(f, slot, &found, values);
	if (rc != 1)
		/* Contended without end: its next change will tell. */
		return rc == -ENOMEM ? rc : AGAIN;
	/* Come and gone, or its end was told before all that led to it. */
	if (spli_expired(f->store, found.read.expiry) &&
		!spli_memory_find(&f->memory, found.key, found.hash))
		return AGAIN;
	rc = recall(f, &found, &known);
	if (rc)
		return rc == -ENOSPC ? begin_again(f, event) : rc;
	/* Also of a change that came while the feed was being opened. */
	bool untold = known->untold;
	if (known->epoch == found.read.epoch && !untold) {
		is_at(f, known, &found);
		return AGAIN;
	}
	bool created =
		untold ? found.read.born == found.read.epoch : !known->epoch;
	return tell_found(f, known, &found, created ? SPL_CREATED : SPL_CHANGED,
		event, values);
}

/* The one key that is followed went before anybody followed it. */
static bool
is_the_one(const spl_feed *f, const struct spli_cell *cell)
{
	return f->has_key && !f->memory.count && f->n <= f->past &&
	       spli_load(&f->store->table[cell->slot].hash) == f->key.hash;
}

static int
tell_the_one(const spl_feed *f, struct spl_event *event)
{
	*event = (struct spl_event){.sequence = f->n, .what = SPL_UNSET};
	memcpy(event->key, f->text, sizeof event->key);
	return 1;
}

/*
 * The next key that is remembered in the cell's slot and is not there: 1; 0,
 * there is none; -EAGAIN.
 */
static int
find_gone(const spl_feed *f, const struct spli_cell *cell,
	struct spli_known **known)
{
	char key[SPLI_KEY_SIZE];
	struct spli_read read = {0};
	struct spli_spot spot;
	int there = spli_slot_read(f->store, cell->slot, key, &read, &spot);

	if (there == -EAGAIN)
		return there;
	*known = spli_memory_in_slot(
		&f->memory, cell->slot, there == 1 ? key : NULL);
	return *known != NULL;
}

/* A key went from the cell's slot. AGAIN: nobody knows one, or no other. */
static int
key_went(spl_feed *f, const struct spli_cell *cell, struct spl_event *event,
	struct spli_arena *values)
{
	struct spli_known *known;
	int rc = find_gone(f, cell, &known);

	if (rc < 0) {
		/* A hot key is in it now: come back at once. */
		f->more = true;
		f->cell = ~f->cell;
		return 0;
	}
	if (!rc)
		return !f->in_cell && is_the_one(f, cell)
			       ? tell_the_one(f, event)
			       : AGAIN;
	return tell_gone(f, known,
		cell->happened == SPLI_EXPIRED_THERE ? SPL_EXPIRED : SPL_UNSET,
		event, values);
}

/*
 * Whether what went from a slot before the opening cannot be named, and may
 * be the feed's. (Perhaps it came back since, and is told; nobody knows.)
 */
static bool
is_nameless(const spl_feed *f, const struct spli_cell *cell)
{
	struct spli_known *known;

	return cell->happened != SPLI_SET_THERE && f->n < f->past &&
	       !f->in_cell && !(f->has_key && f->memory.count) &&
	       !is_the_one(f, cell) && !find_gone(f, cell, &known);
}

/* Too slow, or the ring is damaged: go on where the tail is now. */
static int
skip(spl_feed *f, struct spl_event *event)
{
	/* Before the walk: what happens from here on has a cell to come. */
	uint64_t tail = spli_feed_tail(f->store);

	if (tail == f->n)
		return 0; /* garbage in a cell that is still to be filled */
	/* A tail that went back is no writer's of ours. */
	uint64_t missed = tail > f->n ? tail - f->n : 0;
	f->missed += missed;
	f->untold += missed;
	f->past_missed = f->n < f->past;
	f->in_cell = false;
	f->n = tail;
	walk_begin(f, SPLI_CATCH_UP);
	return tell_missed(f, event);
}

static int
cell_step(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	struct spli_cell cell;
	/* Acquire, F4: pairs with F1's release. */
	uint64_t raw = spli_load_acquire(spli_feed_cell(f->store, f->n));
	enum spli_cell_state state = spli_cell_read(f->store, f->n, raw, &cell);

	f->cell = raw;
	if (state == SPLI_CELL_FILLED && is_nameless(f, &cell)) {
		f->n++;
		f->missed++;
		f->untold++;
		return AGAIN;
	}
	if (f->untold) {
		f->phase = SPLI_END_OF_WALK; /* without one */
		return tell_missed(f, event);
	}
	if (state == SPLI_CELL_OVERWRITTEN)
		return skip(f, event);
	if (state == SPLI_CELL_EMPTY)
		return 0;
	f->n++; /* what is told has this sequence; taken back below */
	bool set = cell.happened == SPLI_SET_THERE;
	int rc = set ? value_was_put_in(f, cell.slot, event, values)
		     : key_went(f, &cell, event, values);
	/* Others may have gone from the same slot: the cell is read again. */
	f->in_cell = rc == 1 && !set;
	if (rc <= 0 || f->in_cell)
		f->n--;
	else
		f->seen++;
	return rc;
}

/* Tell the next key whose time is over. */
static int
expiry_step(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	struct spli_known *known = spli_memory_first(&f->memory);
	char key[SPLI_KEY_SIZE];
	struct spli_read read = {0};
	struct spli_spot spot;

	if (!known || !spli_expired(f->store, known->expiry))
		return 0;
	if (spli_slot_read(f->store, known->slot, key, &read, &spot) == 1 &&
		!strcmp(key, known->key) && read.epoch == known->epoch)
		return tell_gone(f, known, SPL_EXPIRED, event, values);
	/* It has changed or gone since: there is a cell that says so. */
	spli_memory_forget_expiry(&f->memory, known);
	return AGAIN;
}

/* Whether the cell at the cursor has nothing to tell. */
static bool
is_told(const spl_feed *f, struct spli_arena *values)
{
	struct spli_cell cell;
	struct spli_known *known;
	struct found found;
	uint64_t raw =
		spli_load_acquire(spli_feed_cell(f->store, f->n)); /* F4 */

	if (spli_cell_read(f->store, f->n, raw, &cell) != SPLI_CELL_FILLED)
		return false;
	if (cell.happened != SPLI_SET_THERE)
		return f->n >= f->past && !find_gone(f, &cell, &known);
	known = spli_memory_in_slot(&f->memory, cell.slot, NULL);
	if (known)
		return !known->untold &&
		       known->word ==
			       spli_load(&f->store->table[cell.slot].word);
	/* Everything is followed, as a rule. */
	return (f->has_key || f->filter.prefix || f->filter.has_pattern) &&
	       !look(f, cell.slot, &found, values);
}

/*
 * What follows an event and brings nothing new is told with it, so that who
 * goes on behind the event's sequence is not told the same again.
 */
static void
take_along(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	uint64_t most = f->n + f->store->geo.feed_len;

	if (f->phase != SPLI_LIVE || f->in_cell || f->untold)
		return;
	for (; f->n < most && is_told(f, values); f->n++)
		f->seen++;
	event->sequence = f->n;
}

int
spli_feed_pull(spl_feed *f, struct spl_event *event, struct spli_arena *values)
{
	f->more = false;
	/* Too late from the start, and now it says so. */
	if (f->untold && f->phase != SPLI_LIVE) {
		f->events++;
		return tell_missed(f, event);
	}
	/* Whoever waits wants to look at the clock now and then. */
	for (uint64_t i = 0; i <= f->store->geo.feed_len; i++) {
		int rc;
		switch (f->phase) {
		case SPLI_SNAPSHOT:
		case SPLI_CATCH_UP:
			rc = walk_step(f, event, values);
			break;
		case SPLI_LEFT_OVER:
			rc = left_over_step(f, event, values);
			break;
		case SPLI_END_OF_WALK:
			rc = end_of_walk(f, event);
			break;
		default: /* SPLI_LIVE */
			/* A cell is told to its end: sequences do not fall. */
			rc = f->in_cell || f->n < f->past
				     ? 0
				     : expiry_step(f, event, values);
			if (!rc)
				rc = cell_step(f, event, values);
		}
		if (rc == 1)
			take_along(f, event, values);
		if (rc != AGAIN) {
			f->events += rc == 1;
			return rc;
		}
	}
	/* There is more: no wait for it. */
	f->more = true;
	f->cell = ~spli_load(spli_feed_cell(f->store, f->n));
	return 0;
}

int
spli_feed_learn(spl_feed *f, bool past)
{
	struct spl_event event;
	int rc = 0;

	f->learning = past;
	walk_begin(f, SPLI_SNAPSHOT);
	while (rc >= 0 && f->phase == SPLI_SNAPSHOT) {
		rc = walk_step(f, &event, &f->values_now);
		f->values_now.len = 0;
	}
	f->learning = false;
	f->phase = SPLI_LIVE;
	for (size_t i = 0; past && i < f->memory.buckets; i++)
		for (struct spli_known *k = f->memory.bucket[i].by_key; k;
			k = k->next_by_key)
			k->untold = true;
	return rc < 0 ? rc : 0;
}

void
spli_feed_begin_snapshot(spl_feed *f)
{
	walk_begin(f, SPLI_SNAPSHOT);
}
