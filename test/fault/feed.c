/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed tells all, or says how much it missed. Writers in processes of their
 * own set, remove and create keys at full speed; this one follows, and
 * builds a picture of the store from what it is told. Every event has to fit
 * the picture, every value its epoch, and in the end the picture is
 * the store, also when the reader fell behind and when writers were killed.
 *
 *   fault_feed [CHANGES [VARIANT]]     all variants whose name begins so
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "stamped.h"
#include "store.h"
#include "tap.h"

TAP_MAIN

enum {
	WRITERS_MAX = 3,
	KEYS_MAX = 2000,
	MAX_VALUE = 100,
	EVENTS = 64,
	CHANGES_MIN = 10000 /* some rings full, so that one can lag */
};

/* Of a variant. */
enum {
	VALUES = 1, /* events carry values */
	REMOVALS = 2, /* keys are removed and created again */
	PACED = 4, /* writers wait for the reader, so that it misses none */
	LAGS = 8, /* the reader lets the ring go round, at times */
	KILLS = 16, /* writers are killed and started again */
	SNAPSHOT = 32, /* the feed begins with what there is */
	READ_ONLY = 64
};

struct variant {
	const char *name;
	unsigned writers, keys, flags;
};

/* What the reader was told of a key. */
struct told {
	uint64_t epoch; /* the last one */
	uint64_t version; /* of the value; 0: none was told */
	bool present;
};

/* Shared with the writers. */
struct share {
	uint64_t tries[WRITERS_MAX]; /* to change something */
	uint64_t made[WRITERS_MAX]; /* of these, changes */
	uint64_t read; /* the sequence that the reader has come to */
	uint64_t starts; /* of writers, so that no two versions are equal */
};

static const struct variant variants[] = {
	{"paced", 1, 500, PACED},
	{"paced, values, removals", 1, 500, PACED | VALUES | REMOVALS},
	{"flat out", 1, 500, 0},
	{"flat out, values", 1, 500, VALUES},
	{"one key", 1, 1, VALUES | REMOVALS},
	{"removals", 1, 2000, REMOVALS | SNAPSHOT},
	{"read-only, paced", 1, 500, PACED | VALUES | REMOVALS | READ_ONLY},
	{"lagging", 1, 500, LAGS | REMOVALS},
	{"lagging, values", 2, 500, LAGS | VALUES | REMOVALS | SNAPSHOT},
	{"several writers", 3, 500, VALUES | REMOVALS},
	{"several writers, paced", 3, 500, PACED | VALUES | REMOVALS},
	{"kills", 2, 500, KILLS | REMOVALS},
	{"kills, values, lagging", 3, 500, KILLS | VALUES | REMOVALS | LAGS},
	{"kills, paced", 3, 500, KILLS | PACED | VALUES | REMOVALS},
	{"kills, paced, hot keys", 3, 4, KILLS | PACED | VALUES | REMOVALS},
};

static const struct variant *variant;
static uint64_t changes_wanted;
static struct share *share;
static spl_store *store, *reader;
static uint64_t feed_len;
static struct told picture[KEYS_MAX];
static uint64_t last_sequence, sum_missed, wrong, kills, events_told;
static pid_t pids[WRITERS_MAX];

static void
key_name(char *text, unsigned key)
{
	snprintf(text, 64, "key-%u", key);
}

/*
 * Writers. A value says its key and its version; the version says its epoch
 * where the writer knew it before: when it replaced a certain other one.
 */
enum { EPOCH_BITS = 40 };
#define EPOCH_MASK ((UINT64_C(1) << EPOCH_BITS) - 1)

struct writer {
	uint64_t random, starts, epochs[KEYS_MAX];
};

static uint64_t
version_of(struct writer *w, uint64_t epoch)
{
	/* Unlike any other: who, and a random number, beside the epoch. */
	return epoch | (w->starts << 14 | tap_random(&w->random) % 16384)
			       << EPOCH_BITS;
}

/* Set, on condition of what was seen last. Stale only teaches the epoch. */
static int
replace(spl_store *s, struct writer *w, unsigned key, const char *text)
{
	uint8_t value[MAX_VALUE];
	uint64_t was = w->epochs[key], now = was;
	uint32_t len = STAMPED_MIN + (uint32_t)(tap_random(&w->random) %
						(MAX_VALUE - STAMPED_MIN + 1));

	stamped_make(value, key, version_of(w, was ? was + 2 : 0), len);
	int rc = spl_set_if(s, text, value, len, was, &now);
	w->epochs[key] = now;
	if (!rc && was && now != was + 2)
		return -EPROTO;
	return rc;
}

