/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stamp.h"

#define KEY_PREFIX "stress-"

enum {
	PREFIX_LEN = sizeof KEY_PREFIX - 1,
	HOT_KEYS = 4, /* a quarter of all reads and writes */
	SLOW_PEEKS = 32, /* one in so many takes its time */
	DAWDLE_NS = 50000,
	SHORT_MOST = 64, /* lengths that are chosen more often */
	SWITCH_MOST_US = 10000 /* between two switches of auto-vacuum */
};

/* A quarter of a run on a file is spent getting faster, from this pause. */
#define SLOW_US UINT64_C(50000)

/* Never snprintf(): a name is needed for each operation. */
void
work_key_name(char *name, uint32_t key)
{
	char digits[10];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + key % 10);
	while (key /= 10);
	memcpy(name, KEY_PREFIX, PREFIX_LEN);
	name += PREFIX_LEN;
	while (n)
		*name++ = digits[--n];
	*name = '\0';
}

uint32_t
work_key_number(const char *name)
{
	char same[KEY_SIZE];

	if (strncmp(name, KEY_PREFIX, PREFIX_LEN) != 0)
		return UINT32_MAX;
	uint32_t key = (uint32_t)strtoul(name + PREFIX_LEN, NULL, 10);
	work_key_name(same, key);
	return strcmp(same, name) ? UINT32_MAX : key;
}

uint64_t
work_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t
work_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return stamp_mix(*state);
}

bool
work_begin(struct worker *w)
{
	w->value = malloc(w->plan->max_value);
	w->sights = calloc(w->plan->keys, sizeof *w->sights);
	if (w->value && w->sights)
		return true;
	share_error(w->share,
		"no memory for a worker: give fewer --threads, --writers or "
		"--keys, or a smaller --max-value");
	work_end(w);
	return false;
}

void
work_end(struct worker *w)
{
	free(w->value);
	free(w->sights);
	w->value = NULL;
	w->sights = NULL;
}

/*
 * A key is not as it should be. One sentence a key, and each way to use it, is
 * enough: a single bad one would hide all others.
 */
static void
complain(struct worker *w, uint32_t key, uint64_t epoch, const char *expected,
	const char *found)
{
	char name[KEY_SIZE];
	struct spl_key_stat stat;
	static const char *const doings[] = {
		[DOING_COPY] = "in a copy",
		[DOING_PEEK] = "in place",
		[DOING_WRITE] = "writing",
	};
	const char *when = "";
	uint8_t bit = (uint8_t)(1 << w->doing);

	if (w->sights[key].told & bit) {
		share_fail_again(w->share);
		return;
	}
	w->sights[key].told |= bit;
	work_key_name(name, key);
	if (!epoch && !spl_stat(w->store, name, &stat)) {
		epoch = stat.epoch;
		when = "now ";
	}
	share_fail(w->share,
		"key %s: expected %s, found %s; epoch %s%" PRIu64
		", seen by %s %" PRIu32 " %s",
		name, expected, found, when, epoch, w->role, w->index,
		doings[w->doing]);
}

/*
 * Epochs and the versions of one writer never go back, and one epoch is one
 * value. @epoch is 0 where it is not known.
 */
static void
compare(struct worker *w, uint32_t key, uint64_t epoch, const struct stamp *s)
{
	struct sight *sight = &w->sights[key];
	bool same = sight->known && sight->writer == s->writer;
	struct flaw flaw = {"", ""};

	if (epoch && epoch < sight->epoch) {
		snprintf(flaw.expected, sizeof flaw.expected,
			"epoch %" PRIu64 " or later", sight->epoch);
		snprintf(
			flaw.found, sizeof flaw.found, "epoch %" PRIu64, epoch);
	} else if ((same && s->version < sight->version) ||
		   (epoch && epoch == sight->epoch &&
			   !(same && s->version == sight->version))) {
		snprintf(flaw.expected, sizeof flaw.expected,
			"version %" PRIu64 " of writer %" PRIu32 " or later",
			sight->version, sight->writer);
		snprintf(flaw.found, sizeof flaw.found,
			"version %" PRIu64 " of writer %" PRIu32, s->version,
			s->writer);
	}
	if (*flaw.expected)
		complain(w, key, epoch, flaw.expected, flaw.found);
	if (epoch)
		sight->epoch = epoch;
	sight->version = s->version;
	sight->writer = s->writer;
	sight->known = true;
}

