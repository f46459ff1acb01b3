/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - handles: what a store says of itself and its keys, several
 * handles, several stores, names that go while it is open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "hook.h"
#include "unit.h"

static void
defaults(void)
{
	struct spl_options o;

	CHECK(!strcmp(spl_version(), "1.0.0"), "the version is %s",
		spl_version());
	memset(&o, 0xff, sizeof o);
	spl_options_init(&o);
	CHECK(o.size == sizeof o && o.kind == SPL_MEMORY && o.flags == 0 &&
			o.mode == 0600 && o.writers == 64 && o.slots == 1024 &&
			o.max_value == 4096,
		"the defaults are as documented");
	spl_store *s = NULL;
	char name[64];
	unit_text(name, sizeof name, "splinter-test-%d-default", (int)getpid());
	CHECK_RC(spl_create(name, NULL, &s), 0);
	struct spl_store_stat info;
	CHECK(!spl_store_info(s, &info) && info.slots == 1024 &&
			info.max_value == 4096 && info.writers == 64,
		"null options are the defaults");
	spl_close(s);
	CHECK_RC(spl_open(name, NULL, &s), 0);
	spl_close(s);
	CHECK_RC(spl_open_or_create(name, NULL, &s), 0);
	spl_close(s);
	CHECK_RC(spl_create_or_open(name, NULL, &s), 0);
	spl_close(s);
	CHECK_RC(spl_destroy(name, SPL_MEMORY), 0);
}

static uint64_t
ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
what_a_store_says(uint32_t kind)
{
	uint64_t before = ns_of(CLOCK_REALTIME);
	spl_store *s = unit_store(kind, 100, 50);
	struct spl_store_stat a, b;
	static const uint8_t zeros[16];

	CHECK_RC(spl_store_info(s, &a), 0);
	CHECK(a.magic == SPLI_MAGIC && a.version == 2 << 16, "magic, version");
	CHECK(a.slots == 100 && a.max_value == 50 && a.writers == 64,
		"its geometry");
	CHECK(a.keys == 0 && a.epoch == 0 && a.parse_failures == 0 &&
			a.last_failure_epoch == 0 && a.repairs == 0 &&
			a.writers_owned == 0,
		"counters start at 0");
	CHECK(a.auto_vacuum == 1 && a.read_only == 0 && a.wake_always == 0 &&
			a.feed_len == 1024,
		"its settings");
	CHECK(a.waited_new == 0 && a.waited_any == 0, "nobody waits");
	CHECK(memcmp(a.id, zeros, 16) != 0, "an id");
	CHECK(a.created_ns >= before && a.created_ns <= ns_of(CLOCK_REALTIME),
		"it was created just now");
	unit_set(s, "a", "1");
	unit_set(s, "b", "1");
	unit_set(s, "a", "2");
	spl_unset(s, "b");
	spl_unset(s, "b");
	CHECK_RC(spl_store_info(s, &b), 0);
	CHECK(b.keys == 1 && b.epoch == 4 && b.writers_owned == 1,
		"one key after four changes by one writer");
	CHECK(b.reserved_size > a.reserved_size && b.reserved_size < b.size,
		"values take memory as they come");
	spl_store *again = unit_again(s, SPL_READ_ONLY);
	CHECK_RC(spl_store_info(again, &a), 0);
	CHECK(a.read_only == 1, "a read-only handle says so");
	a.read_only = 0;
	CHECK(!memcmp(&a, &b, sizeof a), "else it says the same");
	spl_close(again);
	unit_drop(s);
}

