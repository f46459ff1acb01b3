/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody sees a value after its time, and nobody misses one before. Writers
 * set values that live for some milliseconds, replace, prolong, create and
 * remove them, and write down, outside of the store, between which two
 * instants each has to end. Readers judge what they see by that. Beside them
 * somebody reclaims and fills the store up; all but the readers are killed at
 * random moments. In the end no block may be lost or doubled.
 *
 *   fault_ttl [READS]     of each reader
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "audit.h"
#include "stamped.h"
#include "tap.h"

TAP_MAIN

enum {
	WRITERS = 2,
	READERS = 2,
	KEYS = 12, /* each writer's own */
	GUESTS = 8, /* come and go, until the store is full */
	SLOTS = WRITERS * KEYS + GUESTS / 2,
	MAX_VALUE = 200,
	TTL_MAX_MS = 12,
	ALL = WRITERS + 1 + READERS /* processes; the one is the sweeper */
};

enum life { ABSENT, MORTAL, IMMORTAL };

/* What a key is. Its writer's alone; seq is odd while he changes it. */
struct entry {
	uint64_t seq;
	uint64_t version;
	uint64_t life;
	uint64_t lower, upper; /* MORTAL: ends between these, CLOCK_BOOTTIME */
};

struct counts {
	uint64_t reads, judged, alive, ended, waited;
	uint64_t wrong;
};

struct share {
	struct entry entries[WRITERS * KEYS];
	struct counts readers[READERS];
	uint64_t versions[WRITERS];
	uint64_t operations, reclaimed, full;
	uint64_t wrong; /* said by writers and sweeper */
};

static struct share *share;
static spl_store *store;
static uint64_t reads_wanted;
static const char *mode;

static uint64_t
boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
key_name(char *text, unsigned key)
{
	snprintf(text, 64, "key-%u", key);
}

static void
complain(uint64_t *wrong, unsigned key, const char *what, int rc,
	const struct entry *e, uint64_t t0, uint64_t t1)
{
	if (__atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED) < 10)
		printf("# %s: key-%u: %s (%d): version %" PRIu64
		       ", life %" PRIu64
		       ", ends %+.3f to %+.3f ms, took %.3f\n",
			mode, key, what, rc, e->version, e->life,
			(double)(int64_t)(e->lower - t0) / 1e6,
			(double)(int64_t)(e->upper - t0) / 1e6,
			(double)(t1 - t0) / 1e6);
}

/* Whether it may have been there, or not, at some instant from t0 to t1. */
static bool
may_be_there(const struct entry *e, uint64_t t0)
{
	return e->life == IMMORTAL || (e->life == MORTAL && t0 <= e->upper);
}

static bool
may_be_gone(const struct entry *e, uint64_t t1)
{
	return e->life == ABSENT || (e->life == MORTAL && t1 >= e->lower);
}

/*
 * Writers.
 */
enum operation { SET_TTL, SET, EXPIRE, UNSET, CREATE, OPERATIONS };

static int
operate(unsigned key, enum operation what, uint64_t ttl, uint64_t version)
{
	uint32_t len = STAMPED_MIN +
		       (uint32_t)(version * 31 % (MAX_VALUE - STAMPED_MIN + 1));
	uint8_t value[MAX_VALUE];
	char text[64];

	key_name(text, key);
	stamped_make(value, key, version, len);
	switch (what) {
	case SET_TTL:
		return spl_set_ttl(store, text, value, len, ttl);
	case SET:
		return spl_set(store, text, value, len);
	case EXPIRE:
		return spl_expire(store, text, ttl);
	case UNSET:
		return (int)spl_unset(store, text);
	default:
		return spl_set_if(store, text, value, len, 0, NULL);
	}
}