/*
 * What a peek shows may change under the copy. Relaxed: the order is
 * spl_peek_stable()'s business, and no load may be torn beyond that.
 */
static void
copy_peeked(uint8_t *to, const void *from, size_t len)
{
	const uint64_t *words = from;
	const uint8_t *bytes = from;
	size_t at = 0;

	if ((uintptr_t)from % sizeof *words == 0)
		for (; at + sizeof *words <= len; at += sizeof *words) {
			uint64_t word = __atomic_load_n(
				words + at / sizeof *words, __ATOMIC_RELAXED);
			memcpy(to + at, &word, sizeof word);
		}
	for (; at < len; at++)
		to[at] = __atomic_load_n(bytes + at, __ATOMIC_RELAXED);
}

/*
 * Busy for a moment in the middle of a look, so that writers go round their
 * rings meanwhile and the block is being filled anew when it ends.
 */
static void
dawdle(struct worker *w)
{
	uint64_t end = work_now_ns() + work_random(&w->random) % DAWDLE_NS;

	while (work_now_ns() < end)
		;
}

static int
peek(struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	struct spl_peek p;
	int rc = spl_peek_begin(w->store, name, &p);

	if (rc)
		return rc;
	if (p.len > w->plan->max_value)
		return -EMSGSIZE;
	size_t half = p.len / 16 * 8;
	copy_peeked(w->value, p.data, half);
	if (work_random(&w->random) % SLOW_PEEKS == 0)
		dawdle(w);
	copy_peeked(
		w->value + half, (const uint8_t *)p.data + half, p.len - half);
	*len = p.len;
	*epoch = p.epoch;
	rc = spl_peek_stable(w->store, &p);
	return rc == -ESTALE ? -EAGAIN : rc;
}

static int
read_with_epoch(
	struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	struct spl_key_stat stat;
	int rc = spl_read(w->store, name, w->value, w->plan->max_value, &stat);

	if (rc)
		return rc;
	*len = stat.len;
	*epoch = stat.epoch;
	return 0;
}

/* The epoch that the key has now; 0 for none, or none that can be told. */
static uint64_t
epoch_now(struct worker *w, const char *name)
{
	struct spl_key_stat stat;

	return spl_stat(w->store, name, &stat) ? 0 : stat.epoch;
}

/*
 * spl_get() tells no epoch. A short value proves nothing without one: it has
 * that of before, if that is still there after; or else it is read anew.
 */
static int
copy(struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	bool short_ones = w->plan->min_value < STAMP_LEN;
	uint64_t before = short_ones ? epoch_now(w, name) : 0;
	int rc = spl_get(w->store, name, w->value, w->plan->max_value, len);

	if (rc || *len >= STAMP_LEN)
		return rc;
	if (!before || epoch_now(w, name) != before)
		return read_with_epoch(w, name, len, epoch);
	*epoch = before;
	return 0;
}

/* A look in place, or a copy, with or without its epoch; until it is had. */
static int
fetch(struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	static int (*const ways[])(struct worker *, const char *, size_t *,
		uint64_t *) = {peek, peek, copy, read_with_epoch};
	uint64_t way = work_random(&w->random) % 4;
	int rc;

	w->doing = way < 2 ? DOING_PEEK : DOING_COPY;
	do {
		rc = ways[way](w, name, len, epoch);
		if (rc == -EAGAIN)
			tally_add(&w->tally->retries, 1);
	} while (rc == -EAGAIN && !share_stopped(w->share));
	return rc;
}