/* Who waits, or did and has gone since nothing happened. */
static void
it_says_who_waits(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	struct spl_store_stat info;
	struct spl_event event;
	spl_feed *f = NULL;

	o.flags = SPL_WAKE_ALWAYS;
	spl_store *s = unit_store_with(&o);
	CHECK_RC(spl_wait(s, "k", 0, 1, NULL), -ETIMEDOUT);
	CHECK(!spl_store_info(s, &info) && info.wake_always == 1 &&
			info.waited_new == 1 && info.waited_any == 0,
		"for a new key, in a store that wakes always");
	unit_set(s, "k", "v");
	CHECK(!spl_store_info(s, &info) && info.waited_new == 0,
		"which has come");
	CHECK_RC(spl_feed_open(s, NULL, &f), 0);
	CHECK_RC(spl_feed_read(f, &event, 1, 1), 0);
	CHECK(!spl_store_info(s, &info) && info.waited_any == 1,
		"for any change");
	spl_feed_close(f);
	unit_drop(s);
}

static void
ids_differ(void)
{
	spl_store *a = unit_store(TEST_KIND, 1, 1);
	spl_store *b = unit_store(TEST_KIND, 1, 1);
	struct spl_store_stat x, y;

	spl_store_info(a, &x);
	spl_store_info(b, &y);
	CHECK(memcmp(x.id, y.id, 16) != 0, "two stores have two ids");
	unit_drop(a);
	unit_drop(b);
}

/* Where the kernel has no random bytes for us, the time is its id. */
static void
id_without_chance(void)
{
	uint64_t before = ns_of(CLOCK_MONOTONIC), id[2];
	spl_store *a = unit_store(TEST_KIND, 1, 1), *b;
	struct spl_store_stat info;

	hook_set(HOOK_getrandom, (struct hook){.error = ENOSYS, .times = 9});
	b = unit_store(SPL_MEMFD, 1, 1);
	CHECK(hook_end(HOOK_getrandom) >= 1, "no random bytes");
	uint64_t after = ns_of(CLOCK_MONOTONIC);
	spl_store_info(b, &info);
	memcpy(id, info.id, sizeof id);
	CHECK(id[0] >= before && id[0] <= after && !id[1],
		"the time is its id");
	spl_store_info(a, &info);
	memcpy(id, info.id, sizeof id);
	CHECK((id[0] < before || id[0] > after) && id[1], "else it is not");
	unit_drop(a);
	unit_drop(b);
}

/* Times to live in what outlives a boot are by the wall's clock. */
static void
clock_of_a_store(uint32_t kind)
{
	spl_store *s = unit_store(kind, 1, 1);

	CHECK((s->features & SPLI_WALL_CLOCK) ==
			(kind == SPL_FILE ? SPLI_WALL_CLOCK : 0),
		"%s clock", kind == SPL_FILE ? "the wall's" : "the boot's");
	unit_drop(s);
}

/* The ring of changes: four for each slot, a power of two, 1024 at least. */
static void
lengths_of_a_ring(void)
{
	static const uint64_t slots[] = {1, 256, 257, 512, 600, 20000};
	static const uint64_t len[] = {1024, 1024, 2048, 2048, 4096, 65536};
	struct spl_store_stat info;

	for (int i = 0; i < 6; i++) {
		spl_store *s = unit_store(TEST_KIND, slots[i], 1);
		CHECK(!spl_store_info(s, &info) && info.feed_len == len[i],
			"%u slots, %u changes", (unsigned)slots[i],
			(unsigned)len[i]);
		unit_drop(s);
	}
}

/* Every block, and no more. */
static void
reserved_at_once(void)
{
	struct spl_options o = unit_options(TEST_KIND, 10, 100);
	struct spl_store_stat info;

	o.flags = SPL_PREFAULT;
	spl_store *s = unit_store_with(&o);
	spl_store_info(s, &info);
	CHECK(info.reserved_size ==
			s->geo.blocks_off + s->geo.blocks * s->geo.stride,
		"all blocks of it are reserved");
	unit_drop(s);
}

/* A memfd's name is a label, which the kernel bounds. */
static void
long_labels(void)
{
	struct spl_options o = unit_options(SPL_MEMFD, 1, 1);
	char label[251];
	spl_store *s;

	memset(label, 'l', sizeof label);
	label[250] = '\0';
	CHECK_RC(spl_create(label, &o, &s), -ENAMETOOLONG);
	label[249] = '\0';
	CHECK_RC(spl_create(label, &o, &s), 0);
	spl_close(s);
}

