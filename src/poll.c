/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - waiting for keys: one, or many.
 */
#include <stdlib.h>

#include "swap.h"
#include "ttl.h"
#include "wait.h"

enum { KEYS_MAX = 1 << 24, KEYS_ON_STACK = 16 };

/* A key, and what was last seen of it. */
struct target {
	struct spli_key key;
	uint64_t hint; /* the slot where it was last */
	uint64_t epoch; /* 0: absent */
	uint64_t expiry; /* of the last value seen; 0: never */
};

/* What the key is now, and what to watch for it to change. */
static int
observe(spl_store *s, struct target *t, struct spli_watch *watch)
{
	struct spli_spot spot;
	struct spli_read read = {0};
	/* Acquire, and before the search: an insert that it misses counts up
	 * afterwards. Pairs with spli_structure_changed. */
	uint64_t structure = spli_load_acquire(&s->header->structure);
	int rc = spli_get(s, &t->key, &t->hint, &read, &spot);

	if (rc && rc != -ENOENT)
		return rc;
	t->epoch = rc ? 0 : read.epoch;
	if (rc && !spot.block) {
		*watch = (struct spli_watch){&s->header->structure, structure,
			&s->header->structure_waiters};
		return 0;
	}
	/* Also of a value that has expired: a set will replace its word. */
	t->expiry = read.expiry;
	*watch = (struct spli_watch){&s->table[spot.slot].word, spot.word,
		&s->table[spot.slot].waiters};
	return 0;
}

/*
 * Look again at those of which something has changed. @all: at each, for an
 * insert may have died before it counted the structure's change.
 */
static int
look_again(spl_store *s, struct target *targets, struct spli_watch *watches,
	size_t count, bool all)
{
	uint64_t now = 0;

	for (size_t i = 0; i < count; i++) {
		struct target *t = &targets[i];
		if (t->epoch && t->expiry && !now)
			now = spli_time_ns(s);
		if (!all && spli_load(watches[i].word) == watches[i].seen &&
			!(t->epoch && t->expiry && t->expiry <= now))
			continue;
		int rc = observe(s, t, &watches[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* The earliest time at which one of those that are there expires. */
static uint64_t
next_expiry(const struct target *targets, size_t count)
{
	uint64_t next = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t expiry = targets[i].epoch ? targets[i].expiry : 0;
		if (expiry && (!next || expiry < next))
			next = expiry;
	}
	return next;
}

int
spl_wait(spl_store *s, const char *text, uint64_t since, uint64_t timeout_ms,
	uint64_t *now)
{
	struct target t = {.hint = UINT64_MAX};
	struct spli_watch watch;
	struct spli_wait wait;
	int rc = s ? spli_key_make(&t.key, text) : -EINVAL;

	if (rc)
		return rc;
	spli_wait_begin(&wait, s, timeout_ms);
	do {
		rc = observe(s, &t, &watch);
		if (rc)
			break;
		if (now)
			*now = t.epoch;
		if (t.epoch != since)
			break;
		rc = spli_wait_on(
			&wait, &watch, 1, watch.flag, next_expiry(&t, 1));
	} while (!rc);
	rc = spli_outcome(s, rc);
	spli_wait_end(&wait);
	return rc;
}

static size_t
count_ready(const struct spl_pollkey *keys, const struct target *targets,
	size_t count)
{
	size_t ready = 0;

	for (size_t i = 0; i < count; i++)
		ready += keys[i].epoch != targets[i].epoch;
	return ready;
}

static uint32_t
what_happened(const spl_store *s, uint64_t since, const struct target *t)
{
	if (since == t->epoch)
		return 0;
	if (!t->epoch)
		return spli_expired(s, t->expiry) ? SPL_EXPIRED : SPL_UNSET;
	return since ? SPL_CHANGED : SPL_CREATED;
}

static void
tell(const spl_store *s, struct spl_pollkey *keys, const struct target *targets,
	size_t count)
{
	for (size_t i = 0; i < count; i++) {
		keys[i].revents = what_happened(s, keys[i].epoch, &targets[i]);
		keys[i].epoch = targets[i].epoch;
	}
}

/* The first look: nothing is believed of the caller's keys but their bytes. */
static int
resolve(spl_store *s, const struct spl_pollkey *keys, struct target *targets,
	struct spli_watch *watches, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		targets[i] = (struct target){.hint = UINT64_MAX};
		rc = spli_key_make(&targets[i].key, keys[i].key);
	}
	for (size_t i = 0; !rc && i < count; i++)
		rc = observe(s, &targets[i], &watches[i]);
	return rc;
}

/* 0 when one is ready, or the time is over. */
static int
wait_for_any(struct spli_wait *wait, const struct spl_pollkey *keys,
	struct target *targets, struct spli_watch *watches, size_t count)
{
	spl_store *s = wait->s;
	int rc = resolve(s, keys, targets, watches, count);

	while (!rc && !count_ready(keys, targets, count)) {
		rc = spli_wait_on(wait, watches, count,
			spli_common_flag(s, watches, count),
			next_expiry(targets, count));
		bool over = rc == -ETIMEDOUT;
		if (!rc || (over && wait->timeout_ms))
			rc = look_again(s, targets, watches, count,
				over || wait->second);
		if (over)
			return rc == -ETIMEDOUT || rc == -EAGAIN ? 0 : rc;
	}
	return rc;
}

int
spl_wait_many(spl_store *s, struct spl_pollkey *keys, size_t count,
	uint64_t timeout_ms)
{
	struct target few_targets[KEYS_ON_STACK], *targets = few_targets;
	struct spli_watch few_watches[KEYS_ON_STACK], *watches = few_watches;
	struct spli_wait wait;
	int rc = 0;

	if (!s || !keys || count < 1 || count > KEYS_MAX)
		return -EINVAL;
	if (count > KEYS_ON_STACK) {
		targets = malloc(count * sizeof *targets);
		watches = malloc(count * sizeof *watches);
		if (!targets || !watches)
			rc = -ENOMEM;
	}
	if (!rc) {
		spli_wait_begin(&wait, s, timeout_ms);
		rc = wait_for_any(&wait, keys, targets, watches, count);
		if (!rc) {
			rc = (int)count_ready(keys, targets, count);
			tell(s, keys, targets, count);
		}
		rc = spli_outcome(s, rc);
		spli_wait_end(&wait);
	}
	if (count > KEYS_ON_STACK) {
		free(targets);
		free(watches);
	}
	return rc;
}
