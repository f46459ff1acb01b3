/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill writers at random moments. Each writes down, outside of the store,
 * what it is about to do and what it has done; after its death every one of
 * its keys must be as one of the two says, the survivor's next writes must
 * work at once, and no block may be lost or doubled.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "stamped.h"
#include "tap.h"

TAP_MAIN

enum {
	WRITERS = 2,
	KEYS = 24, /* each writer's own */
	SHARED = 2, /* keys that all of them fight for */
	SLOTS = 40, /* fewer than all keys: full now and then */
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
};

static char name[64]; /* of this run alone */
static struct diary *diaries;
static spl_store *store;

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
fight(spl_store *s, uint64_t r)
{
	uint8_t value[MAX_VALUE];
	char text[64];
	unsigned key = (unsigned)(r >> 8) % SHARED;
	int rc;

	snprintf(text, sizeof text, "shared-%u", key);
	stamped_make(value, key, r, 64);
	rc = r % 64 == 1 ? (int)spl_unset(s, text)
			 : spl_set(s, text, value, 64);
	return rc == -ENOENT || rc == -ENOSPC || rc > 0 ? 0 : rc;
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
		return fight(s, r);
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
	if (rc == -ENOENT || rc == -ENOSPC)
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

/* The survivor goes on at once: an update, and what needs the claim. */
static bool
survivor_works(void)
{
	int a = spl_add(store, "survivor", 1, NULL);
	int b = (int)spl_unset(store, "guest");
	int c = spl_set(store, "guest", "g", 1);

	if (!a && (b == 1 || b == -ENOENT) && (!c || c == -ENOSPC))
		return true;
	printf("# survivor: add %d, unset %d, set %d\n", a, b, c);
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

/* A random moment: the one time that a test may let time pass. */
static void
let_run(uint64_t *random)
{
	long ns = (long)(tap_random(random) % 2000000);

	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void
stop_all(const pid_t *pids)
{
	for (unsigned w = 0; w < WRITERS; w++) {
		kill(pids[w], SIGKILL);
		waitpid(pids[w], NULL, 0);
	}
}

/* All dead: what the diaries say, and where every block is. */
static bool
audit_all(pid_t *pids)
{
	bool right = true;

	stop_all(pids);
	for (unsigned w = 0; w < WRITERS; w++)
		right &= writer_verify(w);
	return !audit(store) && right;
}

static void
campaign(unsigned long kills, bool vacuum, uint64_t *random)
{
	pid_t pids[WRITERS];
	unsigned long wrong = 0, stuck = 0, unlisted = 0, unsound = 0;
	int status;

	spl_set_auto_vacuum(store, vacuum, NULL);
	for (unsigned w = 0; w < WRITERS; w++)
		pids[w] = writer_start(w, random);
	for (unsigned long i = 0; i < kills; i++) {
		unsigned victim = (unsigned)(tap_random(random) % WRITERS);
		let_run(random);
		kill(pids[victim], SIGKILL);
		waitpid(pids[victim], &status, 0);
		wrong += !writer_verify(victim) || !shared_whole() ||
			 !WIFSIGNALED(status);
		stuck += !survivor_works();
		unlisted += !list_right(victim);
		if (i % 100 == 99) {
			unsound += !audit_all(pids);
			for (unsigned w = 0; w < WRITERS; w++)
				if (w != victim)
					pids[w] = writer_start(w, random);
		}
		pids[victim] = writer_start(victim, random);
	}
	unsound += !audit_all(pids);
	const char *av = vacuum ? "on" : "off";
	CHECK(!wrong,
		"auto-vacuum %s: no key torn, lost or gone back in %lu "
		"kills",
		av, kills);
	CHECK(!stuck, "auto-vacuum %s: the survivor writes on at once", av);
	CHECK(!unlisted, "auto-vacuum %s: no key is listed twice", av);
	CHECK(!unsound, "auto-vacuum %s: every block is in one place", av);
}

int
main(void)
{
	unsigned long kills = tap_scale(5000, 250);
	struct spl_options o;
	struct spl_store_stat info;
	uint64_t random;

	tap_start(600);
	snprintf(name, sizeof name, "splinter-kill-test-%d", (int)getpid());
	random = tap_seed();
	spl_options_init(&o);
	o.slots = SLOTS;
	o.max_value = MAX_VALUE;
	o.writers = 6;
	diaries = mmap(NULL, WRITERS * sizeof *diaries, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(diaries != MAP_FAILED, "has memory for the diaries");
	REQUIRE(!spl_create(name, &o, &store), "creates a store");
	REQUIRE(!spl_set(store, "survivor", "0", 1), "sets the survivor's key");
	campaign(kills, true, &random);
	campaign(kills, false, &random);
	spl_store_info(store, &info);
	uint64_t operations = 0;
	for (unsigned w = 0; w < WRITERS; w++)
		operations += diaries[w].operations;
	printf("# %" PRIu64 " operations, %" PRIu64 " repairs\n", operations,
		info.repairs);
	CHECK(info.repairs > 0, "dead writers were repaired");
	CHECK(!spl_set_auto_vacuum(store, 1, NULL) && !audit(store),
		"auto-vacuum, switched on at the end, leaves nothing stale");
	spl_close(store);
	CHECK(!spl_destroy(name, SPL_MEMORY), "goes without a trace");
	return tap_end();
}