/* val_off leads to the bytes in a mapping of one's own. */
static void
what_a_key_says(uint32_t kind)
{
	spl_store *s = unit_store(kind, 100, 500);
	struct spl_key_stat stat;
	struct spl_store_stat info;
	unsigned wrong = 0;
	char key[64], value[500];

	for (int i = 0; i < 100; i++) {
		unit_text(key, sizeof key, "key %d", i);
		memset(value, i, sizeof value);
		wrong += spl_set(s, key, value, (size_t)(5 * i)) != 0;
	}
	spl_store_info(s, &info);
	const uint8_t *map =
		mmap(NULL, info.size, PROT_READ, MAP_SHARED, spl_fd(s), 0);
	if (map == MAP_FAILED)
		abort();
	for (int i = 0; i < 100; i++) {
		unit_text(key, sizeof key, "key %d", i);
		memset(value, i, sizeof value);
		memset(&stat, 0xff, sizeof stat);
		wrong += spl_stat(s, key, &stat) != 0;
		wrong += stat.hash != spli_hash(key, strlen(key));
		wrong += stat.epoch != 2 || stat.len != (uint64_t)(5 * i);
		wrong += strcmp(stat.key, key) != 0;
		wrong += stat.val_off + stat.len > info.size ||
			 memcmp(map + stat.val_off, value, stat.len) != 0;
	}
	munmap((void *)(uintptr_t)map, info.size);
	CHECK(!wrong, "hash, epoch, length and place of 100 keys");
	CHECK_RC(spl_stat(s, "none", &stat), -ENOENT);
	unit_drop(s);
}

static void
handles_share_a_store(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8), *h[3];
	unsigned wrong = 0;
	char key[8];

	for (int i = 0; i < 3; i++)
		h[i] = unit_again(s, 0);
	for (int i = 0; i < 300; i++) {
		unit_text(key, sizeof key, "k%d", i % 5);
		wrong += unit_set(h[i % 3], key, key) != 0;
		wrong += !unit_is(h[(i + 1) % 3], key, key);
		wrong += spl_unset(h[(i + 2) % 3], key) != 2;
		wrong += !unit_is(s, key, NULL);
	}
	CHECK(!wrong, "what one handle writes, the others read");
	for (int i = 0; i < 3; i++)
		spl_close(h[i]);
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

static void
values_outlive_handles(void)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	const char *name = unit_name();
	unsigned wrong = 0;
	spl_store *s;

	for (int i = 0; i < 20; i++) {
		wrong += spl_open_or_create(name, &o, &s) != 0;
		wrong += i && unit_epoch(s, "k") != (uint64_t)(2 * i);
		wrong += unit_set(s, "k", "v") != 0;
		wrong += unit_misplaced(s);
		spl_close(s);
	}
	CHECK(!wrong, "values and epochs outlive the handles");
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

static void
a_removed_store_goes_on(void)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	const char *name = unit_name();
	spl_store *s, *again, *other;
	struct stat st;

	CHECK_RC(spl_create(name, &o, &s), 0);
	CHECK_RC(spl_open(name, &o, &again), 0);
	unit_set(s, "k", "old");
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	CHECK_RC(spl_open(name, &o, &other), -ENOENT);
	CHECK_RC(spl_create(name, &o, &other), 0);
	CHECK_RC(unit_set(again, "k", "older"), 0);
	CHECK_RC(unit_set(again, "new", "x"), 0);
	CHECK(spl_unset(s, "new") == 1 && unit_is(s, "k", "older"),
		"a removed store goes on working for who has it open");
	CHECK(unit_is(other, "k", NULL), "its successor is another");
	CHECK(!fstat(spl_fd(s), &st) && st.st_nlink == 0, "it has no name");
	spl_close(other);
	spl_close(again);
	spl_close(s);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

/*
 * Stores of all kinds at once, each with its own thread and a common one.
 */
struct work {
	spl_store *own, *common;
	int number, rounds, failed;
};

