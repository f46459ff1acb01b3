/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost. Two processes play ping-pong through a store: the
 * writer sets a key, the waiter, who waits for it, alone or among many,
 * answers under another, for which the writer waits. A third, the watchdog,
 * stops them and kills them at random moments, starts who was killed again, and
 * looks for the one thing that must not be: a process that sleeps on, in the
 * very same sleep, although what it waits for was set by a call that has
 * returned. (The look that waiters take every second would hide it.)
 *
 *   fault_wake [ROUNDS [VARIANT]]     all variants whose name begins so
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "store.h"
#include "tap.h"

TAP_MAIN

enum {
	KEYS_MAX = 1000,
	ENOUGH = 8, /* of stops and of kills, at least */
	/* As long as this in one sleep: nobody has woken him. */
	LOST_MS = 500,
	LOST_MAX = 5, /* of a variant: each takes a second */
	LATE_MS = 1500 /* more than the look explains; only printed */
};

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Of a variant. */
enum {
	ABSENT = 1, /* the writer removes keys as well */
	NO_WAITV = 2, /* the kernel has no futex_waitv(2) */
	SIGNALS = 4, /* 5,000 a second hit the waiter */
	READ_ONLY = 8, /* the waiter waits read-only; the store wakes always */
	BYSTANDER =
		16 /* somebody else begins waits for the same all the time */
};

struct variant {
	const char *name;
	unsigned keys;
	unsigned flags;
};

/* A player, in memory shared by all three. */
struct player {
	int pid;
	uint64_t begun, done; /* the ball that it played: before, and after */
	uint64_t done_ns;
	uint64_t seen; /* the last ball of the other's that it got */
	uint64_t waits; /* odd in a wait */
	uint64_t since[KEYS_MAX]; /* what it waits for, while waits is odd */
};

struct game {
	struct player writer, waiter;
	uint64_t rounds, worst_ns, late, signals;
	int enough; /* stops and kills */
	int over, failed;
};

/* What the watchdog saw of a player that ought to be awake. */
struct suspect {
	uint64_t ball, waits, since_ns;
	unsigned long switches;
	bool counted;
};

struct tally {
	unsigned long stops, kills, orphans, lost;
};

static const struct variant variants[] = {
	{"one key", 1, 0},
	{"one key, removed at times", 1, ABSENT},
	{"one key, signals", 1, SIGNALS},
	{"one key, read-only", 1, READ_ONLY},
	{"128 keys", 128, 0},
	{"128 keys, removed at times", 128, ABSENT},
	{"128 keys, no futex_waitv", 128, NO_WAITV},
	{"128 keys, no futex_waitv, removed at times", 128, NO_WAITV | ABSENT},
	{"128 keys, signals", 128, SIGNALS},
	{"128 keys, read-only", 128, READ_ONLY},
	{"129 keys", 129, 0},
	{"129 keys, removed at times", 129, ABSENT},
	{"129 keys, read-only", 129, READ_ONLY},
	{"one key, read-only, bystander", 1, READ_ONLY | BYSTANDER},
	{"one key, bystander", 1, BYSTANDER},
	{"2 keys, bystander", 2, BYSTANDER},
	{"129 keys, read-only, bystander", 129, READ_ONLY | BYSTANDER},
	{"1000 keys", 1000, 0},
};

static char key_names[KEYS_MAX][16];
static const char *const PONG = "pong";

static spl_store *store;
static const struct variant *variant;
static uint64_t rounds_wanted;
static struct game *game;
static struct suspect suspects[2];
static struct tally tally;

/* Its store, ring and players are gone with it, however it ends. */
static void
fail(const char *what, int rc)
{
	fprintf(stderr, "# %s: %s: %s\n", variant->name, what, strerror(-rc));
	spli_store_release(&game->failed, 1);
	_exit(3);
}

static uint64_t
epoch_of(const char *key)
{
	struct spl_key_stat stat;
	int rc = spl_stat(store, key, &stat);

	if (rc && rc != -ENOENT)
		fail("spl_stat", rc);
	return rc ? 0 : stat.epoch;
}