static int
change(spl_store *s, struct writer *w)
{
	uint64_t r = tap_random(&w->random);
	unsigned key = (unsigned)(r >> 16) % variant->keys;
	char text[64];
	int rc;

	key_name(text, key);
	if (variant->flags & REMOVALS && r % 8 == 0) {
		rc = (int)spl_unset(s, text);
		w->epochs[key] = 0;
		return rc > 0 ? 0 : rc;
	}
	do
		rc = replace(s, w, key, text);
	while (rc == -ESTALE);
	return rc;
}

/* What all writers make before they wait is half a ring. */
static uint64_t
share_of_ring(void)
{
	return feed_len / 2 / variant->writers;
}

/* The reader has come to where the store is. */
static void
let_catch_up(spl_store *s)
{
	struct spl_store_stat info;

	spl_store_info(s, &info);
	while (spli_load_acquire(&share->read) < info.epoch)
		sched_yield();
}

static uint64_t
wanted_of_each(void)
{
	return changes_wanted / variant->writers;
}

static void
writer_main(unsigned number, uint64_t seed)
{
	static struct writer w;
	spl_store *s = store;
	int rc = 0;

	w.random = seed;
	w.starts = __atomic_add_fetch(&share->starts, 1, __ATOMIC_RELAXED);
	/* Only an open repairs what a killed one left at once. */
	if (seed % 2)
		rc = spl_open_fd(spl_fd(store), NULL, &s);
	while (!rc && share->tries[number] < wanted_of_each()) {
		uint64_t tries = share->tries[number] + 1;
		rc = change(s, &w);
		share->made[number] += !rc;
		if (rc == -ENOENT)
			rc = 0;
		share->tries[number] = tries;
		if (variant->flags & PACED && tries % share_of_ring() == 0)
			let_catch_up(s);
	}
	if (rc)
		fprintf(stderr, "# writer: %s\n", strerror(-rc));
	_exit(rc != 0);
}

static void
writer_start(unsigned number, uint64_t *random)
{
	uint64_t seed = tap_random(random);

	pids[number] = fork();
	if (pids[number])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	writer_main(number, seed);
}

/*
 * The reader.
 */
static void
complain(const struct spl_event *e, const char *what)
{
	if (wrong++ < 20)
		printf("# %s: %s: sequence %llu, what %u, key '%s', "
		       "epoch %llu, changes %llu, len %llu\n",
			variant->name, what, (unsigned long long)e->sequence,
			e->what, e->key, (unsigned long long)e->epoch,
			(unsigned long long)e->changes,
			(unsigned long long)e->len);
}

static void
check_value(const struct spl_event *e, unsigned key, struct told *t)
{
	uint64_t epoch;

	t->version = 0;
	if (!(variant->flags & VALUES)) {
		if (e->value)
			complain(e, "a value unasked for");
		return;
	}
	if (!e->value || !stamped_whole(e->value, e->len, key, &t->version)) {
		complain(e, "no whole value of this key");
		return;
	}
	epoch = t->version & EPOCH_MASK;
	if (epoch && epoch != e->epoch)
		complain(e, "the value of another epoch");
}

/* Into the picture, if it fits. */
static void
learn(const struct spl_event *e)
{
	unsigned key = KEYS_MAX;
	struct told *t;

	if (sscanf(e->key, "key-%u", &key) != 1 || key >= variant->keys) {
		complain(e, "an unknown key");
		return;
	}
	t = &picture[key];
	if (e->what == SPL_UNSET) {
		if (!t->present)
			complain(e, "removed, but was not there");
		if (e->epoch < t->epoch)
			complain(e, "the epoch fell");
		if (e->value)
			complain(e, "a removed one's value");
	} else {
		if (e->what == SPL_CHANGED && !t->present)
			complain(e, "changed, but was not there");
		if (e->what == SPL_CREATED && t->present)
			complain(e, "created, but was there");
		if (e->epoch <= t->epoch)
			complain(e, "the epoch did not rise");
		if (e->what == SPL_CHANGED && !(variant->flags & REMOVALS) &&
			e->epoch != t->epoch + 2 * e->changes)
			complain(e, "another number of changes");
		check_value(e, key, t);
	}
	t->present = e->what != SPL_UNSET;
	t->epoch = e->epoch;
}

static void
hear(const struct spl_event *e)
{
	events_told++;
	if (e->sequence < last_sequence)
		complain(e, "the sequence fell");
	last_sequence = e->sequence;
	switch (e->what) {
	case SPL_MISSED:
		sum_missed += e->changes;
		if (e->key[0])
			complain(e, "missed what has a name");
		break;
	case SPL_SYNCED:
		if (e->key[0])
			complain(e, "synced what has a name");
		break;
	case SPL_CHANGED:
	case SPL_CREATED:
	case SPL_UNSET:
	case SPL_PRESENT:
		learn(e);
		break;
	default:
		complain(e, "an unknown event");
	}
}

