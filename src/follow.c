/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c - the calls on feeds.
 */
#include "follow.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "notify.h"

enum {
	BATCH_BYTES = 1 << 20 /* of values, to one call */
};

/* For closing a store beside calls on its feeds; held for moments only. */
static pthread_mutex_t follow_mutex = PTHREAD_MUTEX_INITIALIZER;

void
spli_follow_lock(void)
{
	pthread_mutex_lock(&follow_mutex);
}

void
spli_follow_unlock(void)
{
	pthread_mutex_unlock(&follow_mutex);
}

/* Count a call on the feed as one of its store's waits. */
static int
enter(spl_feed *f, struct spli_wait *wait, uint64_t timeout_ms)
{
	spli_follow_lock();
	bool closed = f->closed;
	if (!closed)
		spli_wait_begin(wait, f->store, timeout_ms);
	spli_follow_unlock();
	return closed ? -EBADF : 0;
}

void
spl_feed_options_init(struct spl_feed_options *o)
{
	*o = (struct spl_feed_options){.size = sizeof *o, .since = UINT64_MAX};
}

static int
options_read(struct spl_feed_options *o, const struct spl_feed_options *given)
{
	enum { KNOWN = SPL_FEED_SNAPSHOT | SPL_FEED_VALUES };

	spl_feed_options_init(o);
	if (!given)
		return 0;
	if (given->size != sizeof *o || given->flags & ~(uint32_t)KNOWN ||
		(given->key && (given->prefix || given->pattern)) ||
		(given->flags & SPL_FEED_SNAPSHOT &&
			given->since != UINT64_MAX))
		return -EINVAL;
	*o = *given;
	return 0;
}

static int
take_filter(spl_feed *f, const struct spl_feed_options *o)
{
	if (!o->key)
		return spli_filter_make(&f->filter, o->prefix, o->pattern);
	int rc = spli_key_make(&f->key, o->key);
	if (rc)
		return rc;
	memcpy(f->text, o->key, f->key.len);
	f->key.text = f->text;
	f->has_key = true;
	return 0;
}

/* Where the feed begins. */
static int
take_start(spl_feed *f, const struct spl_feed_options *o)
{
	spl_store *s = f->store;
	struct spli_cell cell;
	/* Before the walk: what it does not meet has a cell to come. */
	uint64_t tail = spli_feed_tail(s);
	uint64_t raw = spli_load_acquire(spli_feed_cell(s, tail));

	/* A writer may have died before he moved the tail on. */
	if (spli_cell_read(s, tail, raw, &cell) == SPLI_CELL_FILLED &&
		o->since == tail + 1)
		tail++;
	f->n = f->started = o->since == UINT64_MAX ? tail : o->since;
	if (f->n > tail)
		return -ERANGE;
	if (tail - f->n > s->geo.feed_len) {
		f->missed = f->untold = tail - f->n;
		f->n = tail;
	} else if (!(o->flags & SPL_FEED_SNAPSHOT)) {
		int rc = spli_feed_learn(f, o->since != UINT64_MAX);
		/* After the walk: what it may have missed, or have met. */
		if (o->since != UINT64_MAX)
			f->past = spli_feed_tail(s);
		return rc;
	}
	spli_feed_begin_snapshot(f);
	return 0;
}