/* Nothing, or give way, or some dozen microseconds of work. */
static void
stall(uint64_t *random)
{
	uint64_t r = tap_random(random);

	if (r % 4 == 0)
		sched_yield();
	else if (r % 4 == 1)
		for (uint64_t i = (r >> 8) % 2000; i; i--)
			spli_pause();
}

/*
 * The players.
 */
static void
play(struct player *me, const char *key, bool unset)
{
	uint64_t ball = spli_load(&me->begun) + 1;

	spli_store_release(&me->begun, ball);
	int rc = unset ? (int)spl_unset(store, key)
		       : spl_set(store, key, &ball, sizeof ball);
	if (rc < 0)
		fail(unset ? "spl_unset" : "spl_set", rc);
	spli_store(&me->done_ns, spli_now_ns());
	/* From now on the other has to be awake. */
	spli_store_release(&me->done, ball);
}

static void
wait_begins(struct player *me)
{
	spli_store_release(&me->waits, spli_load(&me->waits) + 1);
}

static void
wait_ends(struct player *me, const struct player *other)
{
	uint64_t ball = spli_load_acquire(&other->begun);
	uint64_t now = spli_now_ns();

	/* Unless he is still on his way out of the call. */
	if (spli_load_acquire(&other->done) == ball) {
		uint64_t took = now - spli_load(&other->done_ns);
		if ((int64_t)took > (int64_t)game->worst_ns)
			game->worst_ns = took;
		if ((int64_t)took > LATE_MS * INT64_C(1000000))
			game->late++;
	}
	spli_store_release(&me->seen, ball);
	spli_store_release(&me->waits, spli_load(&me->waits) + 1);
}

/* Not before the waiter waits: each ball is answered before the next. */
static void
writer_main(uint64_t random)
{
	struct player *me = &game->writer;

	me->since[0] = epoch_of(PONG);
	while (game->rounds < rounds_wanted || !spli_load(&game->enough)) {
		uint64_t now, r = tap_random(&random);
		const char *key = key_names[(r >> 8) % variant->keys];
		bool unset = variant->flags & ABSENT && r % 2 && epoch_of(key);
		stall(&random);
		play(me, key, unset);
		stall(&random);
		wait_begins(me);
		int rc = spl_wait(store, PONG, me->since[0], UINT64_MAX, &now);
		if (rc)
			fail("spl_wait", rc);
		wait_ends(me, &game->waiter);
		me->since[0] = now;
		game->rounds++;
	}
	spli_store_release(&game->over, 1);
	_exit(0);
}

static void
count_signal(int number)
{
	(void)number;
	game->signals++;
}

static void
bring_signals(void)
{
	struct sigaction action = {.sa_handler = count_signal};
	struct itimerval often = {{0, 200}, {0, 200}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* As on a kernel before 5.16. */
static void
take_futex_waitv(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof code / sizeof *code, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		fail("prctl", -errno);
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) != -1 ||
		errno != ENOSYS)
		fail("the filter does nothing", -errno);
}

static void
await_keys(spl_store *s, struct spl_pollkey *keys)
{
	struct player *me = &game->waiter;
	uint64_t now = keys[0].epoch;
	int rc;

	wait_begins(me);
	if (variant->keys == 1)
		rc = spl_wait(s, keys[0].key, now, UINT64_MAX, &now);
	else
		rc = spl_wait_many(s, keys, variant->keys, UINT64_MAX);
	if (rc < 0)
		fail("waiting", rc);
	wait_ends(me, &game->writer);
	if (variant->keys == 1)
		keys[0].epoch = now;
	else if (rc != 1)
		fail("more or less than the one key was ready", -EINVAL);
}

static void
waiter_main(uint64_t random)
{
	static struct spl_pollkey keys[KEYS_MAX];
	struct player *me = &game->waiter;
	struct spl_options o;
	spl_store *s = store;

	spl_options_init(&o);
	o.flags = SPL_READ_ONLY;
	int rc = variant->flags & READ_ONLY ? spl_open_fd(spl_fd(store), &o, &s)
					    : 0;
	if (rc)
		fail("spl_open_fd", rc);
	if (variant->flags & NO_WAITV)
		take_futex_waitv();
	if (variant->flags & SIGNALS)
		bring_signals();
	for (unsigned i = 0; i < variant->keys; i++) {
		keys[i].key = key_names[i];
		keys[i].epoch = epoch_of(key_names[i]);
	}
	for (;;) {
		for (unsigned i = 0; i < variant->keys; i++)
			me->since[i] = keys[i].epoch;
		play(me, PONG, false);
		stall(&random);
		await_keys(s, keys);
		stall(&random);
	}
}

