/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - descriptors of feeds: readable when there is something, and only
 * then.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hear.h"

enum { SOON_MS = 30000 };

/* ThreadSanitizer ends a child of several threads that starts one. */
#if defined(__SANITIZE_THREAD__)
#define CHILD_HAS_THREADS false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILD_HAS_THREADS false
#endif
#endif
#ifndef CHILD_HAS_THREADS
#define CHILD_HAS_THREADS true
#endif

/* Entries of a directory of /proc, without what reading it takes. */
static int
count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int
threads(void)
{
	return count_entries("/proc/self/task");
}

static int
descriptors(void)
{
	return count_entries("/proc/self/fd");
}

/* A thread that has been joined may be listed for a moment. */
static bool
until_threads(int count)
{
	for (unsigned i = 0; i < 100000 && threads() != count; i++)
		unit_moment();
	return threads() == count;
}

static void
exactly_then(uint32_t kind, uint32_t flags)
{
	int before = descriptors(), alone = threads();
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, flags);
	spl_feed *f = hear_flags(again, SPL_FEED_VALUES);
	CHECK(threads() == alone, "no thread without a descriptor");
	int fd = spl_feed_fd(f);

	CHECK(fd >= 0 && spl_feed_fd(f) == fd, "the same with each call");
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC, "close-on-exec");
	CHECK(threads() == alone + 1, "one thread");
	CHECK(!hear_readable(fd, 0), "nothing to tell");
	unit_set(s, "a", "1");
	CHECK(hear_readable(fd, SOON_MS), "something to tell");
	CHECK(hear_readable(fd, 0), "until it is read");
	unit_set(s, "b", "2");
	CHECK(hear_value(f, SPL_CREATED, "a", "1") && hear_readable(fd, 0),
		"one is read, one is left");
	CHECK(hear_value(f, SPL_CREATED, "b", "2") && !hear_readable(fd, 0),
		"none is left");
	spl_set_ttl(s, "a", "3", 1, 30);
	CHECK(hear_readable(fd, SOON_MS) && hear(f, SPL_CHANGED, "a"),
		"a change");
	CHECK(hear_readable(fd, SOON_MS) &&
			hear_value(f, SPL_EXPIRED, "a", "3") &&
			!hear_readable(fd, 0),
		"expiry makes it readable");
	CHECK(hear_adds_up(f) && hear_info(f).events == 4, "counted");
	for (unsigned i = 0; i <= 2 * s->geo.feed_len; i++)
		unit_set(s, "b", "");
	CHECK(hear_readable(fd, SOON_MS), "far behind");
	int n = 0;
	while (hear_readable(fd, 0) && spl_feed_read(f, &heard, 1, 0) == 1)
		n++;
	CHECK(n >= 3 && heard.what == SPL_SYNCED && !hear_readable(fd, 0),
		"until it has caught up");
	spl_feed_close(f);
	CHECK(until_threads(alone), "the thread ends with the last feed");
	f = hear_flags(again, SPL_FEED_SNAPSHOT);
	fd = spl_feed_fd(f);
	CHECK(hear_readable(fd, 0) && hear(f, SPL_PRESENT, "b"), "a snapshot");
	CHECK(hear_readable(fd, 0) && hear_end(f) && !hear_readable(fd, 0),
		"its end");
	spl_close(again);
	CHECK(hear_readable(fd, 0),
		"readable for ever when its store is closed");
	CHECK_RC(spl_feed_read(f, &heard, 1, 0), -EBADF);
	CHECK(hear_readable(fd, 0) && until_threads(alone), "without a thread");
	spl_feed_close(f);
	unit_drop(s);
	CHECK(descriptors() == before, "no descriptor is left");
}

/* Any mix of reads and writes, and a poll that says what is so. */
static void
at_random(uint32_t flags)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_flags(s, flags);
	uint64_t random = tap_seed();
	struct spl_event events[16];
	unsigned wrong = 0, told = 0;
	int fd = spl_feed_fd(f);

	for (unsigned i = 0; i < tap_scale(20000, 1000); i++) {
		uint64_t r = tap_random(&random);
		char key[4];
		unit_text(key, sizeof key, "%u", (unsigned)(r >> 8) % 6);
		if (r % 5 == 0)
			spl_unset(s, key);
		if (r % 5 == 1)
			unit_set(s, key, "");
		if (r % 5 > 1) {
			bool was = hear_readable(fd, 0);
			int n = spl_feed_read(f, events, 1 + (r >> 20) % 16, 0);
			told += (unsigned)n;
			wrong += n < 0 || (was && n == 0);
		}
		/* Just after a read all is known. */
		if (r % 5 == 4) {
			bool now = hear_readable(fd, 0);
			wrong += now != (spl_feed_read(f, events, 1, 0) == 1);
			told += now;
		}
	}
	wrong += hear_info(f).behind && !hear_readable(fd, SOON_MS);
	CHECK(!wrong, "a random mix, %u events", told);
	spl_feed_close(f);
	unit_drop(s);
}

