/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - waits that end for another reason: cancelled, their handle closed,
 * their store's name removed.
 */
#include <pthread.h>
#include <string.h>

#include "hear.h"

enum { THREADS = 20 };

/* A wait of any kind, without an end of its own. */
struct waiter {
	spl_store *s;
	spl_feed *feed;
	unsigned how;
	int rc;
	pthread_t thread;
};

static void *
wait_for_ever(void *arg)
{
	struct waiter *w = arg;
	struct spl_pollkey keys[130];
	struct spl_event event;
	size_t count = w->how % 5 == 2 ? 130 : 3;

	for (size_t i = 0; i < count; i++)
		keys[i] = (struct spl_pollkey){"absent", 0, 0, 0};
	switch (w->how % 5) {
	case 0:
		w->rc = spl_wait(w->s, "k", 2, UINT64_MAX, NULL);
		break;
	case 3:
		w->rc = spl_wait(w->s, "absent", 0, UINT64_MAX, NULL);
		break;
	case 4:
		w->rc = spl_feed_read(w->feed, &event, 1, UINT64_MAX);
		break;
	default:
		w->rc = spl_wait_many(w->s, keys, count, UINT64_MAX);
	}
	return NULL;
}

static void
start(struct waiter *w, spl_store *s)
{
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct waiter){.s = s, .how = i};
		if (i % 5 == 4)
			w[i].feed = hear_open(s, NULL);
		if (i % 10 == 9)
			spl_feed_fd(w[i].feed);
		pthread_create(&w[i].thread, NULL, wait_for_ever, &w[i]);
	}
	/* Some sleep by now, some are about to. */
	while (spli_load(&s->waits) < THREADS)
		unit_moment();
}

/* How many did not end so. Null: their feeds stay. */
static unsigned
join(struct waiter *w, int want)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].rc != want)
			printf("# wait %u: %s\n", w[i].how,
				unit_errno(w[i].rc));
		wrong += w[i].rc != want;
	}
	return wrong;
}

static void
close_feeds(struct waiter *w)
{
	for (unsigned i = 0; i < THREADS; i++)
		spl_feed_close(w[i].feed);
}

static void
cancelled(uint32_t kind, uint32_t flags)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, flags);
	struct waiter w[THREADS], other = {.s = s, .how = 0};
	struct spl_pollkey key = {"k", 0, 77, 0};
	struct spl_event event;

	unit_set(s, "k", "1");
	pthread_create(&other.thread, NULL, wait_for_ever, &other);
	start(w, again);
	CHECK_RC(spl_cancel_waits(again, 1), 0);
	CHECK(!join(w, -ECANCELED), "%d waits of a handle end", THREADS);
	CHECK_RC(spl_wait(again, "k", 2, UINT64_MAX, NULL), -ECANCELED);
	CHECK_RC(spl_wait(again, "k", 0, UINT64_MAX, NULL), 0);
	CHECK_RC(spl_feed_read(w[4].feed, &event, 1, 1000), -ECANCELED);
	CHECK(spl_wait_many(again, &key, 1, UINT64_MAX) == 1 &&
			key.revents == SPL_CREATED,
		"what is there already is still said");
	CHECK_RC(spl_wait_many(again, &key, 1, UINT64_MAX), -ECANCELED);
	CHECK(unit_is(again, "k", "1"), "other calls go on");
	CHECK_RC(spl_cancel_waits(again, 1), 0);
	CHECK_RC(spl_cancel_waits(again, 0), 0);
	CHECK_RC(spl_wait(again, "k", 2, 1, NULL), -ETIMEDOUT);
	CHECK_RC(spl_feed_read(w[4].feed, &event, 1, 1), 0);
	unit_set(s, "k", "2");
	CHECK(hear_soon(w[4].feed, SPL_CHANGED, "k"), "feeds go on as well");
	pthread_join(other.thread, NULL);
	CHECK_RC(other.rc, 0);
	close_feeds(w);
	spl_close(again);
	CHECK_RC(spl_cancel_waits(NULL, 1), -EINVAL);
	CHECK_RC(spl_cancel_waits(s, 2), -EINVAL);
	CHECK_RC(spl_cancel_waits(s, -1), -EINVAL);
	unit_drop(s);
}

static void
closed(uint32_t kind, uint32_t flags)
{
	spl_store *s = unit_store(kind, 8, 8);
	struct waiter w[THREADS];
	unsigned wrong = 0;

	unit_set(s, "k", "1");
	for (unsigned round = 0; round < tap_scale(10, 2); round++) {
		spl_store *again = unit_again(s, flags);
		start(w, again);
		wrong += spl_close(again) != 0;
		wrong += join(w, -ECANCELED);
		close_feeds(w);
	}
	CHECK(!wrong, "%d waits end when their handle is closed", THREADS);
	unit_drop(s);
}

/* All at once, as each takes a second. */
struct removal {
	uint32_t kind, flags;
	spl_store *s, *again;
	struct waiter w[THREADS];
};

static void
begin_removal(struct removal *r)
{
	r->s = unit_store(r->kind, 8, 8);
	unit_set(r->s, "k", "1");
	r->again = unit_again(r->s, r->flags);
	start(r->w, r->again);
	if (r->kind != SPL_MEMFD)
		CHECK_RC(spl_destroy(unit_name_of(r->s), r->kind), 0);
}

static void
end_removal(struct removal *r)
{
	struct waiter more = {.s = r->again, .how = 0};
	const char *name = unit_name_of(r->s);

	CHECK(!join(r->w, -EIDRM), "the name is gone, %d waits end", THREADS);
	/* Said once: waiting goes on, and what is set is seen. */
	pthread_create(&more.thread, NULL, wait_for_ever, &more);
	if (!r->flags)
		while (!spli_load(&r->again->waits))
			unit_moment();
	CHECK_RC(spl_wait(r->again, "absent", 0, 1100, NULL), -ETIMEDOUT);
	unit_set(r->s, "k", "2");
	pthread_join(more.thread, NULL);
	CHECK_RC(more.rc, 0);
	CHECK(hear_soon(r->w[4].feed, SPL_CHANGED, "k"), "feeds go on");
	close_feeds(r->w);
	spl_close(r->again);
	/* A new one of that name is none of theirs. */
	struct spl_options o = unit_options(r->kind, 4, 8);
	spl_store *next;
	CHECK(!spl_create(name, &o, &next) && unit_is(next, "k", NULL),
		"a new store may have the name");
	spl_close(next);
	unit_drop(r->s);
}

static void
removed(void)
{
	static struct removal r[3] = {{.kind = TEST_KIND},
		{.kind = TEST_KIND, .flags = SPL_READ_ONLY},
		{.kind = SPL_MEMFD}};

	for (int i = 0; i < 3; i++)
		begin_removal(&r[i]);
	end_removal(&r[0]);
	end_removal(&r[1]);
	/* This one has waited for longer. */
	CHECK_RC(spl_cancel_waits(r[2].again, 1), 0);
	CHECK(!join(r[2].w, -ECANCELED), "a memfd has no name to lose");
	close_feeds(r[2].w);
	spl_close(r[2].again);
	unit_drop(r[2].s);
}

void
test_cancel(void)
{
	for (int i = 0; i < 2; i++) {
		cancelled(unit_kinds[i], 0);
		closed(unit_kinds[i], 0);
	}
	cancelled(TEST_KIND, SPL_READ_ONLY);
	closed(TEST_KIND, SPL_READ_ONLY);
	removed();
}
