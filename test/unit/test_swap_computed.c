/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.c - values that are computed from the last one: add and append.
 */
#include <pthread.h>
#include <string.h>

#include "unit.h"

static void
counters_count(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 32);
	int64_t sum = 99;

	CHECK_RC(spl_add(s, "n", 5, &sum), 0);
	CHECK(sum == 5 && unit_is(s, "n", "5"), "an absent key counts as 0");
	CHECK(unit_epoch(s, "n") == 2, "it is a set like others");
	CHECK_RC(spl_add(s, "n", -7, &sum), 0);
	CHECK(sum == -2 && unit_is(s, "n", "-2"), "below zero");
	CHECK_RC(spl_add(s, "n", 1002, NULL), 0);
	CHECK(unit_is(s, "n", "1000"), "the sum may go untold");
	CHECK_RC(spl_add(s, "n", 0, &sum), 0);
	CHECK(sum == 1000 && unit_epoch(s, "n") == 8, "0 is added, too");
	CHECK_RC(spl_add(s, "zero", 0, &sum), 0);
	CHECK(sum == 0 && unit_is(s, "zero", "0"), "0 to nothing is 0");
	CHECK_RC(spl_add(s, "low", INT64_MIN, &sum), 0);
	CHECK(sum == INT64_MIN && unit_is(s, "low", "-9223372036854775808"),
		"the least number");
	unit_drop(s);
}

static void
numbers_are_text(void)
{
	static const struct {
		const char *text;
		int64_t value; /* plus one */
	} good[] = {{"0", 1}, {"-0", 1}, {"+5", 6}, {"007", 8}, {"-1", 0},
		{"9223372036854775806", INT64_MAX},
		{"-9223372036854775808", INT64_MIN + 1},
		{"-9223372036854775807", INT64_MIN + 2}};
	static const char *const bad[] = {"", "-", "+", "x", "1x", "x1", " 1",
		"1 ", "1\n", "1.0", "1e3", "0x10", "--1", "+-1", "1,000",
		"9223372036854775808", "-9223372036854775809",
		"99999999999999999999999", "\xd9\xa1"};
	spl_store *s = unit_store(TEST_KIND, 4, 64);
	struct spl_store_stat info;
	int64_t sum;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		unit_set(s, "n", good[i].text);
		CHECK(!spl_add(s, "n", 1, &sum) && sum == good[i].value,
			"\"%s\" is a number", good[i].text);
	}
	spl_store_info(s, &info);
	CHECK(info.parse_failures == 0 && info.last_failure_epoch == 0,
		"no failure so far");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		unit_set(s, "n", bad[i]);
		uint64_t epoch = unit_epoch(s, "n");
		sum = 42;
		bool ok = spl_add(s, "n", 1, &sum) == -EINVAL && sum == 42 &&
			  unit_is(s, "n", bad[i]) &&
			  unit_epoch(s, "n") == epoch;
		spl_store_info(s, &info);
		CHECK(ok && info.parse_failures == i + 1 &&
				info.last_failure_epoch == info.epoch,
			"text %u is none: EINVAL, counted, unchanged",
			(unsigned)i);
	}
	spl_set(s, "n", "1\0002", 3);
	CHECK_RC(spl_add(s, "n", 1, NULL), -EINVAL);
	unit_drop(s);
}

static void
sums_have_a_range(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 20);
	spl_store *narrow = unit_store(TEST_KIND, 4, 2);
	struct spl_store_stat info;
	int64_t sum = 42;

	unit_set(s, "n", "9223372036854775807");
	CHECK_RC(spl_add(s, "n", 1, &sum), -ERANGE);
	CHECK_RC(spl_add(s, "n", INT64_MAX, &sum), -ERANGE);
	CHECK(sum == 42 && unit_is(s, "n", "9223372036854775807") &&
			unit_epoch(s, "n") == 2,
		"at the upper end nothing changes");
	CHECK_RC(spl_add(s, "n", -1, &sum), 0);
	unit_set(s, "n", "-9223372036854775808");
	CHECK_RC(spl_add(s, "n", -1, &sum), -ERANGE);
	CHECK_RC(spl_add(s, "n", INT64_MIN, &sum), -ERANGE);
	CHECK(unit_is(s, "n", "-9223372036854775808"), "nor at the lower");
	CHECK_RC(spl_add(s, "n", INT64_MAX, &sum), 0);
	CHECK(sum == -1, "from end to end");
	spl_store_info(s, &info);
	CHECK(info.parse_failures == 0, "a range is no parse failure");

	unit_set(narrow, "n", "99");
	CHECK_RC(spl_add(narrow, "n", 1, &sum), -EMSGSIZE);
	CHECK_RC(spl_add(narrow, "n", -109, &sum), -EMSGSIZE);
	CHECK_RC(spl_add(narrow, "new", 100, &sum), -EMSGSIZE);
	CHECK(unit_is(narrow, "n", "99") && unit_is(narrow, "new", NULL),
		"a sum with too many digits changes nothing");
	CHECK_RC(spl_add(narrow, "n", -108, &sum), 0);
	CHECK(unit_is(narrow, "n", "-9"), "one that fits does");
	unit_drop(narrow);
	unit_drop(s);
}

