/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill writers at random moments, some or all of eight at once. Each writes
 * down, outside of the store, what it is about to do and what it has done;
 * after its death every one of its keys must be as one of the two says, the
 * survivor's next writes must work at once, readers must never find anything
 * torn or older than before, and no block may be lost or doubled.
 *
 * "kill 1000000" kills that often, says how far it has come, and takes as long
 * as it takes.
 */
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
	WRITERS = 8,
	READERS = 2,
	AT_ONCE = 4, /* die at most, in a round that some survive */
	KEYS = 8, /* each writer's own */
	SHARED = 2, /* keys that all of them fight for */
	SLOTS = 56, /* fewer than all keys: full now and then */
	MAX_VALUE = 600
};

/* A writer's diary, in memory shared with the parent. 0 means absent. */
struct diary {
	uint64_t done[KEYS]; /* version of the last completed operation */
	uint64_t begun; /* version in flight, or 0 with unset */
	uint32_t key; /* of it */
	uint32_t busy;
	uint64_t version;
	uint64_t operations;
	uint64_t waited; /* in vain, for what a living one held */
};

/* What a reader has seen. */
struct report {
	uint64_t reads, torn, back;
};

/* Written by children. */
struct board {
	struct diary diaries[WRITERS];
	struct report reports[READERS];
};

static char name[64]; /* of this run alone */
static struct board *board;
static struct diary *diaries; /* on it */
static spl_store *store;
static unsigned long progress; /* say so after as many kills; 0: never */

static void
key_name(char *text, unsigned writer, unsigned key)
{
	snprintf(text, 64, "writer-%u-key-%u", writer, key);
}

static void
note(uint64_t *at, uint64_t value)
{
	spli_store_release(at, value);
}

/* On a key that everybody writes: rivals in the middle of each other's swaps. */
static int
fight(spl_store *s, unsigned writer, uint64_t r)
{
	uint8_t value[MAX_VALUE];
	char text[64];
	unsigned key = (unsigned)(r >> 8) % SHARED;
	int rc;

	snprintf(text, sizeof text, "shared-%u", key);
	stamped_make(value, key, r, 64);
	rc = r % 64 == 1 ? (int)spl_unset(s, text)
			 : spl_set(s, text, value, 64);
	/* Who waited for a second because others were not let run. */
	if (rc == -EAGAIN)
		diaries[writer].waited++;
	return rc == -ENOENT || rc == -ENOSPC || rc == -EAGAIN || rc > 0 ? 0
									 : rc;
}

/* One operation: an unset now and then, else a set. Full is no failure. */
static int
operate(spl_store *s, unsigned writer, uint64_t *random)
{
	struct diary *d = &diaries[writer];
	uint8_t value[MAX_VALUE];
	char text[64];
	uint64_t r = tap_random(random);
	if (r % 4 == 1)
		return fight(s, writer, r);
	unsigned key = (unsigned)(r >> 8) % KEYS;
	bool unset = r % 4 == 0 && key >= KEYS / 3; /* a third stays */
	uint64_t version = unset ? 0 : ++d->version;
	uint32_t len = STAMPED_MIN +
		       (uint32_t)(r >> 32) % (MAX_VALUE - STAMPED_MIN + 1);

	key_name(text, writer, key);
	spli_store_release(&d->key, key);
	note(&d->begun, version);
	spli_store_release(&d->busy, 1);
	stamped_make(value, writer * KEYS + key, version, len);
	int rc = unset ? (int)spl_unset(s, text) : spl_set(s, text, value, len);
	d->waited += rc == -EAGAIN;
	if (rc == -ENOENT || rc == -ENOSPC || rc == -EAGAIN)
		rc = 0;
	else if (rc >= 0)
		note(&d->done[key], version);
	spli_store_release(&d->busy, 0);
	d->operations++;
	return rc < 0 ? rc : 0;
}

