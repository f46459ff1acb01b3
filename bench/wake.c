/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes until another process knows of a change: asleep until it
 * is woken, through Splinter and through the bare kernel, and awake, looking
 * all the time, through Splinter and through a bare seqlock.
 *
 *   bench_wake [--rounds N] [--json]
 *
 * Two processes, each on a CPU of its own where there are two. In each round
 * every kind has its turn, so that all of them meet the same machine. The
 * waker sleeps for the pace, writes the time into shared memory, and wakes;
 * the waiter, awake, takes the difference to its own clock, which is the same.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum {
	ROUNDS = 2000,
	SLOWER = 10, /* of those, one in so many at the slow pace */
	BLOCK = 1000, /* rounds of looking before it is the other's turn */
	VALUE = 64
};

const char *const bench_name = "bench_wake";
static const char *const KEY = "key";

/* A seqlock around a value, and a cache line apart from all else. */
struct seqlock {
	_Alignas(64) uint64_t seq;
	uint64_t value[VALUE / 8];
};

/* Shared by both processes. */
struct share {
	_Alignas(64) uint64_t sent_ns;
	_Alignas(64) uint64_t turn; /* the turn that the waiter is waiting in */
	_Alignas(64) uint64_t done; /* the last one that it was woken in */
	_Alignas(64) uint32_t futex;
	struct seqlock ping, pong;
	int finished; /* the waiter, with everything */
};

static struct share *share;
static int event_fd;

/* One store a kind, so that none wakes what waits in another's. */
static spl_store *wait_store, *read_store, *fd_store, *look_store;
/* The waiter's. */
static uint64_t seen_epoch, seen_futex;
static spl_feed *read_feed, *fd_feed;
static int epoll_fd;

/*
 * The kinds of waking.
 */
static int
nothing(void)
{
	return 0;
}

static int
futex_wake(void)
{
	__atomic_add_fetch(&share->futex, 1, __ATOMIC_SEQ_CST);
	return syscall(SYS_futex, &share->futex, FUTEX_WAKE, 1, NULL, NULL, 0) <
			       0
		       ? -errno
		       : 0;
}

static int
futex_wait(void)
{
	uint32_t seen = (uint32_t)seen_futex;

	while (spli_load_acquire(&share->futex) == seen)
		syscall(SYS_futex, &share->futex, FUTEX_WAIT, seen, NULL, NULL,
			0);
	seen_futex = seen + 1;
	return 0;
}

static int
eventfd_wake(void)
{
	return eventfd_write(event_fd, 1) ? -errno : 0;
}

static int
eventfd_wait(void)
{
	eventfd_t count;

	return eventfd_read(event_fd, &count) ? -errno : 0;
}

static int
set_in(spl_store *store)
{
	char value[VALUE] = "";

	return spl_set(store, KEY, value, sizeof value);
}

static int
wait_wake(void)
{
	return set_in(wait_store);
}

static int
wait_wait(void)
{
	return spl_wait(wait_store, KEY, seen_epoch, UINT64_MAX, &seen_epoch);
}

static int
read_open(void)
{
	return spl_feed_open(read_store, NULL, &read_feed);
}

static int
read_wake(void)
{
	return set_in(read_store);
}

static int
read_wait(void)
{
	struct spl_event event;
	int rc = spl_feed_read(read_feed, &event, 1, UINT64_MAX);

	return rc == 1 ? 0 : rc < 0 ? rc : -EPROTO;
}

static int
fd_open(void)
{
	struct epoll_event in = {.events = EPOLLIN};
	int rc = spl_feed_open(fd_store, NULL, &fd_feed);
	int fd = rc ? rc : spl_feed_fd(fd_feed);

	if (fd < 0)
		return fd;
	epoll_fd = epoll_create1(0);
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &in) ? -errno : 0;
}

static int
fd_wake(void)
{
	return set_in(fd_store);
}

static int
fd_wait(void)
{
	struct epoll_event in;
	struct spl_event event;
	int rc;

	/* A descriptor may be readable for nothing, and it has to be read. */
	do {
		while (epoll_wait(epoll_fd, &in, 1, -1) < 0)
			;
		rc = spl_feed_read(fd_feed, &event, 1, 0);
	} while (!rc);
	return rc == 1 ? 0 : rc;
}