static void
append_grows(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 100);
	char want[101] = "";
	uint64_t total = 99;
	unsigned wrong = 0;

	CHECK_RC(spl_append(s, "k", NULL, 0, &total), 0);
	CHECK(total == 0 && unit_is(s, "k", ""), "nothing, to nothing");
	for (unsigned i = 0; i < 100; i++) {
		char c = (char)('a' + i % 26);
		want[i] = c;
		wrong += spl_append(s, "k", &c, 1, &total) || total != i + 1 ||
			 !unit_is(s, "k", want);
	}
	CHECK(!wrong, "byte by byte up to max_value");
	uint64_t epoch = unit_epoch(s, "k");
	CHECK(epoch == 202, "each is a set");
	CHECK_RC(spl_append(s, "k", "x", 1, &total), -EMSGSIZE);
	CHECK_RC(spl_append(s, "k", want, SIZE_MAX, &total), -EMSGSIZE);
	CHECK(total == 100 && unit_is(s, "k", want) &&
			unit_epoch(s, "k") == epoch,
		"one more changes nothing");
	CHECK_RC(spl_append(s, "k", "", 0, &total), 0);
	CHECK(total == 100 && unit_epoch(s, "k") == epoch + 2,
		"nothing can be appended to a full value");
	CHECK_RC(spl_append(s, "new", want, 100, NULL), 0);
	CHECK(unit_is(s, "new", want), "a whole value at once");
	CHECK_RC(spl_append(s, "newer", want, 101, NULL), -EMSGSIZE);
	CHECK(unit_is(s, "newer", NULL), "too big for a new key");
	CHECK_RC(unit_set(s, "k", "ab"), 0);
	CHECK_RC(spl_append(s, "k", "\0c", 2, &total), 0);
	char got[4];
	CHECK(!spl_get(s, "k", got, 4, NULL) && !memcmp(got, "ab\0c", 4),
		"zero bytes are bytes");
	unit_drop(s);
}

enum { THREADS = 4 };

struct crowd {
	spl_store *s;
	int rounds, failed;
};

static void *
add_and_append(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < c->rounds; i++) {
		int rc = spl_add(c->s, "count", 1, NULL);
		if (!rc)
			rc = spl_append(c->s, "log", "x", 1, NULL);
		if (rc)
			__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
none_is_lost_among_threads(void)
{
	struct crowd c = {NULL, (int)tap_scale(5000, 300), 0};
	pthread_t threads[THREADS];
	char want[32];
	size_t len = 0;

	c.s = unit_store(TEST_KIND, 4, (uint64_t)(THREADS * c.rounds));
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, add_and_append, &c);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	unit_text(want, sizeof want, "%d", THREADS * c.rounds);
	CHECK(!c.failed && unit_is(c.s, "count", want),
		"threads that count lose nothing");
	CHECK(!spl_get(c.s, "log", NULL, 0, &len) &&
			len == (size_t)(THREADS * c.rounds),
		"nor those that append");
	CHECK(unit_epoch(c.s, "count") == 2 * (uint64_t)(THREADS * c.rounds),
		"each made an epoch of its own");
	CHECK(!unit_misplaced(c.s), "every block is accounted for");
	unit_drop(c.s);
}

void
test_swap_computed(void)
{
	for (int i = 0; i < 2; i++) {
		counters_count(unit_kinds[i]);
		append_grows(unit_kinds[i]);
	}
	numbers_are_text();
	sums_have_a_range();
	none_is_lost_among_threads();
}