/* An empty value is one that no other one has taken the place of yet. */
static bool
has_length(struct worker *w, uint32_t key, size_t len, struct flaw *flaw)
{
	if (len >= w->plan->min_value ||
		(!len && plan_tiny(w->plan) && !plan_key_stays(key)))
		return true;
	snprintf(flaw->expected, sizeof flaw->expected,
		"a length of at least %" PRIu64, w->plan->min_value);
	snprintf(flaw->found, sizeof flaw->found, "%zu", len);
	return false;
}

int
work_read(struct worker *w, uint32_t key)
{
	char name[KEY_SIZE];
	struct stamp stamp = {.run = w->plan->run, .key = key};
	struct flaw flaw;
	uint64_t epoch = 0;
	size_t len = 0;

	work_key_name(name, key);
	int rc = fetch(w, name, &len, &epoch);
	stamp.version = epoch;
	if (rc == -EAGAIN && !w->alone)
		return rc;
	tally_add(&w->tally->reads, 1);
	if (rc == -ENOENT && !plan_key_stays(key)) {
		tally_add(&w->tally->absent, 1);
	} else if (rc) {
		complain(w, key, epoch, "a value", strerror(-rc));
	} else if (!has_length(w, key, len, &flaw) ||
		   !stamp_whole(w->value, len, &stamp, &flaw)) {
		complain(w, key, epoch, flaw.expected, flaw.found);
	} else {
		tally_add(&w->tally->read_bytes, len);
		compare(w, key, epoch, &stamp);
	}
	return rc;
}

/* Mostly any length; often a short one, the shortest and the longest. */
static uint32_t
some_length(struct worker *w, uint64_t least)
{
	uint64_t r = work_random(&w->random);
	uint64_t most = w->plan->max_value;
	uint64_t span = most - least + 1;

	if (r % 16 < 2)
		return (uint32_t)(r % 2 ? least : most);
	if (r % 16 < 4 && span > SHORT_MOST)
		span = SHORT_MOST;
	return (uint32_t)(least + (r >> 8) % span);
}

/* Whether a write was not done; says so, unless it may be repeated. */
static bool
refused(struct worker *w, uint32_t key, int64_t rc)
{
	if (rc >= 0 || rc == -ENOENT)
		return false;
	const char *reason = strerror((int)-rc);
	if (rc == -EBADMSG || (rc == -EAGAIN && w->alone))
		complain(w, key, 0, "a write", reason);
	else if (rc == -ENOSPC)
		share_error(w->share,
			"no memory or disk is left for a key: free some, or "
			"give fewer --keys or a smaller --max-value");
	else if (rc != -EAGAIN)
		share_error(w->share, "a key cannot be written: %s", reason);
	return true;
}

static int64_t
unset_until_done(struct worker *w, const char *name)
{
	int64_t rc;

	while ((rc = spl_unset(w->store, name)) == -EAGAIN) {
		tally_add(&w->tally->retries, 1);
		if (share_stopped(w->share))
			break;
	}
	return rc;
}

/* What was written is what shows from now on, or something newer. */
static void
has_written(struct worker *w, uint32_t key, const struct stamp *s)
{
	struct sight *sight = &w->sights[key];

	tally_add(&w->tally->writes, 1);
	tally_add(&w->tally->write_bytes, s->len);
	sight->writer = s->writer;
	sight->version = s->version;
	sight->known = true;
}

static int
set_stamped(struct worker *w, uint32_t key, const char *name, uint32_t len)
{
	int rc;

	/* Counted before: who replaces us after a kill never repeats one. */
	tally_add(&w->tally->version, 1);
	struct stamp stamp = {
		.run = w->plan->run,
		.key = key,
		.len = len,
		.writer = w->index,
		.version = tally_get(&w->tally->version),
	};
	stamp_make(w->value, &stamp);
	while ((rc = spl_set(w->store, name, w->value, len)) == -EAGAIN) {
		tally_add(&w->tally->retries, 1);
		if (share_stopped(w->share))
			break;
	}
	if (!rc)
		has_written(w, key, &stamp);
	return rc;
}