static const struct kind {
	const char *name, *what;
	int (*open)(void); /* by the waiter, once */
	int (*wake)(void);
	int (*wait)(void);
} kinds[] = {
	{"futex", "futex, bare", nothing, futex_wake, futex_wait},
	{"eventfd", "eventfd, bare, read(2)", nothing, eventfd_wake,
		eventfd_wait},
	{"spl_wait", "spl_set, spl_wait", nothing, wait_wake, wait_wait},
	{"spl_feed_read", "spl_set, spl_feed_read", read_open, read_wake,
		read_wait},
	{"spl_feed_fd", "spl_set, epoll, spl_feed_read", fd_open, fd_wake,
		fd_wait},
};
enum { KINDS = sizeof kinds / sizeof *kinds, FLOOR = 0 };

/*
 * Waking.
 */
struct pace {
	const char *name;
	long sleep_ns;
	uint64_t rounds;
	uint64_t *ns[KINDS]; /* shared: the waiter fills it in */
};

static struct pace paces[] = {
	{.name = "every 1 ms", .sleep_ns = 1000000},
	{.name = "every 20 ms", .sleep_ns = 20000000},
};
enum { PACES = sizeof paces / sizeof *paces };

static void *
shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap", -errno);
	return p;
}

static void
waiter_turn(const struct kind *kind, uint64_t *ns)
{
	uint64_t turn = spli_load(&share->turn) + 1;

	spli_store_release(&share->turn, turn);
	int rc = kind->wait();
	uint64_t woken = now_ns();
	if (rc)
		die(kind->what, rc);
	*ns = woken - spli_load_acquire(&share->sent_ns);
	spli_store_release(&share->done, turn);
}

static void
waker_turn(const struct kind *kind, uint64_t turn, long sleep_ns)
{
	/* Only then does the pace begin: it will be asleep. */
	while (spli_load_acquire(&share->turn) < turn)
		sched_yield();
	nanosleep(&(struct timespec){.tv_nsec = sleep_ns}, NULL);
	spli_store_release(&share->sent_ns, now_ns());
	int rc = kind->wake();
	if (rc)
		die(kind->what, rc);
	while (spli_load_acquire(&share->done) < turn)
		sched_yield();
}

static void
waiter_wakes(void)
{
	seen_futex = share->futex;
	for (size_t k = 0; k < KINDS; k++) {
		int rc = kinds[k].open();
		if (rc)
			die(kinds[k].what, rc);
	}
	for (struct pace *p = paces; p < paces + PACES; p++)
		for (uint64_t i = 0; i < p->rounds; i++)
			for (size_t k = 0; k < KINDS; k++)
				waiter_turn(&kinds[k], &p->ns[k][i]);
	spl_feed_close(read_feed);
	spl_feed_close(fd_feed);
}

static void
waker_wakes(void)
{
	uint64_t turn = 0;

	for (struct pace *p = paces; p < paces + PACES; p++)
		for (uint64_t i = 0; i < p->rounds; i++)
			for (size_t k = 0; k < KINDS; k++)
				waker_turn(&kinds[k], ++turn, p->sleep_ns);
}

/*
 * Looking: a round trip between two that never sleep.
 */
struct looks {
	const char *name, *what;
	void (*put)(bool pong, uint64_t n);
	uint64_t (*get)(bool pong);
	uint64_t *ns; /* the waker's */
};

static void
seqlock_put(bool pong, uint64_t n)
{
	struct seqlock *l = pong ? &share->pong : &share->ping;
	uint64_t seq = spli_load(&l->seq);

	spli_store(&l->seq, seq + 1);
	spli_fence_release();
	for (size_t i = 0; i < VALUE / 8; i++)
		spli_store(&l->value[i], n);
	spli_store_release(&l->seq, seq + 2);
}

static uint64_t
seqlock_get(bool pong)
{
	struct seqlock *l = pong ? &share->pong : &share->ping;
	uint64_t value[VALUE / 8], seq;

	do {
		seq = spli_load_acquire(&l->seq);
		for (size_t i = 0; i < VALUE / 8; i++)
			value[i] = spli_load(&l->value[i]);
		spli_fence_acquire();
	} while (seq & 1 || spli_load(&l->seq) != seq);
	return value[0];
}

static spl_ref *refs[2];