/* What the result says of the moment before; false: it cannot be. */
static bool
fits(const struct entry *was, enum operation what, int rc, uint64_t t0,
	uint64_t t1)
{
	switch (what) {
	case EXPIRE:
	case UNSET:
		if (rc == -ENOENT)
			return may_be_gone(was, t1);
		return rc >= 0 && may_be_there(was, t0);
	case CREATE:
		if (rc == -ESTALE)
			return may_be_there(was, t0);
		return rc == -ENOSPC || (!rc && may_be_gone(was, t1));
	default:
		return !rc || rc == -ENOSPC;
	}
}

/* What the key is now. On failure it is what it was. */
static struct entry
outcome(const struct entry *was, enum operation what, int rc, uint64_t ttl_ns,
	uint64_t t0, uint64_t t1)
{
	struct entry now = *was;

	if (rc < 0)
		return now;
	now.life = what == UNSET		   ? ABSENT
		   : what == SET || what == CREATE ? IMMORTAL
						   : MORTAL;
	now.lower = t0 + ttl_ns;
	now.upper = t1 + ttl_ns;
	return now;
}

static void
write_down(struct entry *e, const struct entry *now)
{
	spli_store(&e->version, now->version);
	spli_store(&e->life, now->life);
	spli_store(&e->lower, now->lower);
	spli_store(&e->upper, now->upper);
	spli_store_release(&e->seq, e->seq + 1);
}

/* Now and then so long that most of what there is expires. */
static void
let_age(uint64_t r)
{
	if (r % 256 == 0)
		nanosleep(&(struct timespec){.tv_nsec = (long)((r >> 8) %
							       3000000)},
			NULL);
}

static void
writer_main(unsigned writer, uint64_t random)
{
	for (unsigned i = 0;; i++) {
		uint64_t r = tap_random(&random);
		/* First whatever a killed one has left in the open. */
		unsigned key = writer * KEYS +
			       (i < KEYS ? i : (unsigned)(r >> 8) % KEYS);
		struct entry *e = &share->entries[key], was = *e;
		bool open = was.seq % 2;
		enum operation what =
			open ? SET_TTL : (enum operation)(r % OPERATIONS);
		uint64_t ttl = r >> 63 ? 1 : 1 + (r >> 32) % TTL_MAX_MS;
		uint64_t version = spli_load(&share->versions[writer]) + 1;

		spli_store(&share->versions[writer], version);
		if (!open)
			spli_store(&e->seq, was.seq + 1);
		spli_fence_full();
		uint64_t t0 = boot_ns();
		int rc = operate(key, what, ttl, version);
		uint64_t t1 = boot_ns();
		if (open && rc) /* full: it stays in the open */
			continue;
		if (!open && !fits(&was, what, rc, t0, t1))
			complain(&share->wrong, key, "a wrong result", rc, &was,
				t0, t1);
		struct entry now =
			outcome(&was, what, rc, ttl * 1000000, t0, t1);
		if (rc >= 0 && what != EXPIRE)
			now.version = version;
		write_down(e, &now);
		spli_add_relaxed(&share->operations, 1);
		let_age(r >> 16);
	}
}

/* Reclaims, and fills up what is free. */
static void
sweeper_main(uint64_t random)
{
	for (;;) {
		uint64_t r = tap_random(&random);
		char text[64];
		snprintf(text, sizeof text, "guest-%u",
			(unsigned)(r >> 8) % GUESTS);
		int64_t rc = 0;
		if (r % 16 < 4) {
			rc = spl_reclaim(store);
			if (rc > 0)
				spli_add_relaxed(
					&share->reclaimed, (uint64_t)rc);
		} else if (r % 16 < 8) {
			rc = spl_unset(store, text);
		} else if (r % 16 < 12) {
			rc = spl_set_ttl(store, text, text, sizeof text,
				1 + (r >> 32) % TTL_MAX_MS);
		} else {
			rc = spl_set(store, text, text, sizeof text);
		}
		if (rc == -ENOSPC)
			spli_add_relaxed(&share->full, 1);
		else if (rc < 0 && rc != -ENOENT)
			complain(&share->wrong, GUESTS, "the sweeper failed",
				(int)rc, &(struct entry){0}, 0, 0);
	}
}

