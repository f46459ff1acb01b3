/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stop writers with SIGSTOP at random moments, for long, then let them go on
 * (or kill them where they stand). Meanwhile every reader and every other
 * writer must get on with what exists; what may be refused is exactly what
 * docs/limits.md says: inserts and unsets, with EAGAIN, and only while the
 * stopped one holds the claim. Afterwards he must do no damage.
 *
 * How long is counted in what the others do meanwhile, not in time. "stop
 * 1000" stops as often, each time for ten times as long, and says how far it
 * has come.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "stamped.h"
#include "tap.h"
#include "tidy.h"

TAP_MAIN

enum {
	WRITERS = 4,
	READERS = 2,
	KEYS = 4, /* that stay, for each writer */
	SLOTS = 32,
	MAX_VALUE = 600
};

/* Written by one child each; progress is what others wait for. */
struct report {
	uint64_t progress; /* reads, or sets of what exists */
	uint64_t structural; /* inserts and unsets */
	uint64_t refused; /* of those, with EAGAIN */
	uint64_t wrong;
};

struct board {
	struct report writers[WRITERS], readers[READERS];
	uint32_t calm; /* the parent's wish: no inserts, no unsets */
};

static char name[64]; /* of this run alone */
static struct board *board;
static spl_store *store;

static void
count(uint64_t *at)
{
	spli_store_release(at, *at + 1);
}

static void
insert_and_unset(
	spl_store *s, unsigned writer, struct report *r, uint64_t *random)
{
	char text[64];

	snprintf(text, sizeof text, "guest-%u-%u", writer,
		(unsigned)(tap_random(random) % 8));
	int rc = tap_random(random) % 2 ? spl_set(s, text, text, strlen(text))
					: (int)spl_unset(s, text);
	count(rc == -EAGAIN ? &r->refused : &r->structural);
	r->wrong += rc < 0 && rc != -EAGAIN && rc != -ENOENT && rc != -ENOSPC;
}

/* Sets of its own keys and of one that is everybody's; some of the rest. */
static void
writer_main(unsigned writer, uint64_t random)
{
	struct report *r = &board->writers[writer];
	uint8_t value[MAX_VALUE];
	char text[64];
	spl_store *s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (spl_open(name, NULL, &s))
		_exit(3);
	for (uint64_t version = 1;; version++) {
		unsigned key = (unsigned)(tap_random(&random) % (KEYS + 1));
		uint32_t len =
			STAMPED_MIN + (uint32_t)(tap_random(&random) % 500);
		if (tap_random(&random) % 4 != 0 &&
			!spli_load_acquire(&board->calm))
			insert_and_unset(s, writer, r, &random);
		/* Whose call was refused for a second goes on here. */
		if (key == KEYS)
			snprintf(text, sizeof text, "shared");
		else
			snprintf(text, sizeof text, "key-%u-%u", writer, key);
		stamped_make(value, key == KEYS ? 0 : writer * KEYS + key + 1,
			version, len);
		r->wrong += spl_set(s, text, value, len) != 0;
		count(&r->progress);
	}
}

static pid_t
writer_start(unsigned writer, uint64_t *random)
{
	uint64_t seed = tap_random(random);
	pid_t pid = fork();

	if (!pid)
		writer_main(writer, seed);
	return pid;
}

/* Every key that stays, whole, never older than before, never gone. */
static void
reader_main(unsigned reader)
{
	struct report *r = &board->readers[reader];
	uint64_t seen[WRITERS * KEYS + 1] = {0}, version;
	struct spl_options o;
	struct spl_key_stat stat;
	uint8_t value[MAX_VALUE];
	char text[64];
	spl_store *s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	spl_options_init(&o);
	o.flags = SPL_READ_ONLY;
	if (spl_open(name, &o, &s))
		_exit(3);
	for (unsigned i = 0;; i = (i + 1) % (WRITERS * KEYS + 1)) {
		if (i)
			snprintf(text, sizeof text, "key-%u-%u", (i - 1) / KEYS,
				(i - 1) % KEYS);
		else
			snprintf(text, sizeof text, "shared");
		int rc = spl_read(s, text, value, sizeof value, &stat);
		r->wrong += rc || stat.epoch < seen[i] ||
			    !stamped_whole(value, stat.len, i, &version);
		seen[i] = stat.epoch;
		count(&r->progress);
	}
}