/* Returns how many events there were. */
static int
follow(spl_feed *feed, uint64_t timeout_ms)
{
	struct spl_event events[EVENTS];
	struct spl_feed_stat stat;
	int count = spl_feed_read(feed, events, EVENTS, timeout_ms);

	for (int i = 0; i < count; i++)
		hear(&events[i]);
	if (count < 0)
		complain(&(struct spl_event){.what = (uint32_t)-count},
			"spl_feed_read fails");
	spl_feed_info(feed, &stat);
	if (stat.seen + stat.missed != stat.sequence - stat.started)
		complain(&(struct spl_event){.sequence = stat.sequence},
			"seen and missed do not add up");
	spli_store_release(&share->read, stat.sequence);
	return count;
}

/* How many writers are at work. Who ended by himself has done all. */
static unsigned
reap(uint64_t *random)
{
	unsigned alive = 0;
	int status;

	for (unsigned i = 0; i < variant->writers; i++) {
		if (!pids[i])
			continue;
		if (waitpid(pids[i], &status, WNOHANG) != pids[i]) {
			alive++;
			continue;
		}
		pids[i] = 0;
		if (WIFSIGNALED(status)) {
			writer_start(i, random);
			alive++;
		} else if (status) {
			complain(&(struct spl_event){0}, "a writer failed");
		}
	}
	return alive;
}

/* Let the ring go round once, if there is so much to come. */
static void
lag(spl_feed *feed, uint64_t *random)
{
	struct spl_feed_stat stat;

	do {
		sched_yield();
		spl_feed_info(feed, &stat);
	} while (stat.behind <= feed_len + feed_len / 8 && reap(random));
}

/* Whether a key is what was told of it. */
static bool
key_right(const struct spl_key_stat *stat, const struct told *t, unsigned key)
{
	uint8_t value[MAX_VALUE];
	uint64_t version;
	size_t len;

	if (!t->present || t->epoch != stat->epoch) {
		printf("# %s: '%s' has epoch %llu, told was %llu, %s\n",
			variant->name, stat->key,
			(unsigned long long)stat->epoch,
			(unsigned long long)t->epoch,
			t->present ? "present" : "absent");
		return false;
	}
	if (!(variant->flags & VALUES))
		return true;
	return !spl_get(store, stat->key, value, sizeof value, &len) &&
	       stamped_whole(value, len, key, &version) &&
	       (version == t->version || !t->version);
}

/* All writers are dead, all is repaired, all was told. */
static bool
picture_right(void)
{
	unsigned listed = 0, told = 0, key;
	struct spl_key_stat stat;
	bool right = true;
	spl_list *list;

	if (spl_list_begin(store, NULL, NULL, &list))
		return false;
	while (spl_list_next(list, &stat) == 1) {
		if (sscanf(stat.key, "key-%u", &key) != 1 || key >= KEYS_MAX)
			right = false;
		else
			right &= key_right(&stat, &picture[key], key);
		listed++;
	}
	spl_list_end(list);
	for (unsigned i = 0; i < variant->keys; i++)
		told += picture[i].present;
	if (told != listed)
		printf("# %s: %u keys told, %u there\n", variant->name, told,
			listed);
	return right && told == listed;
}

/* Repair what killed writers left, and read to the end. */
static bool
drain(spl_feed *feed)
{
	spl_store *repairs;
	int rc = spl_open_fd(spl_fd(store), NULL, &repairs);

	if (!rc)
		spl_close(repairs);
	while (follow(feed, 0) > 0)
		;
	return !rc;
}

static void
stop_all(void)
{
	for (unsigned i = 0; i < variant->writers; i++)
		if (pids[i]) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
			pids[i] = 0;
			kills++;
		}
}

/* Kill all at once. What each had in hand is in the picture, or is not. */
static void
take_stock(spl_feed *feed, uint64_t *random)
{
	stop_all();
	if (!drain(feed) || !picture_right())
		complain(&(struct spl_event){.sequence = last_sequence},
			"not what there is after kills");
	for (unsigned i = 0; i < variant->writers; i++)
		if (share->tries[i] < wanted_of_each())
			writer_start(i, random);
}

static void
disturb(spl_feed *feed, uint64_t *random)
{
	uint64_t r = tap_random(random);

	if (variant->flags & LAGS && r % 256 == 0)
		lag(feed, random);
	if (variant->flags & KILLS && (r >> 8) % 16 == 0) {
		pid_t pid = pids[(r >> 16) % variant->writers];
		if (pid)
			kill(pid, SIGKILL);
		kills += pid != 0;
	}
	if (variant->flags & KILLS && (r >> 24) % 8 == 0)
		take_stock(feed, random);
}