/*
 * Once: a value for just the next epoch. -ENOENT: it is absent; -ESTALE:
 * somebody was faster.
 */
static int
try_short(struct worker *w, uint32_t key, const char *name, uint32_t len)
{
	struct stamp stamp = {.run = w->plan->run, .key = key, .len = len};
	struct spl_key_stat stat;
	uint64_t now;
	int rc = spl_stat(w->store, name, &stat);

	if (rc == -ENOENT && plan_tiny(w->plan))
		rc = spl_set_if(w->store, name, "", 0, 0, &stat.epoch);
	if (rc)
		return rc;
	stamp.writer = STAMP_NOBODY;
	stamp.version = stat.epoch + 2;
	stamp_make(w->value, &stamp);
	rc = spl_set_if(w->store, name, w->value, len, stat.epoch, &now);
	if (rc)
		return rc;
	if (now != stamp.version) {
		struct flaw flaw;
		snprintf(flaw.expected, sizeof flaw.expected,
			"epoch %" PRIu64 " after %" PRIu64, stamp.version,
			stat.epoch);
		snprintf(flaw.found, sizeof flaw.found, "%" PRIu64, now);
		complain(w, key, now, flaw.expected, flaw.found);
	}
	has_written(w, key, &stamp);
	w->sights[key].epoch = now;
	return 0;
}

static int
set_short(struct worker *w, uint32_t key, const char *name, uint32_t len)
{
	int rc;

	while ((rc = try_short(w, key, name, len)) == -EAGAIN ||
		rc == -ESTALE) {
		tally_add(&w->tally->retries, 1);
		if (share_stopped(w->share))
			return -EAGAIN;
	}
	return rc;
}

/* Whether that was done, or the key was absent. */
static bool
unset(struct worker *w, uint32_t key)
{
	char name[KEY_SIZE];

	work_key_name(name, key);
	w->doing = DOING_WRITE;
	int64_t gone = unset_until_done(w, name);
	if (refused(w, key, gone))
		return false;
	tally_add(&w->tally->unsets, gone >= 0);
	return true;
}

void
work_write(struct worker *w, uint32_t key, bool unset_before)
{
	uint32_t len = some_length(w, w->plan->min_value);
	int rc;
	char name[KEY_SIZE];

	if (unset_before && !unset(w, key))
		return;
	work_key_name(name, key);
	w->doing = DOING_WRITE;
	if (len < STAMP_LEN)
		rc = set_short(w, key, name, len);
	else
		rc = set_stamped(w, key, name, len);
	/* It had no epoch that a short one could be made for. */
	if (rc == -ENOENT)
		rc = set_stamped(w, key, name, some_length(w, STAMP_LEN));
	refused(w, key, rc);
}

/* On a file the pause begins long and shrinks to what was asked for. */
static uint64_t
pause_us(const struct worker *w)
{
	uint64_t asked = w->plan->writer_us;
	uint64_t ramp_us = w->plan->duration_ms * 1000 / 4;
	uint64_t past_us =
		(work_now_ns() - tally_get(&w->share->begun_ns)) / 1000;

	if (w->plan->kind != SPL_FILE || asked >= SLOW_US || past_us >= ramp_us)
		return asked;
	double left = (double)(ramp_us - past_us) / (double)ramp_us;
	return asked + (uint64_t)((double)(SLOW_US - asked) * left);
}

/* In steps, so that the end of the run is not slept over. */
static void
pause_between(struct worker *w)
{
	enum { STEP_US = 20000 };
	uint64_t left = pause_us(w);

	while (left && !share_stopped(w->share)) {
		uint64_t us = left < STEP_US ? left : STEP_US;
		nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
		left -= us;
	}
}

/* Any; often one of a few, where readers and writers meet. */
static uint32_t
some_key(struct worker *w)
{
	uint64_t r = work_random(&w->random);
	uint64_t keys = w->plan->keys;

	if (r % 4 == 0 && keys > HOT_KEYS)
		keys = HOT_KEYS;
	return (uint32_t)((r >> 8) % keys);
}