/* With epoll, by level and by edge. */
static void
epolled(uint32_t mode)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event want = {.events = EPOLLIN | mode}, got;
	unsigned wrong = 0;

	wrong += epoll_ctl(ep, EPOLL_CTL_ADD, spl_feed_fd(f), &want) != 0;
	wrong += epoll_wait(ep, &got, 1, 0) != 0;
	for (unsigned i = 0; i < tap_scale(300, 50); i++) {
		unit_set(s, "a", "");
		unit_set(s, "b", "");
		wrong += epoll_wait(ep, &got, 1, SOON_MS) != 1;
		/* Once for each time that it becomes readable, or always. */
		wrong += spl_feed_read(f, &heard, 1, 0) != 1;
		wrong += epoll_wait(ep, &got, 1, 0) != (mode ? 0 : 1);
		while (spl_feed_read(f, &heard, 1, 0) == 1)
			;
		if (!mode)
			wrong += epoll_wait(ep, &got, 1, 0) != 0;
	}
	CHECK(!wrong, "epoll, %s-triggered", mode ? "edge" : "level");
	close(ep);
	spl_feed_close(f);
	unit_drop(s);
}

static void
many_feeds(void)
{
	enum { FEEDS = 100 };
	int before = descriptors(), alone = threads();
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *feeds[FEEDS];
	uint64_t random = tap_seed();
	unsigned wrong = 0;

	for (int i = 0; i < FEEDS; i++) {
		feeds[i] = hear_open(s, NULL);
		wrong += spl_feed_fd(feeds[i]) < 0;
	}
	CHECK(!wrong && threads() == alone + 1, "%d feeds, one thread", FEEDS);
	unit_set(s, "k", "1");
	for (int i = 0; i < FEEDS; i++)
		wrong += !hear_readable(spl_feed_fd(feeds[i]), SOON_MS);
	CHECK(!wrong, "all are readable");
	for (int i = 0; i < FEEDS; i += 2)
		wrong += !hear(feeds[i], SPL_CREATED, "k");
	for (int i = 0; i < FEEDS; i++)
		wrong +=
			hear_readable(spl_feed_fd(feeds[i]), 0) != (i % 2 == 1);
	CHECK(!wrong, "but for those that were read");
	/* In any order, some with something to tell. */
	for (int left = FEEDS; left > 1; left--) {
		unsigned at = (unsigned)(tap_random(&random) % (unsigned)left);
		spl_feed_close(feeds[at]);
		feeds[at] = feeds[left - 1];
		if (left % 8 == 0)
			unit_set(s, "k", "");
		wrong += threads() != alone + 1;
	}
	CHECK(!wrong, "closed in any order");
	unit_set(s, "l", "");
	CHECK(hear_readable(spl_feed_fd(feeds[0]), SOON_MS),
		"the last one works");
	spl_feed_close(feeds[0]);
	CHECK(until_threads(alone), "the thread ends with it");
	unit_drop(s);
	CHECK(descriptors() == before, "no descriptor is left");
}

/* While a writer goes on. */
static int stop;

static void *
write_on(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		unit_set(arg, "k", "");
	return NULL;
}

static void
come_and_go(void)
{
	int before = descriptors(), alone = threads();
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	pthread_t writer;
	unsigned wrong = 0;

	stop = 0;
	pthread_create(&writer, NULL, write_on, s);
	for (unsigned i = 0; i < tap_scale(200, 30); i++) {
		spl_store *again = unit_again(s, i % 2 ? SPL_READ_ONLY : 0);
		spl_feed *a = hear_open(again, NULL),
			 *b = hear_open(again, NULL);
		wrong += spl_feed_fd(a) < 0;
		wrong += !hear_readable(spl_feed_fd(a), SOON_MS);
		if (i % 3)
			wrong += spl_feed_fd(b) < 0;
		if (i % 5 == 0)
			spl_feed_close(a);
		spl_close(again);
		if (i % 5)
			spl_feed_close(a);
		spl_feed_close(b);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	CHECK(!wrong && until_threads(alone),
		"feeds come and go beside writes");
	unit_drop(s);
	CHECK(descriptors() == before, "no descriptor is left");
}

/* Signals are for the program's own threads. */
static void
signals_are_blocked(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	char path[64], line[128];
	unsigned long long blocked = 0;
	long me = getpid();
	struct dirent *entry;

	int fd = spl_feed_fd(f);
	/* Until it runs, all are blocked by who creates it. */
	unit_set(s, "k", "");
	CHECK(hear_readable(fd, SOON_MS), "the thread runs");
	DIR *dir = opendir("/proc/self/task");
	while (dir && (entry = readdir(dir))) {
		if (atol(entry->d_name) <= 0 || atol(entry->d_name) == me)
			continue;
		unit_text(path, sizeof path, "/proc/self/task/%.20s/status",
			entry->d_name);
		FILE *status = fopen(path, "re");
		while (status && fgets(line, sizeof line, status))
			if (!strncmp(line, "SigBlk:", 7))
				blocked |= strtoull(line + 7, NULL, 16);
		if (status)
			fclose(status);
	}
	closedir(dir);
	/* Nobody can block two of them, and a store's fault may be mended. */
	blocked |= UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1) |
		   UINT64_C(1) << (SIGBUS - 1);
	CHECK((uint32_t)(blocked << 1) == ~UINT32_C(1),
		"the thread blocks signals");
	spl_feed_close(f);
	unit_drop(s);
}

