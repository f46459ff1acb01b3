/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stamp.h"

#define KEY_PREFIX "stress-"

enum { PREFIX_LEN = sizeof KEY_PREFIX - 1 };

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

static int
peek(struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	struct spl_peek p;
	int rc = spl_peek_begin(w->store, name, &p);

	if (rc)
		return rc;
	if (p.len > w->plan->max_value)
		return -EMSGSIZE;
	copy_peeked(w->value, p.data, p.len);
	*len = p.len;
	*epoch = p.epoch;
	rc = spl_peek_stable(w->store, &p);
	return rc == -ESTALE ? -EAGAIN : rc;
}

/* A copy, or a look in place, which also tells the epoch; until it is had. */
static int
fetch(struct worker *w, const char *name, size_t *len, uint64_t *epoch)
{
	int rc;

	w->doing = work_random(&w->random) % 2 ? DOING_COPY : DOING_PEEK;
	do {
		rc = w->doing == DOING_PEEK ? peek(w, name, len, epoch)
					    : spl_get(w->store, name, w->value,
						      w->plan->max_value, len);
		if (rc == -EAGAIN)
			tally_add(&w->tally->retries, 1);
	} while (rc == -EAGAIN && !share_stopped(w->share));
	return rc;
}

int
work_read(struct worker *w, uint32_t key)
{
	char name[KEY_SIZE];
	struct stamp stamp;
	struct flaw flaw;
	uint64_t epoch = 0;
	size_t len = 0;

	work_key_name(name, key);
	int rc = fetch(w, name, &len, &epoch);
	if (rc == -EAGAIN && !w->alone)
		return rc;
	tally_add(&w->tally->reads, 1);
	if (rc == -ENOENT && !plan_key_stays(key)) {
		tally_add(&w->tally->absent, 1);
	} else if (rc) {
		complain(w, key, epoch, "a value", strerror(-rc));
	} else if (!stamp_whole(
			   w->value, len, w->plan->run, key, &stamp, &flaw)) {
		complain(w, key, epoch, flaw.expected, flaw.found);
	} else {
		tally_add(&w->tally->read_bytes, len);
		compare(w, key, epoch, &stamp);
	}
	return rc;
}

/* Mostly any length; often the shortest and the longest. */
static uint32_t
some_length(struct worker *w)
{
	uint64_t r = work_random(&w->random);
	uint64_t most = w->plan->max_value;

	if (r % 16 < 2)
		return r % 2 ? STAMP_LEN : (uint32_t)most;
	return (uint32_t)(STAMP_LEN + (r >> 8) % (most - STAMP_LEN + 1));
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

static int
set_until_done(struct worker *w, const char *name, uint32_t len)
{
	int rc;

	while ((rc = spl_set(w->store, name, w->value, len)) == -EAGAIN) {
		tally_add(&w->tally->retries, 1);
		if (share_stopped(w->share))
			break;
	}
	return rc;
}

void
work_write(struct worker *w, uint32_t key, bool unset)
{
	struct sight *sight = &w->sights[key];
	char name[KEY_SIZE];

	work_key_name(name, key);
	w->doing = DOING_WRITE;
	if (unset) {
		int64_t gone = unset_until_done(w, name);
		if (refused(w, key, gone))
			return;
		tally_add(&w->tally->unsets, gone >= 0);
	}
	/* Counted before: who replaces us after a kill never repeats one. */
	tally_add(&w->tally->version, 1);
	struct stamp stamp = {
		.run = w->plan->run,
		.key = key,
		.len = some_length(w),
		.writer = w->index,
		.version = tally_get(&w->tally->version),
	};
	stamp_make(w->value, &stamp);
	if (refused(w, key, set_until_done(w, name, stamp.len)))
		return;
	tally_add(&w->tally->writes, 1);
	tally_add(&w->tally->write_bytes, stamp.len);
	/* From now on nothing older of ours may show. */
	sight->writer = stamp.writer;
	sight->version = stamp.version;
	sight->known = true;
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

static uint32_t
some_key(struct worker *w)
{
	return (uint32_t)(work_random(&w->random) % w->plan->keys);
}

static void
write_once(struct worker *w)
{
	uint32_t key = some_key(w);
	uint64_t r = work_random(&w->random);

	work_write(w, key, !plan_key_stays(key) && r % 8 == 0);
	if (r / 8 % 16 == 0)
		work_read(w, key);
	pause_between(w);
}

void
work(struct worker *w)
{
	if (!work_begin(w))
		return;
	share_wait_gate(w->share);
	while (!share_stopped(w->share)) {
		if (w->writes)
			write_once(w);
		else
			work_read(w, some_key(w));
	}
	work_end(w);
}