static void
write_once(struct worker *w)
{
	uint32_t key = some_key(w);
	uint64_t r = work_random(&w->random);

	if (plan_key_stays(key) || r % 8 > 1)
		work_write(w, key, false);
	else if (r % 8)
		work_write(w, key, true);
	else
		unset(w, key); /* absent until the next write */
	if (r / 8 % 16 == 0)
		work_read(w, key);
	pause_between(w);
}

static void
nap(struct worker *w, uint64_t most_us)
{
	long us = (long)(work_random(&w->random) % most_us);

	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/*
 * To the other state. Nobody else does, but a predecessor may have been killed
 * half way.
 */
static void
switch_vacuum(struct worker *w)
{
	int on = !spl_auto_vacuum(w->store);
	int rc = spl_set_auto_vacuum(w->store, on, NULL);

	if (rc == -EAGAIN)
		tally_add(&w->tally->retries, 1);
	else if (rc || spl_auto_vacuum(w->store) != on)
		share_fail(w->share, "auto-vacuum cannot be switched %s: %s",
			on ? "on" : "off", strerror(-rc));
	else
		tally_add(&w->tally->switches, 1);
	nap(w, SWITCH_MOST_US);
}

/* One sentence about lists is enough as well. */
static void __attribute__((format(printf, 2, 3)))
complain_of_list(struct worker *w, const char *format, ...)
{
	char text[200];
	va_list args;

	if (w->told_of_list) {
		share_fail_again(w->share);
		return;
	}
	w->told_of_list = true;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	share_fail(
		w->share, "%s, seen by %s %" PRIu32, text, w->role, w->index);
}

/* One that is listed. Whether it is one of those that always have to be. */
static bool
check_listed(struct worker *w, const struct spl_key_stat *stat)
{
	uint32_t key = work_key_number(stat->key);

	if (key >= w->plan->keys) {
		complain_of_list(
			w, "key %.63s is listed: nobody wrote it", stat->key);
		return false;
	}
	struct sight *sight = &w->sights[key];
	if (stat->epoch < sight->epoch)
		complain_of_list(w,
			"key %s is listed with epoch %" PRIu64
			" after epoch %" PRIu64,
			stat->key, stat->epoch, sight->epoch);
	if (!plan_key_stays(key))
		return false; /* may come twice, or not at all */
	if (sight->walk == w->walk)
		complain_of_list(w, "key %s is listed twice", stat->key);
	sight->walk = w->walk;
	return true;
}

void
work_list(struct worker *w)
{
	uint64_t staying = (w->plan->keys + 1) / 2, met = 0;
	struct spl_key_stat stat;
	spl_list *list;
	int rc = spl_list_begin(w->store, NULL, NULL, &list);

	if (rc) {
		complain_of_list(
			w, "the keys cannot be listed: %s", strerror(-rc));
		return;
	}
	w->walk++;
	while ((rc = spl_list_next(list, &stat)) != 0) {
		if (rc == 1)
			met += check_listed(w, &stat);
		else if (rc == -EAGAIN)
			met++; /* passed over: too many changes */
		else
			complain_of_list(
				w, "a key cannot be listed: %s", strerror(-rc));
	}
	spl_list_end(list);
	if (met < staying)
		complain_of_list(w,
			"%" PRIu64 " keys are never unset, but only %" PRIu64
			" of them are listed",
			staying, met);
	tally_add(&w->tally->lists, 1);
}

/* Now and then a list: a walk takes as long as many reads. */
static void
read_once(struct worker *w)
{
	work_read(w, some_key(w));
	if (work_random(&w->random) % (4 * w->plan->keys + 64) == 0)
		work_list(w);
}

void
work(struct worker *w)
{
	if (!work_begin(w))
		return;
	share_wait_gate(w->share);
	while (!share_stopped(w->share)) {
		if (w->switches)
			switch_vacuum(w);
		else if (w->writes)
			write_once(w);
		else
			read_once(w);
	}
	work_end(w);
}