static void
feed_free(spl_feed *f)
{
	spli_filter_free(&f->filter);
	spli_memory_free(&f->memory);
	free(f->values_now.bytes);
	free(f->next_value.bytes);
	if (f->fd >= 0)
		close(f->fd);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

static void
list_in(spl_feed *f)
{
	spl_store *s = f->store;

	pthread_mutex_lock(&s->feed_mutex);
	f->next = s->feeds;
	if (f->next)
		f->next->prev = f;
	s->feeds = f;
	pthread_mutex_unlock(&s->feed_mutex);
}

static void
list_out(spl_feed *f)
{
	spl_store *s = f->store;

	pthread_mutex_lock(&s->feed_mutex);
	if (f->prev)
		f->prev->next = f->next;
	else
		s->feeds = f->next;
	if (f->next)
		f->next->prev = f->prev;
	pthread_mutex_unlock(&s->feed_mutex);
}

int
spl_feed_open(
	spl_store *s, const struct spl_feed_options *options, spl_feed **out)
{
	struct spl_feed_options o;

	if (!s || !out || options_read(&o, options))
		return -EINVAL;
	spl_feed *f = calloc(1, sizeof *f);
	if (!f)
		return -ENOMEM;
	f->store = s;
	f->fd = -1;
	f->linked = spli_load(&s->linked);
	f->values = o.flags & SPL_FEED_VALUES;
	pthread_mutex_init(&f->mutex, NULL);
	int rc = take_filter(f, &o);
	if (!rc)
		rc = spli_memory_start(&f->memory);
	if (!rc)
		rc = spli_outcome(s, take_start(f, &o));
	if (rc) {
		feed_free(f);
		return rc;
	}
	list_in(f);
	*out = f;
	return 0;
}

/* The one looked at ahead comes first. */
static int
take_next(spl_feed *f, struct spl_event *event)
{
	struct spli_arena *to = &f->values_now;
	size_t len = f->next_value.len;

	if (spli_arena_reserve(to, len + 1))
		return -ENOMEM;
	*event = f->next_event;
	if (event->value) {
		if (len)
			memcpy(to->bytes, f->next_value.bytes, len);
		event->value = (const void *)(uintptr_t)1;
		to->len = len;
	}
	f->has_next = false;
	return 1;
}

/* What is there, up to @count: how many, or an error if there is none. */
static int
take(spl_feed *f, struct spl_event *events, size_t count)
{
	int taken = 0, rc = 0;

	if (f->removed)
		return -EIDRM;
	while ((size_t)taken < count && f->values_now.len < BATCH_BYTES) {
		struct spl_event *event = &events[taken];
		rc = f->has_next ? take_next(f, event)
				 : spli_feed_pull(f, event, &f->values_now);
		if (rc <= 0)
			break;
		taken++;
	}
	return taken ? taken : rc;
}

/* The arena stands still: its offsets, plus 1, become pointers. */
static void
point_to_values(const spl_feed *f, struct spl_event *events, int count)
{
	const char *bytes = f->values_now.bytes;

	for (int i = 0; i < count; i++)
		if (events[i].value)
			events[i].value =
				bytes ? bytes + (uintptr_t)events[i].value - 1
				      : "";
}

int
spl_feed_read(spl_feed *f, struct spl_event *events, size_t count,
	uint64_t timeout_ms)
{
	struct spli_wait wait;

	if (!f || !events || !count)
		return -EINVAL;
	if (count > INT_MAX)
		count = INT_MAX;
	int rc = enter(f, &wait, timeout_ms);
	if (rc)
		return rc;
	pthread_mutex_lock(&f->mutex);
	f->values_now.len = 0;
	wait.linked = f->linked;
	while (!rc) {
		rc = take(f, events, count);
		if (rc)
			break;
		/* A walk ends; who does not wait sees it to its end. */
		if (f->more && !timeout_ms && f->phase != SPLI_LIVE)
			continue;
		struct spli_watch watch = spli_feed_watch(f);
		uint64_t expiry = spli_feed_expiry(f);
		pthread_mutex_unlock(&f->mutex);
		rc = spli_wait_on(&wait, &watch, 1, watch.flag, expiry);
		pthread_mutex_lock(&f->mutex);
	}
	if (rc == -EIDRM)
		f->linked = f->removed = false; /* said, once */
	spli_notify_settle(f);
	point_to_values(f, events, rc);
	pthread_mutex_unlock(&f->mutex);
	rc = spli_outcome(f->store, rc == -ETIMEDOUT ? 0 : rc);
	spli_wait_end(&wait);
	return rc;
}

int
spl_feed_fd(spl_feed *f)
{
	if (!f)
		return -EINVAL;
	/* Held all the time: the thread must not just be ended. */
	spli_follow_lock();
	int rc = f->closed ? -EBADF : spli_notify_start(f);
	spli_follow_unlock();
	return rc;
}

int
spl_feed_info(spl_feed *f, struct spl_feed_stat *stat)
{
	struct spli_wait wait;

	if (!f || !stat)
		return -EINVAL;
	int rc = enter(f, &wait, 0);
	if (rc)
		return rc;
	pthread_mutex_lock(&f->mutex);
	uint64_t tail = spli_feed_tail(f->store);
	*stat = (struct spl_feed_stat){
		.started = f->started,
		.sequence = f->n,
		.seen = f->seen,
		.missed = f->missed,
		.behind = tail > f->n ? tail - f->n : 0,
		.events = f->events - f->has_next,
		.keys = f->memory.count,
	};
	pthread_mutex_unlock(&f->mutex);
	rc = spli_outcome(f->store, 0);
	spli_wait_end(&wait);
	return rc;
}

void
spl_feed_close(spl_feed *f)
{
	if (!f)
		return;
	spli_follow_lock();
	if (!f->closed) {
		list_out(f);
		spli_notify_stop(f->store, false);
	}
	spli_follow_unlock();
	feed_free(f);
}

void
spli_feeds_abandon(spl_store *s)
{
	spli_follow_lock();
	spli_notify_stop(s, true);
	for (spl_feed *f = s->feeds, *next; f; f = next) {
		next = f->next;
		pthread_mutex_lock(&f->mutex);
		f->closed = true;
		spli_notify_settle(f);
		pthread_mutex_unlock(&f->mutex);
	}
	s->feeds = NULL;
	spli_follow_unlock();
}

void
spli_feeds_lock(spl_store *s)
{
	pthread_mutex_lock(&s->feed_mutex);
	for (spl_feed *f = s->feeds; f; f = f->next)
		pthread_mutex_lock(&f->mutex);
}

void
spli_feeds_unlock(spl_store *s)
{
	for (spl_feed *f = s->feeds; f; f = f->next)
		pthread_mutex_unlock(&f->mutex);
	pthread_mutex_unlock(&s->feed_mutex);
}

void
spli_feeds_forked(spl_store *s)
{
	s->notifier = (struct spli_notifier){0};
	for (spl_feed *f = s->feeds; f; f = f->next) {
		/* The eventfd is the parent's as well. */
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
		f->ready = false;
	}
}