static pid_t
reader_start(unsigned reader)
{
	pid_t pid = fork();

	if (!pid)
		reader_main(reader);
	return pid;
}

/* Until @r is @more further than @from; the watchdog ends what never is. */
static void
await_progress(const struct report *r, uint64_t from, uint64_t more)
{
	while (spli_load_acquire(&r->progress) < from + more)
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/*
 * Who has the claim: the process @pid, which is stopped; or nobody for long.
 * Where a dead one has it the stopped one may be just about to repair him, so
 * that others cannot, or not.
 */
enum holder { NOT_HELD, HELD, UNSURE };

static enum holder
claim_holder(pid_t pid, const pid_t *pids)
{
	uint32_t name_of = spli_load_acquire(&store->header->claim);

	if (!name_of)
		return NOT_HELD;
	pid_t owner = (pid_t)(uint32_t)spli_load_acquire(
		&store->writers[name_of - 1].owner);
	if (owner == pid)
		return HELD;
	for (unsigned i = 0; i < WRITERS; i++)
		if (pids[i] == owner)
			return NOT_HELD; /* by one who goes on */
	/* He may have given it back, and its entry, meanwhile. */
	return UNSURE;
}

struct tally {
	unsigned long stops, held, kills, refused, wrong;
};

/* What somebody else can do beside one who is stopped for good. */
static void
try_all(struct tally *t, enum holder holder)
{
	int add = spl_add(store, "parent", 1, NULL);
	int insert = -EAGAIN, unset = -EAGAIN;
	bool held = holder == HELD;

	/* A living one may have the claim, and not be let run for a second:
	 * again then. The stopped one never gives it back: once will do. */
	int tries = holder == NOT_HELD ? 30 : 1;
	for (int i = 0; i < tries && insert == -EAGAIN; i++)
		insert = spl_set(store, "parent's guest", "", 0);
	if (!held || t->held == 1) {
		for (int i = 0; i < tries && unset == -EAGAIN; i++)
			unset = (int)spl_unset(store, "parent's guest");
	}
	bool right = held ? insert == -EAGAIN && unset == -EAGAIN
			  : (!insert && !unset) || insert == -ENOSPC ||
				     holder == UNSURE;
	if (!add && right) {
		t->refused += held;
		return;
	}
	t->wrong++;
	printf("# claim held: %d; add %d, insert %d, unset %d\n", held, add,
		insert, unset);
}

/* While one is stopped the others come @more steps further, all of them. */
static void
others_go_on(unsigned victim, uint64_t more)
{
	uint64_t from[WRITERS + READERS];

	for (unsigned i = 0; i < WRITERS; i++)
		from[i] = spli_load_acquire(&board->writers[i].progress);
	for (unsigned i = 0; i < READERS; i++)
		from[WRITERS + i] =
			spli_load_acquire(&board->readers[i].progress);
	for (unsigned i = 0; i < READERS; i++)
		await_progress(&board->readers[i], from[WRITERS + i], more);
	for (unsigned i = 0; i < WRITERS; i++)
		if (i != victim)
			await_progress(&board->writers[i], from[i], more);
}

static void
one_stop(pid_t *pids, struct tally *t, uint64_t more, unsigned long held_most,
	uint64_t *random)
{
	unsigned victim = (unsigned)(tap_random(random) % WRITERS);
	pid_t pid = pids[victim];
	int status = 0;

	tap_let_run(random);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	if (!WIFSTOPPED(status)) {
		printf("# writer: status 0x%x\n", status);
		t->wrong++;
		pids[victim] = writer_start(victim, random);
		return;
	}
	enum holder holder = claim_holder(pid, pids);
	bool held = holder != NOT_HELD;
	/* Each such costs every other a second or two. */
	if (!held || t->held < held_most) {
		t->held += holder == HELD;
		spli_store_release(&board->calm, held);
		others_go_on(victim, more);
		try_all(t, holder);
		t->stops++;
	}
	if (tap_random(random) % 8 == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pids[victim] = writer_start(victim, random);
		t->kills++;
	} else {
		kill(pid, SIGCONT);
	}
	spli_store_release(&board->calm, 0);
	uint64_t from = spli_load_acquire(&board->writers[victim].progress);
	await_progress(&board->writers[victim], from, 2);
}

static uint64_t
end_all(const pid_t *pids, const struct report *reports, unsigned number)
{
	uint64_t wrong = 0;
	int status = 0;

	for (unsigned i = 0; i < number; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		wrong += !WIFSIGNALED(status);
		wrong += reports[i].wrong;
	}
	return wrong;
}

static void
campaign(unsigned long stops, uint64_t more, unsigned long held_most,
	bool vacuum, uint64_t *random)
{
	const char *av = vacuum ? "on" : "off";
	pid_t writers[WRITERS], readers[READERS];
	struct tally t = {0};

	memset(board, 0, sizeof *board);
	spl_set_auto_vacuum(store, vacuum, NULL);
	for (unsigned i = 0; i < WRITERS; i++)
		writers[i] = writer_start(i, random);
	for (unsigned i = 0; i < READERS; i++)
		readers[i] = reader_start(i);
	while (t.stops < stops) {
		one_stop(writers, &t, more, held_most, random);
		if (held_most == stops && t.stops % 100 == 0)
			printf("# %lu stops\n", t.stops);
	}
	uint64_t wrong = end_all(writers, board->writers, WRITERS);
	uint64_t misread = end_all(readers, board->readers, READERS);
	CHECK(!t.wrong,
		"auto-vacuum %s: %lu stops, %lu of them with the claim: "
		"others insert and unset exactly when it is not held",
		av, t.stops, t.held);
	CHECK(!wrong, "auto-vacuum %s: everybody sets what exists meanwhile",
		av);
	CHECK(!misread,
		"auto-vacuum %s: readers go on, nothing torn, gone or older",
		av);
	CHECK(!audit(store),
		"auto-vacuum %s: who went on, or died there, has done no "
		"damage",
		av);
}

int
main(int argc, char **argv)
{
	unsigned long stops = tap_scale(100, 15), held = tap_scale(3, 1);
	uint64_t more = tap_scale(300, 30), random;
	struct spl_options o;
	char path[128], text[64];
	uint8_t value[STAMPED_MIN];

	if (argc > 1) {
		stops = held = strtoul(argv[1], NULL, 0) / 2;
		more *= 10;
	}
	tap_start(argc > 1 ? 0 : 600);
	snprintf(name, sizeof name, "splinter-stop-test-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	tidy_name(path);
	random = tap_seed();
	spl_options_init(&o);
	o.slots = SLOTS;
	o.max_value = MAX_VALUE;
	o.writers = WRITERS + 2;
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(board != MAP_FAILED, "has memory for reports");
	REQUIRE(!spl_create(name, &o, &store), "creates a store");
	REQUIRE(!spl_set(store, "parent", "0", 1), "sets its own key");
	for (unsigned i = 0; i <= WRITERS * KEYS; i++) {
		if (i)
			snprintf(text, sizeof text, "key-%u-%u", (i - 1) / KEYS,
				(i - 1) % KEYS);
		else
			snprintf(text, sizeof text, "shared");
		stamped_make(value, i, 0, sizeof value);
		if (spl_set(store, text, value, sizeof value))
			abort();
	}
	campaign(stops, more, held, true, &random);
	campaign(stops, more, held, false, &random);
	spl_close(store);
	CHECK(!spl_destroy(name, SPL_MEMORY), "goes without a trace");
	return tap_end();
}
