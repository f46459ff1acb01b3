/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "notify.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "map.h"

enum {
	/* Where a kick may come late: handles that cannot mark a flag. */
	STEP_READ_ONLY_NS = 20000000,
	CHECK_NS = 1000000000 /* whether the store still has its name */
};

static void
set_readable(spl_feed *f, bool readable)
{
	uint64_t count = 1;
	ssize_t n;

	if (f->ready == readable)
		return;
	f->ready = readable;
	/* Neither can fail: the count is 1 or 0 in turn. */
	n = readable ? write(f->fd, &count, sizeof count)
		     : read(f->fd, &count, sizeof count);
	(void)n;
}

/* Look at the next event ahead. */
static void
look_ahead(spl_feed *f)
{
	f->next_value.len = 0;
	int rc = spli_feed_pull(f, &f->next_event, &f->next_value);

	f->has_next = rc == 1;
	/* Whoever reads then is told of an error himself. */
	set_readable(f, rc != 0);
}

/*
 * The thread has to look again: at a feed that has become quiet. @asleep: also
 * when it sleeps on the ring, which tells of all else but a time that has
 * become earlier, or a feed that is not through.
 */
static void
kick(spl_store *s, bool asleep)
{
	uint32_t *kicks = &s->notifier.kicks;

	__atomic_fetch_add(kicks, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, kicks, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	if (asleep)
		spli_flag_wake(s, &s->feed->waiters);
}

void
spli_notify_settle(spl_feed *f)
{
	if (f->fd < 0)
		return;
	if (f->closed || f->has_next || f->removed ||
		spli_load(&f->store->cancelled) & 1 || spli_is_lost(f->store)) {
		set_readable(f, true);
		return;
	}
	look_ahead(f);
	if (!f->ready)
		kick(f->store, f->more || spli_feed_expiry(f));
}

/* What the thread found at all feeds. */
struct rounds {
	bool all_ready; /* nothing to wait for but a kick */
	bool more; /* a feed is not through yet */
	bool removed; /* the store has lost its name */
	uint64_t expiry; /* the earliest; 0: none */
};

static void
look_at(spl_feed *f, struct rounds *found)
{
	if (f->fd < 0)
		return;
	pthread_mutex_lock(&f->mutex);
	if (found->removed && f->linked) {
		f->removed = true;
		set_readable(f, true);
	}
	if (!f->ready)
		look_ahead(f);
	if (spli_is_lost(f->store))
		set_readable(f, true);
	if (!f->ready) {
		uint64_t expiry = spli_feed_expiry(f);
		found->all_ready = false;
		found->more |= f->more;
		if (expiry && (!found->expiry || expiry < found->expiry))
			found->expiry = expiry;
	}
	pthread_mutex_unlock(&f->mutex);
}

static void
look_at_all(spl_store *s, struct rounds *found)
{
	found->all_ready = true;
	found->more = false;
	found->expiry = 0;
	pthread_mutex_lock(&s->feed_mutex);
	for (spl_feed *f = s->feeds; f; f = f->next)
		look_at(f, found);
	pthread_mutex_unlock(&s->feed_mutex);
}

void
spli_notify_all(spl_store *s)
{
	pthread_mutex_lock(&s->feed_mutex);
	for (spl_feed *f = s->feeds; f; f = f->next) {
		pthread_mutex_lock(&f->mutex);
		spli_notify_settle(f);
		pthread_mutex_unlock(&f->mutex);
	}
	pthread_mutex_unlock(&s->feed_mutex);
}

static void
sleep_until_kicked(spl_store *s, uint32_t kicks)
{
	syscall(SYS_futex, &s->notifier.kicks, FUTEX_WAIT_PRIVATE, kicks, NULL,
		NULL, 0);
}

static void
sleep_on_ring(
	spl_store *s, uint64_t tail, uint32_t kicks, const struct rounds *found)
{
	const struct spli_stop stop = {&s->notifier.kicks, kicks};
	struct spli_watch watch = {&s->feed->tail, tail, &s->feed->waiters};
	uint64_t now = spli_now_ns();
	uint64_t until = spli_look_again_ns(s, now);
	uint64_t expiry = spli_expiry_ns(s, found->expiry, now);

	if (s->read_only && until > now + STEP_READ_ONLY_NS)
		until = now + STEP_READ_ONLY_NS;
	if (expiry < until)
		until = expiry;
	spli_sleep(s, &watch, 1, watch.flag, &stop, until);
}

static void *
run(void *arg)
{
	spl_store *s = arg;
	struct rounds found = {0};
	uint64_t check_ns = spli_now_ns() + CHECK_NS;

	for (;;) {
		/* Acquire: pairs with kick(). What it is about is seen. */
		uint32_t kicks = spli_load_acquire(&s->notifier.kicks);
		if (spli_load(&s->notifier.stop))
			break;
		/* Before the feeds: what they miss moves it on. */
		uint64_t tail = spli_feed_tail(s);
		if (!found.removed && spli_now_ns() >= check_ns) {
			check_ns = spli_now_ns() + CHECK_NS;
			found.removed = !spli_map_is_linked(s->fd);
		}
		look_at_all(s, &found);
		if (found.more)
			continue;
		if (found.all_ready)
			sleep_until_kicked(s, kicks);
		else
			sleep_on_ring(s, tail, kicks, &found);
	}
	spli_store_release(&s->notifier.running, false);
	return NULL;
}

/*
 * With all signals blocked, they are for the program's own threads; but for
 * SIGBUS: whoever meets a file cut short here may be able to mend it.
 */
static int
start_thread(spl_store *s)
{
	sigset_t all, former;

	s->notifier = (struct spli_notifier){.running = true};
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	int rc = pthread_create(&s->notifier.thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (rc)
		s->notifier.running = false;
	return -rc;
}

int
spli_notify_start(spl_feed *f)
{
	spl_store *s = f->store;
	int rc = 0;

	pthread_mutex_lock(&s->feed_mutex);
	if (f->fd < 0) {
		int fd = spli_map_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		if (fd < 0)
			rc = fd;
		else if (!s->notifier.running)
			rc = start_thread(s);
		if (rc && fd >= 0)
			close(fd);
		if (!rc) {
			pthread_mutex_lock(&f->mutex);
			f->fd = fd;
			spli_notify_settle(f);
			pthread_mutex_unlock(&f->mutex);
		}
	}
	if (!rc)
		rc = f->fd;
	pthread_mutex_unlock(&s->feed_mutex);
	return rc;
}

static bool
is_needed(spl_store *s)
{
	bool needed = false;

	pthread_mutex_lock(&s->feed_mutex);
	for (spl_feed *f = s->feeds; f; f = f->next)
		needed |= f->fd >= 0;
	pthread_mutex_unlock(&s->feed_mutex);
	return needed;
}

void
spli_notify_stop(spl_store *s, bool all)
{
	if (!spli_load(&s->notifier.running) || (!all && is_needed(s)))
		return;
	spli_store(&s->notifier.stop, 1);
	/* Again and again: a handle that is read-only cannot be sure that the
	 * kick meets the thread asleep. */
	while (spli_load_acquire(&s->notifier.running)) {
		kick(s, true);
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	pthread_join(s->notifier.thread, NULL);
}