static void
writer_main(unsigned writer, uint64_t random)
{
	spl_store *s = store;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Sometimes the inherited handle, sometimes one of its own. */
	if (random % 2 && spl_open(name, NULL, &s))
		_exit(3);
	for (;;) {
		int rc = operate(s, writer, &random);
		if (rc) {
			fprintf(stderr, "# writer: %s\n", strerror(-rc));
			_exit(4);
		}
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

/* For ever: what all fight for, whole and never older than before. */
static void
reader_main(struct report *r)
{
	struct spl_options o;
	uint8_t value[MAX_VALUE];
	uint64_t seen[SHARED] = {0}, version;
	struct spl_key_stat stat;
	spl_store *s;
	char text[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	spl_options_init(&o);
	o.flags = SPL_READ_ONLY;
	if (spl_open(name, &o, &s))
		_exit(3);
	for (uint64_t i = 0;; i++) {
		unsigned key = i % SHARED;
		snprintf(text, sizeof text, "shared-%u", key);
		int rc = spl_read(s, text, value, sizeof value, &stat);
		spli_store(&r->reads, i + 1);
		if (rc == -ENOENT)
			continue;
		if (rc || !stamped_whole(value, stat.len, key, &version))
			spli_store(&r->torn, r->torn + 1);
		else if (stat.epoch < seen[key])
			spli_store(&r->back, r->back + 1);
		else
			seen[key] = stat.epoch;
	}
}

static pid_t
reader_start(unsigned reader)
{
	pid_t pid = fork();

	if (!pid)
		reader_main(&board->reports[reader]);
	return pid;
}

/* Whether a dead writer's key is what its diary says. */
static bool
key_right(const struct diary *d, unsigned writer, unsigned key)
{
	uint8_t value[MAX_VALUE];
	char text[64];
	size_t len = 0;
	uint64_t version = 0;

	key_name(text, writer, key);
	int rc = spl_get(store, text, value, sizeof value, &len);
	if (rc == -ENOENT)
		version = 0;
	else if (rc ||
		 !stamped_whole(value, len, writer * KEYS + key, &version)) {
		printf("# %s: rc %d, torn or unreadable\n", text, rc);
		return false;
	}
	bool right = version == d->done[key] ||
		     (d->busy && d->key == key && version == d->begun);
	if (!right)
		printf("# %s: version %" PRIu64 ", done %" PRIu64
		       ", begun %" PRIu64 "\n",
			text, version, d->done[key], d->busy ? d->begun : 0);
	return right;
}

/* Dead at last: what was in flight has happened or not; write down which. */
static bool
writer_verify(unsigned writer)
{
	struct diary *d = &diaries[writer];
	bool right = true;
	char text[64];
	struct spl_key_stat stat;

	for (unsigned key = 0; key < KEYS; key++)
		right &= key_right(d, writer, key);
	if (d->busy) {
		uint8_t value[MAX_VALUE];
		uint64_t version = 0;
		key_name(text, writer, d->key);
		if (!spl_stat(store, text, &stat) &&
			!spl_get(store, text, value, sizeof value, NULL))
			memcpy(&version, value + 8, 8);
		d->done[d->key] = version;
		d->busy = 0;
	}
	return right;
}

/* Who won does not matter; it must be one of them. */
static bool
shared_whole(void)
{
	uint8_t value[MAX_VALUE];
	uint64_t version;
	char text[64];
	size_t len;

	for (unsigned key = 0; key < SHARED; key++) {
		snprintf(text, sizeof text, "shared-%u", key);
		int rc = spl_get(store, text, value, sizeof value, &len);
		if (rc != -ENOENT &&
			(rc || !stamped_whole(value, len, key, &version)))
			return false;
	}
	return true;
}

/*
 * The survivor goes on at once: an update, and what needs the claim. That a
 * living writer, who is not let run, has: not for ever.
 */
static bool
survivor_works(void)
{
	int add = -EAGAIN, unset = -EAGAIN, set = -EAGAIN;

	for (int i = 0; i < 20 && add == -EAGAIN; i++)
		add = spl_add(store, "survivor", 1, NULL);
	for (int i = 0; i < 20 && unset == -EAGAIN; i++)
		unset = (int)spl_unset(store, "guest");
	for (int i = 0; i < 20 && set == -EAGAIN; i++)
		set = spl_set(store, "guest", "g", 1);
	if (!add && (unset == 1 || unset == -ENOENT) &&
		(!set || set == -ENOSPC))
		return true;
	printf("# survivor: add %d, unset %d, set %d\n", add, unset, set);
	return false;
}

/* No key of a dead writer twice. (A living one's may move meanwhile.) */
static bool
list_right(unsigned victim)
{
	char seen[KEYS][64], prefix[32];
	unsigned count = 0;
	struct spl_key_stat stat;
	spl_list *list;
	int rc;

	snprintf(prefix, sizeof prefix, "writer-%u-", victim);
	if (spl_list_begin(store, prefix, NULL, &list))
		return false;
	while ((rc = spl_list_next(list, &stat)) == 1 && count < KEYS) {
		for (unsigned i = 0; i < count; i++)
			if (!strcmp(seen[i], stat.key))
				rc = -EEXIST;
		memcpy(seen[count++], stat.key, sizeof stat.key);
		if (rc < 0)
			break;
	}
	spl_list_end(list);
	return rc == 0;
}

struct losses {
	unsigned long kills, wrong, stuck, unlisted, unsound;
};

/*
 * Several die at the same moment, and others come in their places. When all
 * do, every block must be in one place.
 */
static void
one_round(const pid_t *pids, unsigned first, unsigned count, struct losses *l,
	uint64_t *random)
{
	int status;

	tap_let_run(random);
	for (unsigned i = 0; i < count; i++)
		kill(pids[(first + i) % WRITERS], SIGKILL);
	for (unsigned i = 0; i < count; i++) {
		waitpid(pids[(first + i) % WRITERS], &status, 0);
		l->wrong += !WIFSIGNALED(status);
	}
	for (unsigned i = 0; i < count; i++)
		l->wrong += !writer_verify((first + i) % WRITERS);
	l->wrong += !shared_whole();
	l->stuck += !survivor_works();
	for (unsigned i = 0; i < count; i++)
		l->unlisted += !list_right((first + i) % WRITERS);
	l->unsound += count == WRITERS && audit(store);
	if (progress && (l->kills + count) / progress > l->kills / progress)
		printf("# %lu kills\n", l->kills + count);
	l->kills += count;
}

static void
campaign(unsigned long kills, bool vacuum, uint64_t *random)
{
	const char *av = vacuum ? "on" : "off";
	struct losses l = {0};
	pid_t pids[WRITERS] = {0};
	unsigned count = WRITERS, first = 0;

	spl_set_auto_vacuum(store, vacuum, NULL);
	while (l.kills < kills || count < WRITERS) {
		for (unsigned w = 0; w < WRITERS; w++)
			if (!pids[w])
				pids[w] = writer_start(w, random);
		/* All in most rounds: the others' waits for each other, when
		 * a few have two processors, take longest. */
		first = (unsigned)(tap_random(random) % WRITERS);
		count = tap_random(random) % 4 || l.kills >= kills
				? WRITERS
				: 1 + (unsigned)(tap_random(random) % AT_ONCE);
		one_round(pids, first, count, &l, random);
		for (unsigned i = 0; i < count; i++)
			pids[(first + i) % WRITERS] = 0;
	}
	CHECK(!l.wrong,
		"auto-vacuum %s: no key torn, lost or gone back in %lu "
		"kills",
		av, l.kills);
	CHECK(!l.stuck, "auto-vacuum %s: the survivor writes on at once", av);
	CHECK(!l.unlisted, "auto-vacuum %s: no key is listed twice", av);
	CHECK(!l.unsound, "auto-vacuum %s: every block is in one place", av);
}

static void
check_readers(const pid_t *readers)
{
	struct report all = {0};
	int status = 0;

	for (unsigned r = 0; r < READERS; r++) {
		kill(readers[r], SIGKILL);
		waitpid(readers[r], &status, 0);
		all.reads += board->reports[r].reads;
		all.torn += board->reports[r].torn;
		all.back += board->reports[r].back;
	}
	CHECK(all.reads && WIFSIGNALED(status) && !all.torn && !all.back,
		"%" PRIu64 " reads beside them: %" PRIu64 " torn, %" PRIu64
		" older than before",
		all.reads, all.torn, all.back);
}

int
main(int argc, char **argv)
{
	unsigned long kills = tap_scale(5000, 250);
	struct spl_options o;
	struct spl_store_stat info;
	pid_t readers[READERS];
	uint64_t random, operations = 0, waited = 0;
	char path[128];

	if (argc > 1) {
		kills = strtoul(argv[1], NULL, 0) / 2;
		progress = kills / 50 + 1;
	}
	tap_start(argc > 1 ? 0 : 600);
	snprintf(name, sizeof name, "splinter-kill-test-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	tidy_name(path);
	random = tap_seed();
	spl_options_init(&o);
	o.slots = SLOTS;
	o.max_value = MAX_VALUE;
	o.writers = WRITERS + 2;
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(board != MAP_FAILED, "has memory for the diaries");
	diaries = board->diaries;
	REQUIRE(!spl_create(name, &o, &store), "creates a store");
	REQUIRE(!spl_set(store, "survivor", "0", 1), "sets the survivor's key");
	for (unsigned r = 0; r < READERS; r++)
		readers[r] = reader_start(r);
	campaign(kills, true, &random);
	campaign(kills, false, &random);
	check_readers(readers);
	spl_store_info(store, &info);
	for (unsigned w = 0; w < WRITERS; w++) {
		operations += diaries[w].operations;
		waited += diaries[w].waited;
	}
	printf("# %" PRIu64 " operations, %" PRIu64 " repairs, %" PRIu64
	       " waits in vain\n",
		operations, info.repairs, waited);
	CHECK(info.repairs > 0, "dead writers were repaired");
	CHECK(!spl_set_auto_vacuum(store, 1, NULL) && !audit(store),
		"auto-vacuum, switched on at the end, leaves nothing stale");
	spl_close(store);
	CHECK(!spl_destroy(name, SPL_MEMORY), "goes without a trace");
	return tap_end();
}
