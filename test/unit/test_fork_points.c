/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.c - a fork in the middle of everything that can be under way: the child
 * goes on with it or closes it, the parent does not notice; whoever dies, the
 * other gets on.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "audit.h"
#include "cursor.h"
#include "unit.h"
#include "writer.h"

/* What is under way, in the parent, at the fork. */
struct state {
	spl_store *s;
	spl_feed *f;
	spl_list *list;
	spl_ref *ref;
	struct spl_peek peek;
	pthread_t thread;
	unsigned met; /* keys of the list */
};

enum { KEYS = 20 };

static void
populate(spl_store *s)
{
	char key[8];

	for (int i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "%d", i);
		unit_set(s, key, "value");
	}
}

static void *
wait_for_go(void *arg)
{
	struct state *st = arg;

	return (void *)(intptr_t)spl_wait(st->s, "go", 0, UINT64_MAX, NULL);
}

/* Events until the one of @key; -ETIMEDOUT when it does not come. */
static int
told_of(spl_feed *f, const char *key)
{
	struct spl_event event;
	int rc;

	while ((rc = spl_feed_read(f, &event, 1, 10000)) == 1)
		if (!strcmp(event.key, key))
			return 0;
	return rc ? rc : -ETIMEDOUT;
}

static unsigned
rest_of(spl_list *list)
{
	struct spl_key_stat stat;
	unsigned count = 0;

	while (spl_list_next(list, &stat) == 1)
		count++;
	return count;
}

/*
 * The states: begun before the fork, gone on with in child and parent.
 */
static void
begin_wait(struct state *st)
{
	struct spl_store_stat info = {0};

	if (pthread_create(&st->thread, NULL, wait_for_go, st))
		abort();
	while (!info.waited_new && !spl_store_info(st->s, &info))
		unit_moment();
}

static void
wait_in_child(struct state *st)
{
	EXPECT(spl_wait(st->s, "absent", 0, 5, NULL) == -ETIMEDOUT);
	EXPECT(spl_cancel_waits(st->s, 1) == 0);
	EXPECT(spl_wait(st->s, "absent", 0, 60000, NULL) == -ECANCELED);
	EXPECT(spl_cancel_waits(st->s, 0) == 0);
}

static void
wait_in_parent(struct state *st)
{
	void *rc = NULL;

	CHECK_RC(unit_set(st->s, "go", ""), 0);
	pthread_join(st->thread, &rc);
	CHECK(rc == NULL, "the parent's thread waits on, and is woken");
}

static void
begin_feed(struct state *st)
{
	CHECK_RC(spl_feed_open(st->s, NULL, &st->f), 0);
	unit_set(st->s, "first", "");
}

static void
feed_in_child(struct state *st)
{
	EXPECT(told_of(st->f, "first") == 0);
	EXPECT(unit_set(st->s, "child's", "") == 0);
	EXPECT(told_of(st->f, "child's") == 0);
	spl_feed_close(st->f);
}

static void
feed_in_parent(struct state *st)
{
	CHECK(told_of(st->f, "first") == 0 && told_of(st->f, "child's") == 0,
		"the parent's feed tells all of it again");
	spl_feed_close(st->f);
}

static void
begin_feed_fd(struct state *st)
{
	begin_feed(st);
	CHECK(spl_feed_fd(st->f) >= 0, "a feed with a descriptor");
}

static void
feed_fd_in_child(struct state *st)
{
	struct pollfd p = {.fd = spl_feed_fd(st->f), .events = POLLIN};

	EXPECT(p.fd >= 0 && poll(&p, 1, 10000) == 1);
	EXPECT(told_of(st->f, "first") == 0);
	EXPECT(poll(&p, 1, 0) == 0);
	EXPECT(unit_set(st->s, "child's", "") == 0);
	EXPECT(poll(&p, 1, 10000) == 1);
	EXPECT(told_of(st->f, "child's") == 0);
	spl_feed_close(st->f);
}

static void
feed_fd_in_parent(struct state *st)
{
	struct pollfd p = {.fd = spl_feed_fd(st->f), .events = POLLIN};

	CHECK(poll(&p, 1, 10000) == 1, "the parent's descriptor is readable");
	feed_in_parent(st);
}