static void
ask_again(void *arg)
{
	spl_feed *f = arg;
	int alone = threads(), fd = spl_feed_fd(f);

	EXPECT(fd >= 0 && threads() == alone + 1);
	EXPECT(hear_readable(fd, SOON_MS) && hear(f, SPL_CREATED, "before"));
	EXPECT(!hear_readable(fd, 0));
	unit_post(0, 1);
	EXPECT(hear_readable(fd, SOON_MS) &&
		hear_soon(f, SPL_CREATED, "after"));
	EXPECT(!hear_readable(fd, 0));
	unit_post(0, 2);
	spl_feed_close(f);
	EXPECT(until_threads(alone));
}

static void
children_ask_again(uint32_t kind)
{
	if (!CHILD_HAS_THREADS) {
		unit_skip("a child asks for its own descriptor",
			"ThreadSanitizer");
		return;
	}
	spl_store *s = unit_store(kind, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	int fd = spl_feed_fd(f);

	unit_set(s, "before", "");
	CHECK(hear_readable(fd, SOON_MS), "something to tell");
	unit_board_clear();
	struct unit_child c = unit_fork(ask_again, f);
	unit_await(0, 1);
	CHECK(hear_readable(fd, 0), "the child's reading is its own");
	unit_set(s, "after", "");
	unit_await(0, 2);
	CHECK(hear(f, SPL_CREATED, "before") && hear_readable(fd, 0) &&
			hear(f, SPL_CREATED, "after") && !hear_readable(fd, 0),
		"the parent's goes on");
	CHECK(!unit_join(&c), "a child asks for its own descriptor");
	spl_feed_close(f);
	unit_drop(s);
}

static int
read_one(spl_feed *f)
{
	struct spl_event event;

	return spl_feed_read(f, &event, 1, 0);
}

/* What would end a read makes the descriptor readable as well. */
static void
ends_are_readable(void)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	const char *name = unit_name();
	spl_store *s;
	int rc;

	CHECK_RC(spl_create(name, &o, &s), 0);
	spl_feed *f = hear_open(s, NULL);
	int fd = spl_feed_fd(f);
	spl_cancel_waits(s, 1);
	CHECK(hear_readable(fd, 0) && read_one(f) == -ECANCELED &&
			hear_readable(fd, 0),
		"readable while waits are cancelled");
	spl_cancel_waits(s, 0);
	CHECK(!hear_readable(fd, 0) && read_one(f) == 0, "and no longer");
	spl_destroy(name, TEST_KIND);
	while ((rc = spl_wait(s, "absent", 0, 1, NULL)) == -ETIMEDOUT)
		unit_moment();
	CHECK_RC(rc, -EIDRM);
	CHECK(hear_readable(fd, SOON_MS) && read_one(f) == -EIDRM,
		"a name that is gone is told to each, whoever noticed first");
	CHECK(!hear_readable(fd, 0) && read_one(f) == 0, "and once");
	unit_set(s, "k", "");
	CHECK(hear_readable(fd, SOON_MS) && hear(f, SPL_CREATED, "k"),
		"the feed goes on");
	spl_feed_close(f);
	CHECK_RC(spl_close(s), 0);
}

/*
 * Before the thread looks again anyway, which is a second later; also where
 * the feed that it looks at last has nothing that expires.
 */
static void
expiry_at_once(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;
	spl_feed_options_init(&o);
	o.key = "another";
	spl_feed *last = hear_open(s, &o), *f = hear_flags(s, 0);
	int fd = spl_feed_fd(f);
	bool in_time = spl_feed_fd(last) < 0;

	/* Ten times, for a machine with other things to do; and once before,
	 * which ends with that look if it is what tells. */
	for (int i = 0; i < 11 && !in_time; i++) {
		uint64_t from = unit_now_ms();
		spl_set_ttl(s, "k", "v", 1, 20);
		spl_feed_read(f, &heard, 1, SOON_MS);
		in_time = hear_readable(fd, 900) && i &&
			  unit_now_ms() - from < 900;
		spl_feed_read(f, &heard, 1, SOON_MS);
	}
	CHECK(in_time && heard.what == SPL_EXPIRED, "expiry is told at once");
	spl_feed_close(f);
	spl_feed_close(last);
	unit_drop(s);
}

void
test_notify(void)
{
	for (int i = 0; i < 2; i++) {
		exactly_then(unit_kinds[i], 0);
		exactly_then(unit_kinds[i], SPL_READ_ONLY);
		children_ask_again(unit_kinds[i]);
	}
	at_random(0);
	at_random(SPL_FEED_VALUES);
	epolled(0);
	epolled(EPOLLET);
	many_feeds();
	come_and_go();
	ends_are_readable();
	expiry_at_once();
	signals_are_blocked();
}