/*
 * Readers.
 */
static bool
entry_read(const struct entry *e, struct entry *copy)
{
	copy->seq = spli_load_acquire(&e->seq);
	copy->version = spli_load(&e->version);
	copy->life = spli_load(&e->life);
	copy->lower = spli_load(&e->lower);
	copy->upper = spli_load(&e->upper);
	spli_fence_acquire();
	return copy->seq % 2 == 0 && spli_load(&e->seq) == copy->seq;
}

static bool
entry_same(const struct entry *e, const struct entry *copy)
{
	spli_fence_acquire();
	return spli_load(&e->seq) == copy->seq;
}

/* One of the ways to read. Fills in what @stat can say. */
static int
look(const char *text, spl_ref *ref, uint64_t how, uint8_t *value, size_t *len,
	struct spl_key_stat *stat)
{
	struct spl_peek peek;
	int rc;

	stat->ttl_ms = 0;
	switch (how % 4) {
	case 0:
		return spl_get(store, text, value, MAX_VALUE, len);
	case 1:
		return spl_ref_get(ref, value, MAX_VALUE, len);
	case 2:
		rc = spl_read(store, text, value, MAX_VALUE, stat);
		*len = stat->len;
		return rc;
	default:
		do {
			rc = spl_peek_begin(store, text, &peek);
			if (rc)
				return rc;
			*len = peek.len < MAX_VALUE ? peek.len : MAX_VALUE;
			spli_copy(value, peek.data, *len);
			rc = spl_peek_stable(store, &peek);
		} while (rc == -ESTALE);
		return rc;
	}
}

/* The time left, as spl_read() says it: rounded up, at an instant within. */
static bool
left_right(const struct entry *e, uint64_t ttl_ms, uint64_t t0, uint64_t t1)
{
	if (e->life == IMMORTAL)
		return ttl_ms == UINT64_MAX;
	return ttl_ms <= TTL_MAX_MS &&
	       t0 + ttl_ms * 1000000 <= e->upper + 1000000 &&
	       t1 + ttl_ms * 1000000 >= e->lower;
}

static void
judge(struct counts *c, unsigned key, spl_ref *ref, uint64_t how)
{
	struct entry *e = &share->entries[key], now;
	struct spl_key_stat stat;
	uint8_t value[MAX_VALUE];
	uint64_t version = 0;
	size_t len = 0;
	char text[64];

	key_name(text, key);
	bool known = entry_read(e, &now);
	uint64_t t0 = boot_ns();
	int rc = look(text, ref, how, value, &len, &stat);
	uint64_t t1 = boot_ns();
	c->reads++;
	if (!rc && !stamped_whole(value, len, key, &version))
		complain(&c->wrong, key, "torn", rc, &now, t0, t1);
	if (rc && rc != -ENOENT)
		complain(&c->wrong, key, "not read", rc, &now, t0, t1);
	if (!known || !entry_same(e, &now))
		return;
	c->judged++;
	c->alive += !rc;
	c->ended += rc && now.life == MORTAL;
	if (rc ? !may_be_gone(&now, t1) : !may_be_there(&now, t0))
		complain(&c->wrong, key,
			rc ? "gone too early" : "seen too late", rc, &now, t0,
			t1);
	if (!rc && version != now.version)
		complain(&c->wrong, key, "another version", rc, &now, t0, t1);
	if (!rc && how % 4 == 2 && !left_right(&now, stat.ttl_ms, t0, t1))
		complain(&c->wrong, key, "a wrong time to live",
			(int)stat.ttl_ms, &now, t0, t1);
}