static void
spl_put(bool pong, uint64_t n)
{
	uint64_t value[VALUE / 8] = {n};
	int rc = spl_ref_set(refs[pong], value, sizeof value);

	if (rc)
		die("spl_ref_set", rc);
}

static uint64_t
spl_look(bool pong)
{
	uint64_t value[VALUE / 8];
	int rc = spl_ref_get(refs[pong], value, sizeof value, NULL);

	if (rc)
		die("spl_ref_get", rc);
	return value[0];
}

static struct looks looks[] = {
	{.name = "seqlock",
		.what = "seqlock, bare",
		.put = seqlock_put,
		.get = seqlock_get},
	{.name = "spl_ref",
		.what = "spl_ref_set, spl_ref_get",
		.put = spl_put,
		.get = spl_look},
};
enum { LOOKS = sizeof looks / sizeof *looks };
static uint64_t look_rounds;

static void
look_until(const struct looks *l, bool pong, uint64_t n)
{
	while (l->get(pong) != n)
		spli_pause();
}

/* Both sides: one begins, the other answers. */
static void
look_play(bool begins)
{
	for (uint64_t at = 0; at < look_rounds; at += BLOCK)
		for (struct looks *l = looks; l < looks + LOOKS; l++)
			for (uint64_t i = at; i < at + BLOCK; i++) {
				uint64_t began = now_ns();
				if (begins)
					l->put(false, i + 1);
				look_until(l, begins, i + 1);
				if (!begins)
					l->put(true, i + 1);
				else
					l->ns[i] = now_ns() - began;
			}
}

/*
 * Reporting.
 */
static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double
percentile(const uint64_t *sorted, uint64_t count, unsigned percent)
{
	return (double)sorted[(count - 1) * percent / 100];
}

struct row {
	const char *name, *what;
	double p50, p99, floor50, floor99; /* the floor: to what it compares */
};

static struct row
row(const char *name, const char *what, uint64_t *ns, uint64_t count,
	const struct row *floor)
{
	struct row r = {.name = name, .what = what};

	qsort(ns, count, sizeof *ns, compare);
	r.p50 = percentile(ns, count, 50);
	r.p99 = percentile(ns, count, 99);
	r.floor50 = floor ? floor->p50 : r.p50;
	r.floor99 = floor ? floor->p99 : r.p99;
	return r;
}

static void
print_row(const struct row *r, bool json, bool first)
{
	double times50 = r->p50 / (r->floor50 > 0 ? r->floor50 : 1);
	double times99 = r->p99 / (r->floor99 > 0 ? r->floor99 : 1);

	if (json)
		printf("%s\n    {\"kind\": \"%s\", \"p50_ns\": %.0f, "
		       "\"p99_ns\": %.0f, \"p50_ratio\": %.3f, "
		       "\"p99_ratio\": %.3f}",
			first ? "" : ",", r->name, r->p50, r->p99, times50,
			times99);
	else
		printf("  %-32s %9.2f %9.2f   %6.2f x %6.2f x\n", r->what,
			r->p50 / 1e3, r->p99 / 1e3, times50, times99);
}

static void
print_head(const char *key, const char *title, uint64_t rounds, bool json)
{
	if (json)
		printf(",\n  \"%s\": {\"rounds\": %" PRIu64 ", \"kinds\": [",
			key, rounds);
	else
		printf("\n%s, %" PRIu64 " rounds\n  %-32s %9s %9s   %15s\n",
			title, rounds, "", "p50 us", "p99 us", "to the first");
}

static void
report_wakes(bool json)
{
	static const char *const keys[PACES] = {"wake_1ms", "wake_20ms"};
	char title[96];

	for (size_t i = 0; i < PACES; i++) {
		struct pace *p = &paces[i];
		struct row floor = {0};
		snprintf(title, sizeof title,
			"Waking a process that sleeps, one way, %s", p->name);
		print_head(keys[i], title, p->rounds, json);
		for (size_t k = 0; k < KINDS; k++) {
			struct row r = row(kinds[k].name, kinds[k].what,
				p->ns[k], p->rounds, k > FLOOR ? &floor : NULL);
			if (k == FLOOR)
				floor = r;
			print_row(&r, json, k == 0);
		}
		if (json)
			printf("\n  ]}");
	}
}