static void *
work(void *arg)
{
	struct work *w = arg;
	char key[16], text[16];

	for (int i = 0; i < w->rounds; i++) {
		unit_text(key, sizeof key, "%d", i % 7);
		unit_text(text, sizeof text, "%d.%d", w->number, i);
		w->failed += unit_set(w->own, key, text) != 0;
		w->failed += !unit_is(w->own, key, text);
		w->failed += i % 5 == 0 && spl_unset(w->own, key) < 0;
		unit_text(key, sizeof key, "of %d", w->number);
		w->failed += unit_set(w->common, key, text) != 0;
		w->failed += !unit_is(w->common, key, text);
		w->failed += spl_add(w->common, "all", 1, NULL) != 0;
	}
	return NULL;
}

static void
any_number_of_stores(void)
{
	enum { THREADS = 6 };
	static const uint32_t kinds[3] = {SPL_MEMORY, SPL_FILE, SPL_MEMFD};
	struct work w[THREADS];
	pthread_t threads[THREADS];
	char names[THREADS][4096 + 32], want[16];
	spl_store *common = unit_store(TEST_KIND, 16, 16);
	int failed = 0, rounds = (int)tap_scale(2000, 100);

	for (int i = 0; i < THREADS; i++) {
		struct spl_options o = unit_options(kinds[i % 3], 8, 16);
		unit_text(names[i], sizeof *names, "%s%ssplinter-test-%d-w%d",
			i % 3 == 1 ? unit_dir() : "", i % 3 == 1 ? "/" : "",
			(int)getpid(), i);
		w[i] = (struct work){NULL, common, i, rounds, 0};
		if (spl_create(names[i], &o, &w[i].own))
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, &w[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		failed += w[i].failed + (int)unit_misplaced(w[i].own);
		spl_close(w[i].own);
		if (i % 3 != 2)
			failed += spl_destroy(names[i], kinds[i % 3]) != 0;
	}
	unit_text(want, sizeof want, "%d", THREADS * rounds);
	CHECK(!failed && unit_is(common, "all", want),
		"memory, files and memfds at the same time, from %d threads",
		THREADS);
	unit_drop(common);
}

/* Opening and closing in some threads while others work. */
static void *
open_and_close(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < w->rounds; i++) {
		struct spl_options o = unit_options(TEST_KIND, 1, 1);
		spl_store *s;
		w->failed += spl_open(unit_name_of(w->common), &o, &s) != 0;
		w->failed += spl_add(s, "opened", 1, NULL) != 0;
		w->failed += spl_close(s) != 0;
	}
	return NULL;
}

static void
handles_come_and_go(void)
{
	spl_store *common = unit_store(TEST_KIND, 16, 16);
	struct work w[4];
	pthread_t threads[4];
	int failed = 0, rounds = (int)tap_scale(300, 20);
	char want[16];

	for (int i = 0; i < 4; i++) {
		w[i] = (struct work){common, common, i, rounds, 0};
		pthread_create(&threads[i], NULL, open_and_close, &w[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		failed += w[i].failed;
	}
	unit_text(want, sizeof want, "%d", 4 * rounds);
	CHECK(!failed && unit_is(common, "opened", want),
		"threads open, write and close");
	struct spl_store_stat info;
	spl_store_info(common, &info);
	CHECK(info.repairs == 0 && info.writers_owned == 0,
		"nobody was taken for dead");
	CHECK(!unit_misplaced(common), "every block is accounted for");
	unit_drop(common);
}

void
test_store(void)
{
	defaults();
	for (int i = 0; i < 2; i++) {
		what_a_store_says(unit_kinds[i]);
		what_a_key_says(unit_kinds[i]);
		handles_share_a_store(unit_kinds[i]);
	}
	it_says_who_waits();
	ids_differ();
	id_without_chance();
	long_labels();
	lengths_of_a_ring();
	reserved_at_once();
	clock_of_a_store(TEST_KIND);
	clock_of_a_store(SPL_MEMFD);
	values_outlive_handles();
	a_removed_store_goes_on();
	any_number_of_stores();
	handles_come_and_go();
}