/*
 * Waits for the same, too, for a moment each time: makes flags odd, is woken,
 * or sleeps while others are.
 */
static void
bystander_main(uint64_t random)
{
	static struct spl_pollkey keys[KEYS_MAX];

	for (unsigned i = 0; i < variant->keys; i++)
		keys[i].key = key_names[i];
	for (;;) {
		int rc = variant->keys == 1
				 ? spl_wait(store, keys[0].key, keys[0].epoch,
					   1, &keys[0].epoch)
				 : spl_wait_many(store, keys, variant->keys, 1);
		if (rc < 0 && rc != -ETIMEDOUT)
			fail("the bystander's wait", rc);
		stall(&random);
	}
}

static int
bystander_start(uint64_t *random)
{
	uint64_t seed = tap_random(random);
	int pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bystander_main(seed);
	return 0;
}

/*
 * The watchdog.
 */
static void
start(struct player *p, uint64_t *random)
{
	uint64_t seed = tap_random(random);
	struct player *other =
		p == &game->writer ? &game->waiter : &game->writer;

	/* What there was for a dead one is none of a new one's. */
	spli_store(&p->seen, spli_load(&other->begun));
	spli_store(&p->waits, spli_load(&p->waits) + (p->waits & 1));
	int pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* An open repairs what a dead one left; an inherited handle
		 * meets it on its way. */
		int rc =
			seed % 2 ? spl_open_fd(spl_fd(store), NULL, &store) : 0;
		if (rc)
			fail("spl_open_fd", rc);
		if (p == &game->writer)
			writer_main(seed);
		waiter_main(seed);
	}
	if (pid < 0)
		fail("fork", -errno);
	p->pid = pid;
}

/* In a wait, and there is nothing new for it: there it stays. */
static bool
settled(const struct player *p)
{
	uint64_t waits = spli_load_acquire(&p->waits);
	bool same = waits & 1;

	if (p == &game->writer)
		same = same && spli_load(&p->since[0]) == epoch_of(PONG);
	else
		for (unsigned i = 0; same && i < variant->keys; i++)
			same = spli_load(&p->since[i]) ==
			       epoch_of(key_names[i]);
	return same && spli_load_acquire(&p->waits) == waits;
}

/* Whether it sleeps; @switches tells one sleep from another. */
static bool
asleep(int pid, unsigned long *switches)
{
	char path[64], line[128], state = '?';
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof line, f)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %lu", switches);
	}
	fclose(f);
	return state == 'S';
}

/*
 * The other's call has returned and this one sleeps: seen in the same sleep
 * twice, LOST_MS apart, it is not on its way, however loaded the machine is.
 */
static bool
watch(struct suspect *was, const struct player *p, const struct player *other)
{
	struct suspect now = {.ball = spli_load_acquire(&other->done),
		.waits = spli_load_acquire(&p->waits),
		.since_ns = spli_now_ns()};

	if (!(now.waits & 1) || spli_load_acquire(&p->seen) >= now.ball ||
		!asleep(p->pid, &now.switches)) {
		was->ball = 0;
		return false;
	}
	if (was->ball != now.ball || was->waits != now.waits ||
		was->switches != now.switches) {
		*was = now;
	} else if (!was->counted &&
		   now.since_ns - was->since_ns > LOST_MS * UINT64_C(1000000)) {
		was->counted = true;
		tally.lost++;
		printf("# %s: the %s sleeps through ball %llu\n", variant->name,
			p == &game->writer ? "writer" : "waiter",
			(unsigned long long)now.ball);
	}
	return true;
}

/* Whether somebody is suspected of having been forgotten. */
static bool
watch_both(void)
{
	bool a = watch(&suspects[0], &game->writer, &game->waiter);
	bool b = watch(&suspects[1], &game->waiter, &game->writer);

	return a || b;
}