static void
begin_list(struct state *st)
{
	struct spl_key_stat stat;

	CHECK_RC(spl_list_begin(st->s, NULL, "^[0-9]*$", &st->list), 0);
	for (st->met = 0; st->met < KEYS / 2; st->met++)
		if (spl_list_next(st->list, &stat) != 1)
			abort();
}

static void
list_in_child(struct state *st)
{
	EXPECT(rest_of(st->list) == KEYS - st->met);
	spl_list_end(st->list);
}

static void
list_in_parent(struct state *st)
{
	CHECK(rest_of(st->list) == KEYS - st->met,
		"a list goes on in both, from where it was");
	spl_list_end(st->list);
}

static void
begin_peek(struct state *st)
{
	CHECK_RC(spl_peek_begin(st->s, "1", &st->peek), 0);
	CHECK_RC(spl_ref_open(st->s, "2", &st->ref), 0);
}

static void
peek_in_child(struct state *st)
{
	char got[8];

	EXPECT(st->peek.len == 5 && !memcmp(st->peek.data, "value", 5));
	EXPECT(spl_peek_stable(st->s, &st->peek) == 0);
	EXPECT(spl_ref_get(st->ref, got, sizeof got, NULL) == 0);
	EXPECT(spl_ref_set(st->ref, "child", 5) == 0);
	spl_ref_close(st->ref);
	/* Over and over, so that its block is used again. */
	for (int i = 0; i < 10; i++)
		EXPECT(unit_set(st->s, "1", "other") == 0);
	EXPECT(spl_peek_stable(st->s, &st->peek) == -ESTALE);
}

static void
peek_in_parent(struct state *st)
{
	CHECK_RC(spl_peek_stable(st->s, &st->peek), -ESTALE);
	CHECK(unit_is(st->s, "2", "child"), "by a reference the child has set");
	CHECK_RC(spl_ref_set(st->ref, "parent", 6), 0);
	spl_ref_close(st->ref);
}

static void
begin_cancelled(struct state *st)
{
	CHECK_RC(spl_cancel_waits(st->s, 1), 0);
}

static void
cancelled_in_child(struct state *st)
{
	EXPECT(spl_wait(st->s, "absent", 0, 60000, NULL) == -ECANCELED);
	EXPECT(spl_cancel_waits(st->s, 0) == 0);
	EXPECT(spl_wait(st->s, "absent", 0, 1, NULL) == -ETIMEDOUT);
}

static void
cancelled_in_parent(struct state *st)
{
	CHECK_RC(spl_wait(st->s, "absent", 0, 60000, NULL), -ECANCELED);
	CHECK_RC(spl_cancel_waits(st->s, 0), 0);
}

static const struct point {
	const char *name;
	void (*begin)(struct state *st);
	void (*in_child)(struct state *st);
	void (*in_parent)(struct state *st);
	bool threads; /* TSan starts none in the child of such a process */
} points[] = {
	{"a thread waits", begin_wait, wait_in_child, wait_in_parent, false},
	{"a feed is open", begin_feed, feed_in_child, feed_in_parent, false},
	{"a feed has a descriptor", begin_feed_fd, feed_fd_in_child,
		feed_fd_in_parent, true},
	{"a list is half way", begin_list, list_in_child, list_in_parent,
		false},
	{"a value is looked at", begin_peek, peek_in_child, peek_in_parent,
		false},
	{"waits are cancelled", begin_cancelled, cancelled_in_child,
		cancelled_in_parent, false},
};

struct both {
	const struct point *point;
	struct state *st;
	bool only_closes;
};

static void
child_of_point(void *arg)
{
	struct both *b = arg;
	struct spl_store_stat info;

	if (!b->only_closes) {
		b->point->in_child(b->st);
		EXPECT(unit_set(b->st->s, "mine", "child") == 0);
		EXPECT(spl_store_info(b->st->s, &info) == 0 &&
			info.writers_owned == 2);
	}
	EXPECT(spl_close(b->st->s) == 0);
	/* A feed may be closed after its store. */
	if (b->only_closes)
		spl_feed_close(b->st->f);
}