static void
report_looks(bool json)
{
	struct row floor = {0};

	print_head("look",
		"Two processes that look all the time, there and back",
		look_rounds, json);
	for (size_t i = 0; i < LOOKS; i++) {
		struct row r = row(looks[i].name, looks[i].what, looks[i].ns,
			look_rounds, i ? &floor : NULL);
		if (!i)
			floor = r;
		print_row(&r, json, i == 0);
	}
	if (json)
		printf("\n  ]}");
}

static void
report(const size_t *cpus, bool json)
{
	char model[200], pinned[64];
	struct utsname un;

	uname(&un);
	cpu_model(model, sizeof model);
	snprintf(pinned, sizeof pinned, "%zu and %zu", cpus[0], cpus[1]);
	if (json) {
		printf("{\n  \"splinter\": \"%s\", \"cpu\": \"%s\", "
		       "\"cpus\": [%zu, %zu], \"system\": \"%s %s %s\"",
			spl_version(), model, cpus[0], cpus[1], un.sysname,
			un.release, un.machine);
	} else {
		printf("Splinter %s on %s, CPUs %s; %s %s %s\n", spl_version(),
			model, cpus[0] == cpus[1] ? "one" : pinned, un.sysname,
			un.release, un.machine);
		printf("Values of %d bytes; times in microseconds.\n", VALUE);
	}
	report_wakes(json);
	if (cpus[0] != cpus[1])
		report_looks(json);
	else if (!json)
		printf("\nNo two CPUs, so nobody looks all the time.\n");
	if (json)
		printf("\n}\n");
}

/*
 * Both processes.
 */
static spl_store *
store_new(void)
{
	struct spl_options o;
	spl_store *store = NULL;

	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = 16;
	int rc = spl_create("bench", &o, &store);
	rc = rc ? rc : spl_set(store, KEY, "", 0);
	if (rc)
		die("a store", rc);
	return store;
}

static void
make_shared(uint64_t rounds, bool looking)
{
	struct spl_key_stat stat;

	share = shared(sizeof *share);
	event_fd = eventfd(0, EFD_CLOEXEC);
	wait_store = store_new();
	read_store = store_new();
	fd_store = store_new();
	look_store = store_new();
	spl_stat(wait_store, KEY, &stat);
	seen_epoch = stat.epoch;
	look_rounds = looking ? (rounds * 50 + BLOCK - 1) / BLOCK * BLOCK : 0;
	for (size_t i = 0; i < PACES; i++) {
		paces[i].rounds = i ? (rounds + SLOWER - 1) / SLOWER : rounds;
		for (size_t k = 0; k < KINDS; k++)
			paces[i].ns[k] =
				shared(paces[i].rounds * sizeof(uint64_t));
	}
	for (size_t i = 0; i < LOOKS && looking; i++)
		looks[i].ns = shared(look_rounds * sizeof(uint64_t));
	uint64_t zeros[VALUE / 8] = {0};
	if (spl_set(look_store, "ping", zeros, sizeof zeros) ||
		spl_set(look_store, "pong", zeros, sizeof zeros) ||
		spl_ref_open(look_store, "ping", &refs[0]) ||
		spl_ref_open(look_store, "pong", &refs[1]))
		die("references", -ENOMEM);
}

static void
waiter_ended(int number)
{
	(void)number;
	if (!spli_load_acquire(&share->finished))
		_exit(1);
}

int
main(int argc, char **argv)
{
	uint64_t rounds = ROUNDS;
	size_t cpus[2];
	int status = 0;
	bool json = false;

	options_read(argc, argv, "wakes of each kind at the fast pace", &rounds,
		&json);
	if (cpus_find(cpus, 2) == 1)
		cpus[1] = cpus[0];
	make_shared(rounds, cpus[0] != cpus[1]);
	/* Each ends when the other does: neither waits for a dead one. */
	signal(SIGCHLD, waiter_ended);
	pid_t waiter = fork();
	if (waiter < 0)
		die("fork", -errno);
	if (!waiter) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(cpus[1]);
		waiter_wakes();
		look_play(false);
		spli_store_release(&share->finished, 1);
		_exit(0);
	}
	pin(cpus[0]);
	waker_wakes();
	look_play(true);
	waitpid(waiter, &status, 0);
	report(cpus, json);
	return status != 0;
}