static bool
going(void)
{
	return !spli_load_acquire(&game->over) &&
	       !spli_load_acquire(&game->failed) && tally.lost < LOST_MAX;
}

static void
pause_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

/* Its wait ends although the writer may have died before waking it. */
static void
settle(const struct player *p)
{
	uint64_t since = spli_now_ns();

	while (going() && !settled(p))
		pause_ns(100000);
	if (spli_now_ns() - since > LOST_MS * UINT64_C(1000000))
		tally.orphans++;
}

static void
kill_and_restart(struct player *p, struct player *other, uint64_t *random)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	tally.kills++;
	settle(other);
	if (going())
		start(p, random);
}

static void
disturb(uint64_t *random)
{
	uint64_t r = tap_random(random);
	struct player *p = r & 8 ? &game->writer : &game->waiter;

	if (r % 8 < 4) {
		kill(p->pid, SIGSTOP);
		pause_ns((r >> 8) % 2000000);
		kill(p->pid, SIGCONT);
		tally.stops++;
	} else if (r % 8 == 4) {
		kill_and_restart(&game->writer, &game->waiter, random);
	} else if (r % 8 == 5) {
		kill_and_restart(&game->waiter, &game->writer, random);
	}
}

static int
make_store(void)
{
	struct spl_options o;
	int rc;

	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = variant->keys + 1;
	o.max_value = 64;
	o.flags = variant->flags & READ_ONLY ? SPL_WAKE_ALWAYS : 0;
	rc = spl_create("wake", &o, &store);
	for (unsigned i = 0; !rc && i < variant->keys; i++)
		rc = spl_set(store, key_names[i], "", 0);
	return rc ? rc : spl_set(store, PONG, "", 0);
}

static void
run(uint64_t *random)
{
	int bystander = 0;

	REQUIRE(!make_store(), "%s: has a store", variant->name);
	memset(game, 0, sizeof *game);
	memset(suspects, 0, sizeof suspects);
	tally = (struct tally){0};
	start(&game->waiter, random);
	settle(&game->waiter);
	start(&game->writer, random);
	if (variant->flags & BYSTANDER)
		bystander = bystander_start(random);
	while (going()) {
		pause_ns(tap_random(random) % 2000000);
		/* A suspect is left in peace. */
		if (!watch_both() && going())
			disturb(random);
		if (tally.stops >= ENOUGH && tally.kills >= ENOUGH)
			spli_store(&game->enough, 1);
	}
	kill(game->writer.pid, SIGKILL);
	kill(game->waiter.pid, SIGKILL);
	waitpid(game->writer.pid, NULL, 0);
	waitpid(game->waiter.pid, NULL, 0);
	if (bystander) {
		kill(bystander, SIGKILL);
		waitpid(bystander, NULL, 0);
	}
	spl_close(store);
	printf("# %s: %llu rounds, worst %.3f ms, %llu later than %d ms; %lu "
	       "stops, %lu kills, %lu left to the look; %llu signals\n",
		variant->name, (unsigned long long)game->rounds,
		(double)game->worst_ns / 1e6, (unsigned long long)game->late,
		LATE_MS, tally.stops, tally.kills, tally.orphans,
		(unsigned long long)game->signals);
	CHECK(!game->failed, "%s: every wait ends, and well", variant->name);
	CHECK(!tally.lost, "%s: %lu wake-ups lost", variant->name, tally.lost);
	if (variant->flags & SIGNALS)
		CHECK(game->signals, "%s: signals came", variant->name);
}

int
main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : "";
	uint64_t random;

	rounds_wanted =
		argc > 1 ? strtoull(argv[1], NULL, 0) : tap_scale(10000, 500);
	tap_start(300 + (unsigned)(rounds_wanted / 100));
	random = tap_seed();
	for (unsigned i = 0; i < KEYS_MAX; i++)
		snprintf(key_names[i], sizeof key_names[i], "ping-%u", i);
	game = mmap(NULL, sizeof *game, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(game != MAP_FAILED, "has memory to play in");
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		variant = &variants[i];
		if (!strncmp(variant->name, only, strlen(only)))
			run(&random);
	}
	return tap_end();
}