static void
fork_at(const struct point *point)
{
	struct spl_store_stat info;

	if (point->threads && SPLI_TSAN) {
		unit_skip(point->name, "TSan has no threads in such a child");
		return;
	}
	for (int closes = 0; closes <= 1; closes++) {
		struct state st = {.s = unit_store(TEST_KIND, 64, 64)};
		struct both b = {point, &st, closes};
		populate(st.s);
		point->begin(&st);
		struct unit_child c = unit_fork(child_of_point, &b);
		CHECK(!unit_join(&c), "a fork while %s: the child %s",
			point->name, closes ? "closes" : "goes on");
		if (closes) {
			unit_set(st.s, "child's", "");
			for (int i = 0; i < 10; i++)
				unit_set(st.s, "1", "other");
			unit_set(st.s, "2", "child");
		}
		point->in_parent(&st);
		spl_store_info(st.s, &info);
		CHECK(info.writers_owned == 1 && !info.repairs && !audit(st.s),
			"nothing of the child's is left, every block is there");
		unit_drop(st.s);
	}
}

/* The child dies with all that one can hold; the parent goes on. */
static void
dies_with_everything(void *arg)
{
	struct spli_lease lease;

	EXPECT(spli_lease_take(arg, &lease) == 0);
	EXPECT(spli_claim_take(&lease) == 0);
	unit_die();
}

static void
child_dies(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	struct spl_store_stat info;

	unit_set(s, "k", "v");
	unit_run(dies_with_everything, s);
	CHECK(!unit_set(s, "new", "v") && spl_unset(s, "k") == 1,
		"the child died with the claim: the parent goes on");
	spl_store_info(s, &info);
	CHECK(info.repairs == 1 && !audit(s), "having repaired it");
	unit_drop(s);
}

/* Generations, all of them writing at once into one number. */
enum { DEPTH = 4, ADDS = 500 };

struct line {
	spl_store *s;
	int depth;
};

static void
generation(void *arg)
{
	struct line *l = arg, next = {l->s, l->depth + 1};
	struct spl_writer_stat stats[64];
	struct unit_child c;
	int own = 0;

	unit_post(l->depth, 1);
	if (next.depth < DEPTH)
		c = unit_fork(generation, &next);
	for (int i = 0; i < ADDS; i++)
		EXPECT(spl_add(l->s, "sum", 1, NULL) == 0);
	int n = spl_writers(l->s, stats, 64);
	for (int i = 0; i < n; i++)
		own += stats[i].pid == (int32_t)getpid();
	EXPECT(own == 1); /* and nobody else's under my name */
	if (next.depth < DEPTH)
		EXPECT(unit_join(&c) == 0);
	if (l->depth)
		EXPECT(spl_close(l->s) == 0);
}

static void
generations(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	struct line first = {s, 0};
	char want[16];

	unit_set(s, "sum", "0");
	unit_board_clear();
	generation(&first);
	unit_text(want, sizeof want, "%d", DEPTH * ADDS);
	CHECK(unit_is(s, "sum", want) && !audit(s),
		"four generations add at once, each with its own entry");
	unit_drop(s);
}

/*
 * Handlers that prepare a fork run the last first: this one, registered before
 * the library's own, sees what those have locked.
 */
static spl_store *locked;
static unsigned unlocked;

static void
count_unlocked(void)
{
	if (!locked)
		return;
	pthread_mutex_t *held[] = {&locked->mutex, &locked->feed_mutex,
		&locked->sleep_mutex, &locked->feeds->mutex,
		&locked->feeds->next->mutex};
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		if (!pthread_mutex_trylock(held[i])) {
			unlocked++;
			pthread_mutex_unlock(held[i]);
		}
}

__attribute__((constructor)) static void
before_the_library(void)
{
	pthread_atfork(count_unlocked, NULL, NULL);
}

static void
does_nothing(void *arg)
{
	(void)arg;
}

static void
everything_is_locked(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	spl_feed *f = NULL, *g = NULL;

	CHECK(!spl_feed_open(s, NULL, &f) && !spl_feed_open(s, NULL, &g),
		"two feeds");
	locked = s;
	unit_run(does_nothing, NULL);
	locked = NULL;
	CHECK(!unlocked, "a fork waits for who changes a handle or a feed");
	spl_feed_close(f);
	spl_feed_close(g);
	unit_drop(s);
}

void
test_fork_points(void)
{
	everything_is_locked();
	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		fork_at(&points[i]);
	child_dies();
	generations();
}