static int
make_store(spl_feed **feed)
{
	struct spl_feed_options of;
	struct spl_store_stat info;
	struct spl_options o;

	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = variant->keys;
	o.max_value = MAX_VALUE;
	int rc = spl_create("feed", &o, &store);
	if (rc)
		return rc;
	/* A first value each, unless the feed begins with nothing. */
	if (!(variant->flags & REMOVALS) || variant->flags & SNAPSHOT) {
		static struct writer w = {.random = 1};
		char text[64];
		memset(w.epochs, 0, sizeof w.epochs);
		for (unsigned i = 0; i < variant->keys; i++) {
			key_name(text, i);
			rc |= replace(store, &w, i, text);
			picture[i].present = !(variant->flags & SNAPSHOT);
			picture[i].epoch = picture[i].present ? w.epochs[i] : 0;
		}
	}
	o.flags = variant->flags & READ_ONLY ? SPL_READ_ONLY : 0;
	rc |= spl_open_fd(spl_fd(store), &o, &reader);
	rc |= spl_store_info(store, &info);
	feed_len = info.feed_len;
	spl_feed_options_init(&of);
	of.flags = (variant->flags & VALUES ? SPL_FEED_VALUES : 0) |
		   (variant->flags & SNAPSHOT ? SPL_FEED_SNAPSHOT : 0);
	return rc ? rc : spl_feed_open(reader, &of, feed);
}

/*
 * Whether the store has counted what writers have made. A killed one has no
 * time to count its last, and whoever repairs may count that again.
 */
static bool
count_right(uint64_t counted)
{
	uint64_t made = 0;

	for (unsigned i = 0; i < variant->writers; i++)
		made += share->made[i];
	if (counted < made || counted > made + 2 * kills)
		printf("# %s: %llu changes made, %llu counted\n", variant->name,
			(unsigned long long)made, (unsigned long long)counted);
	return counted >= made && counted <= made + 2 * kills;
}

static void
report(spl_feed *feed, uint64_t ns)
{
	struct spl_feed_stat stat;
	struct spl_store_stat info;

	spl_feed_info(feed, &stat);
	spl_store_info(store, &info);
	printf("# %s: %llu changes, %.2f million/s; %llu events, %llu missed; "
	       "%llu kills, %llu repairs\n",
		variant->name, (unsigned long long)(info.epoch - stat.started),
		(double)(info.epoch - stat.started) * 1e3 / (double)ns,
		(unsigned long long)stat.events,
		(unsigned long long)stat.missed, (unsigned long long)kills,
		(unsigned long long)info.repairs);
	CHECK(!wrong, "%s: every event fits what was told before",
		variant->name);
	CHECK(stat.sequence == info.epoch && !stat.behind,
		"%s: the feed comes to the end", variant->name);
	CHECK(stat.seen + stat.missed == info.epoch - stat.started,
		"%s: seen and missed are all changes", variant->name);
	CHECK(count_right(info.epoch - stat.started),
		"%s: as many as were made", variant->name);
	CHECK(stat.missed == sum_missed && stat.events == events_told,
		"%s: what was missed was told", variant->name);
	CHECK(picture_right(), "%s: what was told is what there is",
		variant->name);
	if (variant->flags & PACED)
		CHECK(!stat.missed, "%s: who keeps up misses none",
			variant->name);
	if (variant->flags & LAGS)
		CHECK(stat.missed, "%s: who lags misses some", variant->name);
}

static void
run(uint64_t *random)
{
	spl_feed *feed = NULL;
	uint64_t began;

	memset(picture, 0, sizeof picture);
	memset(share, 0, sizeof *share);
	last_sequence = sum_missed = wrong = kills = events_told = 0;
	REQUIRE(!make_store(&feed), "%s: has a store and a feed",
		variant->name);
	if (variant->flags & SNAPSHOT)
		follow(feed, 0);
	began = spli_now_ns();
	for (unsigned i = 0; i < variant->writers; i++)
		writer_start(i, random);
	if (variant->flags & LAGS)
		lag(feed, random);
	while (reap(random) && wrong < 20) {
		follow(feed, 10);
		disturb(feed, random);
	}
	uint64_t took = spli_now_ns() - began;
	stop_all(); /* only if all went wrong */
	CHECK(drain(feed), "%s: an open repairs", variant->name);
	report(feed, took);
	spl_feed_close(feed);
	spl_close(reader);
	spl_close(store);
}

int
main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : "";
	uint64_t random;

	changes_wanted = argc > 1 ? strtoull(argv[1], NULL, 0)
				  : tap_scale(200000, CHANGES_MIN);
	if (changes_wanted < CHANGES_MIN)
		changes_wanted = CHANGES_MIN;
	tap_start(300 + (unsigned)(changes_wanted / 5000));
	random = tap_seed();
	share = mmap(NULL, sizeof *share, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(share != MAP_FAILED, "has memory to share");
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		variant = &variants[i];
		if (!strncmp(variant->name, only, strlen(only)))
			run(&random);
	}
	return tap_end();
}