/* A wait for a key ends when its time does. */
static void
judge_wait(struct counts *c, unsigned key)
{
	enum { PATIENCE_MS = 3 * TTL_MAX_MS };
	struct entry *e = &share->entries[key], now;
	struct spl_key_stat stat;
	uint64_t epoch;
	char text[64];

	key_name(text, key);
	bool known = entry_read(e, &now);
	if (!known || now.life != MORTAL || spl_stat(store, text, &stat) ||
		!entry_same(e, &now))
		return;
	uint64_t t0 = boot_ns();
	int rc = spl_wait(store, text, stat.epoch, PATIENCE_MS, &epoch);
	uint64_t t1 = boot_ns();
	if (rc && rc != -ETIMEDOUT)
		complain(&c->wrong, key, "spl_wait fails", rc, &now, t0, t1);
	if (!entry_same(e, &now))
		return;
	c->waited++;
	if (rc ? now.upper < t0 + PATIENCE_MS * UINT64_C(1000000)
	       : epoch || t1 < now.lower)
		complain(&c->wrong, key, "waited wrongly", rc, &now, t0, t1);
}

static void
reader_main(unsigned reader, uint64_t random)
{
	struct counts *c = &share->readers[reader];
	spl_ref *refs[WRITERS * KEYS];
	char text[64];

	for (unsigned key = 0; key < WRITERS * KEYS; key++) {
		key_name(text, key);
		if (spl_ref_open(store, text, &refs[key]))
			_exit(2);
	}
	/* Until there was something to judge, too. */
	while (c->reads < reads_wanted || c->ended < 10 || c->waited < 3) {
		uint64_t r = tap_random(&random);
		unsigned key = (unsigned)(r >> 16) % (WRITERS * KEYS);
		if (r % 1024 == 0)
			judge_wait(c, key);
		else
			judge(c, key, refs[key], r >> 8);
	}
	for (unsigned key = 0; key < WRITERS * KEYS; key++)
		spl_ref_close(refs[key]);
	_exit(0);
}

/*
 * All of them.
 */
static pid_t
start(unsigned number, uint64_t *random)
{
	uint64_t seed = tap_random(random);
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (seed % 2 && spl_open_fd(spl_fd(store), NULL, &store))
		_exit(3);
	if (number < WRITERS)
		writer_main(number, seed);
	if (number == WRITERS)
		sweeper_main(seed);
	reader_main(number - WRITERS - 1, seed);
	return 0;
}

/* Kill writers and sweeper until the readers have read enough. */
static unsigned long
campaign(uint64_t *random)
{
	unsigned long kills = 0, reading = READERS, failed = 0;
	pid_t pids[ALL];

	for (unsigned i = 0; i < ALL; i++)
		pids[i] = start(i, random);
	while (reading) {
		uint64_t r = tap_random(random);
		unsigned victim = (unsigned)(r >> 32) % (WRITERS + 1);
		int status;
		/* A random moment. */
		nanosleep(&(struct timespec){.tv_nsec = (long)(r % 5000000)},
			NULL);
		kill(pids[victim], SIGKILL);
		waitpid(pids[victim], &status, 0);
		kills += WIFSIGNALED(status);
		failed += !WIFSIGNALED(status);
		pids[victim] = start(victim, random);
		for (unsigned i = WRITERS + 1; i < ALL; i++)
			if (pids[i] && waitpid(pids[i], &status, WNOHANG) > 0) {
				pids[i] = 0;
				failed += status != 0;
				reading--;
			}
	}
	for (unsigned i = 0; i <= WRITERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	CHECK(!failed, "%s: nobody failed in %lu kills", mode, kills);
	return kills;
}

static unsigned
count_listed(void)
{
	struct spl_key_stat stat;
	unsigned count = 0;
	spl_list *list;

	if (spl_list_begin(store, NULL, NULL, &list))
		return UINT32_MAX;
	while (spl_list_next(list, &stat) == 1)
		count++;
	spl_list_end(list);
	return count;
}

static uint64_t
count_kept(void)
{
	struct spl_store_stat info;

	spl_store_info(store, &info);
	return info.keys;
}

/* All that was set with a time until now is over. */
static void
let_expire(void)
{
	uint64_t until = boot_ns() + TTL_MAX_MS * UINT64_C(1000000);
	struct timespec at = {.tv_sec = (time_t)(until / 1000000000),
		.tv_nsec = (long)(until % 1000000000)};

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL))
		;
}

