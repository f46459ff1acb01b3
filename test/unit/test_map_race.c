/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - several who create the same name at once.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "unit.h"

enum {
	RACERS = 4,
	ROUND = 0, /* on the board: the round that may start */
	READY = 8 /* by racer: the round he is done with */
};

typedef int how_fn(const char *, const struct spl_options *, spl_store **);

static struct race {
	char name[PATH_MAX];
	int rounds;
	how_fn *how[RACERS];
	/* Shared by all: what came out of the round. */
	struct outcome {
		int rc[RACERS];
		uint8_t id[RACERS][16];
		int value_seen[RACERS];
	} * out;
} race;

struct racer {
	struct race *race;
	int number;
};

static void
one_round(struct race *r, int me)
{
	struct spl_options o = unit_options(TEST_KIND, 100, 100);
	struct spl_store_stat info;
	spl_store *s = NULL;
	int rc = r->how[me](r->name, &o, &s);

	r->out->rc[me] = rc;
	r->out->value_seen[me] = 0;
	if (rc)
		return;
	char key[16];
	unit_text(key, sizeof key, "racer %d", me);
	r->out->value_seen[me] = !spl_store_info(s, &info) &&
				 info.slots == 100 && !unit_set(s, key, key) &&
				 unit_is(s, key, key);
	memcpy(r->out->id[me], info.id, 16);
	spl_close(s);
}

static void
racer(void *arg)
{
	struct racer *r = arg;

	for (int round = 1; round <= r->race->rounds; round++) {
		unit_await(ROUND, round);
		one_round(r->race, r->number);
		unit_post(READY + r->number, round);
	}
}

struct tally {
	int winners, losers, others, unlike, strange;
};

static void
count(struct tally *t, const struct outcome *out)
{
	const uint8_t *id = NULL;

	for (int i = 0; i < RACERS; i++) {
		if (out->rc[i] == -EEXIST) {
			t->losers++;
			continue;
		}
		if (out->rc[i]) {
			printf("# %s\n", unit_errno(out->rc[i]));
			t->others++;
			continue;
		}
		t->winners++;
		t->strange += !out->value_seen[i];
		t->unlike += id && memcmp(id, out->id[i], 16);
		id = out->id[i];
	}
}

static struct tally
run(int rounds, how_fn *even, how_fn *odd)
{
	struct tally t = {0};
	struct unit_child children[RACERS];
	struct racer racers[RACERS];

	unit_text(race.name, sizeof race.name, "%s", unit_name());
	race.rounds = rounds;
	unit_board_clear();
	for (int i = 0; i < RACERS; i++) {
		race.how[i] = i % 2 ? odd : even;
		racers[i] = (struct racer){&race, i};
		children[i] = unit_fork(racer, &racers[i]);
	}
	for (int round = 1; round <= rounds; round++) {
		unit_post(ROUND, round);
		for (int i = 0; i < RACERS; i++)
			unit_await(READY + i, round);
		count(&t, race.out);
		if (spl_destroy(race.name, TEST_KIND))
			t.others++;
	}
	for (int i = 0; i < RACERS; i++)
		t.others += unit_join(&children[i]) != 0;
	return t;
}

/* Files of ours, and temporary ones of anybody's in our own directory. */
static int
left_behind(void)
{
	char prefix[64];
	const char *path = TEST_KIND == SPL_FILE ? unit_dir() : "/dev/shm";
	DIR *dir = opendir(path);
	const struct dirent *e;
	int left = 0;

	unit_text(prefix, sizeof prefix, "splinter-test-%d-", (int)getpid());
	while (dir && (e = readdir(dir)))
		if (TEST_KIND == SPL_FILE
				? strcmp(e->d_name, ".") != 0 &&
					  strcmp(e->d_name, "..") != 0
				: !strncmp(e->d_name, prefix, strlen(prefix)))
			left += printf("# left: %s\n", e->d_name) > 0;
	if (dir)
		closedir(dir);
	return left;
}

/* Open or create beside one who removes the name all the time. */
static void
against_a_remover(int rounds)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	const char *name = unit_name();
	unsigned odd = 0;

	for (int i = 0; i < rounds; i++) {
		spl_store *a, *b;
		odd += spl_open_or_create(name, &o, &a) != 0;
		odd += spl_destroy(name, TEST_KIND) != 0;
		odd += spl_create_or_open(name, &o, &b) != 0;
		odd += unit_set(a, "k", "a") != 0 || unit_set(b, "k", "b") != 0;
		odd += !unit_is(a, "k", "a") || !unit_is(b, "k", "b");
		spl_close(a);
		spl_close(b);
		odd += spl_destroy(name, TEST_KIND) != 0;
	}
	CHECK(!odd, "a store that was removed is another than its successor");
}

void
test_map_race(void)
{
	int rounds = (int)tap_scale(100, 15);

	race.out = mmap(NULL, sizeof *race.out, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (race.out == MAP_FAILED)
		abort();
	struct tally t = run(rounds, spl_create, spl_create);
	CHECK(t.winners == rounds && t.losers == rounds * (RACERS - 1) &&
			!t.others && !t.strange,
		"of %d who create, in %d rounds, one wins, the rest EEXIST",
		RACERS, rounds);
	t = run(rounds, spl_open_or_create, spl_create_or_open);
	CHECK(t.winners == rounds * RACERS && !t.losers && !t.others,
		"open_or_create and create_or_open all get a store");
	CHECK(!t.unlike, "the same store");
	CHECK(!t.strange, "and a whole one");
	t = run(rounds, spl_create, spl_open_or_create);
	CHECK(t.winners >= rounds * RACERS / 2 && !t.others && !t.unlike,
		"beside creators, too");
	against_a_remover(rounds);
	CHECK(!left_behind(), "no file is left behind");
	munmap(race.out, sizeof *race.out);
}
