/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - walks over the keys, whole and filtered.
 */
#include <string.h>

#include "unit.h"

/* How many keys a walk meets, -1 or less for an error. */
static int
count(spl_store *s, const char *prefix, const char *pattern)
{
	struct spl_key_stat stat;
	spl_list *list = NULL;
	int n = 0, rc = spl_list_begin(s, prefix, pattern, &list);

	if (rc)
		return rc;
	while ((rc = spl_list_next(list, &stat)) == 1)
		n++;
	spl_list_end(list);
	return rc < 0 ? rc : n;
}

static void
filters(uint32_t kind)
{
	static const char *const keys[] = {"__debug", "__trace", "user:1",
		"user:2", "user:10", "users", "u", "User:1", "a.b", "a+b",
		"\xc3\xa4", "z"};
	spl_store *s = unit_store(kind, 20, 8);

	CHECK(count(s, NULL, NULL) == 0, "an empty store");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		unit_set(s, keys[i], "v");
	CHECK(count(s, NULL, NULL) == 12, "all keys");
	CHECK(count(s, "", NULL) == 12, "an empty prefix is none");
	CHECK(count(s, "user:", NULL) == 3, "a prefix");
	CHECK(count(s, "user:1", NULL) == 2, "a key may be its own prefix");
	CHECK(count(s, "user:10 and more", NULL) == 0, "longer than any key");
	CHECK(count(s, "a.", NULL) == 1, "a prefix is no pattern");
	CHECK(count(s, NULL, "^__") == 2, "a pattern");
	CHECK(count(s, NULL, "") == 12, "an empty pattern fits all");
	CHECK(count(s, NULL, "^user:[0-9]+$") == 3, "an extended one");
	CHECK(count(s, NULL, "user|z") == 5, "it fits anywhere");
	CHECK(count(s, NULL, "a\\+b") == 1, "a plus sign");
	CHECK(count(s, "user", "2$") == 1, "both have to fit");
	CHECK(count(s, NULL, "^$") == 0, "no key is empty");
	CHECK(count(s, NULL, "(") == -EINVAL, "a bad pattern is EINVAL");
	CHECK(count(s, "user", "[") == -EINVAL, "also beside a prefix");
	unit_drop(s);
}

/* What is behind the table is none of it: here, the writers. */
static void
a_table_without_padding(void)
{
	spl_store *s = unit_store(TEST_KIND, 64, 8);

	unit_set(s, "k", "v");
	CHECK(s->geo.table_off + s->geo.entries * sizeof(struct spli_entry) ==
				s->geo.writers_off &&
			count(s, NULL, NULL) == 1,
		"a table that fills its pages");
	unit_drop(s);
}

static void
each_key_once(void)
{
	enum { KEYS = 500 };
	spl_store *s = unit_store(TEST_KIND, KEYS, 16);
	struct spl_key_stat stat, want;
	unsigned met[KEYS] = {0}, wrong = 0;
	spl_list *list;
	char key[64];

	for (int i = 0; i < KEYS; i++) {
		/* Up to the longest. */
		unit_text(key, sizeof key, "%d%.*s", i, i % 60,
			"............................................"
			"................");
		wrong += spl_set(s, key, "0123456789abcdef",
				 (size_t)(i % 17)) != 0;
	}
	CHECK_RC(spl_list_begin(s, NULL, NULL, &list), 0);
	memset(&stat, 0xff, sizeof stat);
	while (spl_list_next(list, &stat) == 1) {
		int n = atoi(stat.key);
		met[n]++;
		wrong += stat.len != (uint64_t)(n % 17);
		memset(&want, 0, sizeof want);
		wrong += spl_stat(s, stat.key, &want) ||
			 memcmp(&stat, &want, sizeof stat) != 0;
		memset(&stat, 0xff, sizeof stat);
	}
	CHECK(spl_list_next(list, &stat) == 0, "the end stays the end");
	spl_list_end(list);
	for (int i = 0; i < KEYS; i++)
		wrong += met[i] != 1;
	CHECK(!wrong, "each key once, as spl_stat has it");
	unit_drop(s);
}

/* Keys that stand still are met once, whatever others do. */
static void
a_walk_beside_changes(void)
{
	spl_store *s = unit_store(TEST_KIND, 100, 16);
	struct spl_key_stat stat;
	unsigned still = 0, steps = 0, wrong = 0;
	spl_list *list;
	char key[16];

	for (int i = 0; i < 50; i++) {
		unit_text(key, sizeof key, "still%d", i);
		unit_set(s, key, "");
		unit_text(key, sizeof key, "moving%d", i);
		unit_set(s, key, "");
	}
	CHECK_RC(spl_list_begin(s, NULL, NULL, &list), 0);
	while (spl_list_next(list, &stat) == 1) {
		still += !strncmp(stat.key, "still", 5);
		unit_text(key, sizeof key, "moving%u", steps++ % 50);
		wrong += spl_unset(s, key) != 0;
		wrong += unit_set(s, key, "") != 0;
		wrong += unit_set(s, stat.key, "") != 0;
	}
	spl_list_end(list);
	CHECK(still == 50 && !wrong, "keys that stand still are met once");
	unit_drop(s);
}

static void
errors(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_key_stat stat;
	spl_list *list = NULL;

	CHECK_RC(spl_list_begin(NULL, NULL, NULL, &list), -EINVAL);
	CHECK_RC(spl_list_begin(s, NULL, NULL, NULL), -EINVAL);
	CHECK_RC(spl_list_begin(s, NULL, "a{2,1}", &list), -EINVAL);
	CHECK(!list, "no list comes of it");
	CHECK_RC(spl_list_next(NULL, &stat), -EINVAL);
	CHECK_RC(spl_list_begin(s, "p", "q", &list), 0);
	CHECK_RC(spl_list_next(list, NULL), -EINVAL);
	spl_list_end(list);
	spl_list_end(NULL);
	unit_drop(s);
}

void
test_list(void)
{
	for (int i = 0; i < 2; i++)
		filters(unit_kinds[i]);
	a_table_without_padding();
	each_key_once();
	a_walk_beside_changes();
	errors();
}