static void
all_accounted(void)
{
	let_expire();
	/* Repairs as well: what a dead one still has in hand counts as kept. */
	CHECK(!audit(store), "%s: every block is in one place", mode);
	unsigned listed = count_listed();
	uint64_t kept = count_kept();
	int64_t reclaimed = spl_reclaim(store);
	CHECK(reclaimed >= 0 && kept == listed + (uint64_t)reclaimed,
		"%s: of %" PRIu64 " keys %u are listed and %" PRId64
		" reclaimed",
		mode, kept, listed, reclaimed);
	CHECK(count_kept() == listed && count_listed() == listed &&
			!spl_reclaim(store),
		"%s: reclaiming takes those, and only those", mode);
	CHECK(!audit(store), "%s: every block is in one place after it", mode);
}

/* Filled with what has expired: there is room for as much again. */
static void
full_reclaims(void)
{
	unsigned fill = 0, again = 0, more;
	char text[64];

	for (unsigned key = 0; key < WRITERS * KEYS; key++) {
		key_name(text, key);
		spl_unset(store, text);
	}
	for (unsigned i = 0; i < GUESTS; i++) {
		snprintf(text, sizeof text, "guest-%u", i);
		spl_unset(store, text);
	}
	for (more = 0; more < SLOTS; more++) {
		snprintf(text, sizeof text, "mortal-%u", more);
		fill += !spl_set_ttl(store, text, "", 0, 1);
	}
	let_expire();
	for (more = 0; more < SLOTS; more++) {
		snprintf(text, sizeof text, "heir-%u", more);
		again += !spl_set(store, text, "", 0);
	}
	CHECK(fill == SLOTS && again == SLOTS,
		"%s: a store full of what has expired has room for %u of %d",
		mode, again, SLOTS);
	CHECK(spl_set(store, "one more", "", 0) == -ENOSPC,
		"%s: and for no more", mode);
	CHECK(!audit(store), "%s: every block is in one place then", mode);
}

static void
run(bool vacuum, uint64_t *random)
{
	struct counts sum = {0};
	struct spl_options o;

	mode = vacuum ? "auto-vacuum on" : "auto-vacuum off";
	memset(share, 0, sizeof *share);
	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = SLOTS;
	o.max_value = MAX_VALUE;
	REQUIRE(!spl_create("ttl", &o, &store), "%s: has a store", mode);
	spl_set_auto_vacuum(store, vacuum, NULL);
	campaign(random);
	for (unsigned i = 0; i < READERS; i++) {
		sum.reads += share->readers[i].reads;
		sum.judged += share->readers[i].judged;
		sum.alive += share->readers[i].alive;
		sum.ended += share->readers[i].ended;
		sum.waited += share->readers[i].waited;
		sum.wrong += share->readers[i].wrong;
	}
	printf("# %s: %" PRIu64 " writes, full %" PRIu64 " times, %" PRIu64
	       " reclaimed; of %" PRIu64 " reads %" PRIu64 " judged, %" PRIu64
	       " found it, %" PRIu64 " after its time; %" PRIu64 " waited\n",
		mode, share->operations, share->full, share->reclaimed,
		sum.reads, sum.judged, sum.alive, sum.ended, sum.waited);
	CHECK(!sum.wrong, "%s: nobody read too late, or missed it too early",
		mode);
	CHECK(!share->wrong, "%s: what writers were told fits", mode);
	all_accounted();
	full_reclaims();
	spl_close(store);
}

int
main(int argc, char **argv)
{
	uint64_t random;

	reads_wanted = argc > 1 ? strtoull(argv[1], NULL, 0)
				: tap_scale(1000000, 20000);
	tap_start(300 + (unsigned)(reads_wanted / 2000));
	random = tap_seed();
	share = mmap(NULL, sizeof *share, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(share != MAP_FAILED, "has memory to share");
	run(true, &random);
	run(false, &random);
	return tap_end();
}
