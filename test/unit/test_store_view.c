/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - references, looking at values in place, reading a value with what
 * it is, read-only handles.
 */
#include <pthread.h>
#include <string.h>

#include "hook.h"
#include "unit.h"

static bool
ref_is(spl_ref *ref, const char *text)
{
	char buf[64];
	size_t len = 0;
	int rc = spl_ref_get(ref, buf, sizeof buf, &len);

	if (!text)
		return rc == -ENOENT;
	return !rc && len == strlen(text) && !memcmp(buf, text, len);
}

static void
references(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 16);
	spl_ref *ref;
	char buf[4];
	size_t len = 77;

	CHECK_RC(spl_ref_open(s, "k", &ref), 0);
	CHECK(ref_is(ref, NULL), "of a key that does not exist");
	CHECK_RC(spl_ref_set(ref, "one", 3), 0);
	CHECK(ref_is(ref, "one") && unit_is(s, "k", "one"), "which it creates");
	unit_set(s, "k", "two");
	CHECK(ref_is(ref, "two"), "sees what others set");
	CHECK_RC(spl_ref_set(ref, "three", 5), 0);
	CHECK(unit_is(s, "k", "three") && unit_epoch(s, "k") == 6,
		"others see what it sets");
	CHECK_RC(spl_ref_get(ref, buf, 4, &len), -EMSGSIZE);
	CHECK(len == 5, "the size comes with EMSGSIZE");
	CHECK_RC(spl_ref_get(ref, NULL, 0, &len), 0);
	CHECK(len == 5, "or alone");
	CHECK_RC(spl_ref_set(ref, "12345678901234567", 17), -EMSGSIZE);
	spl_unset(s, "k");
	CHECK(ref_is(ref, NULL), "notices removal");
	unit_set(s, "k", "back");
	CHECK(ref_is(ref, "back"), "and return");
	spl_unset(s, "k");
	CHECK_RC(spl_ref_set(ref, "again", 5), 0);
	CHECK(ref_is(ref, "again") && unit_epoch(s, "k") == 10,
		"or brings it back itself");
	CHECK_RC(spl_ref_set(ref, NULL, 0), 0);
	CHECK(ref_is(ref, ""), "an empty value");
	spl_ref_close(ref);
	unit_drop(s);
}

/* A reference has a copy of its key. */
static void
references_keep_their_key(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	char *key = malloc(8);
	spl_ref *ref;

	strcpy(key, "first");
	CHECK_RC(spl_ref_open(s, key, &ref), 0);
	strcpy(key, "second");
	CHECK_RC(spl_ref_set(ref, "v", 1), 0);
	free(key);
	CHECK_RC(spl_ref_set(ref, "w", 1), 0);
	CHECK(ref_is(ref, "w") && unit_is(s, "first", "w") &&
			unit_is(s, "second", NULL),
		"the caller's text may go");
	spl_ref_close(ref);
	unit_drop(s);
}

/* The key returns in another slot; its old one belongs to another key. */
static void
references_follow_to_another_slot(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	spl_ref *ref;
	struct spl_peek before, after;
	char other[16];
	unsigned moved = 0, wrong = 0;

	spl_ref_open(s, "k", &ref);
	for (unsigned n = 0; n < 400; n++) {
		wrong += spl_ref_set(ref, "mine", 4) != 0 ||
			 !ref_is(ref, "mine");
		wrong += spl_peek_begin(s, "k", &before) != 0;
		spl_unset(s, "k");
		/* Sooner or later this one takes the slot. */
		unit_text(other, sizeof other, "o%u", n);
		wrong += unit_set(s, other, "other") != 0;
		wrong += !ref_is(ref, NULL);
		wrong += unit_set(s, "k", "back") != 0 || !ref_is(ref, "back");
		wrong += spl_peek_begin(s, "k", &after) != 0;
		moved += before.slot != after.slot;
		wrong += spl_ref_set(ref, "set", 3) != 0;
		wrong += !unit_is(s, "k", "set") || !unit_is(s, other, "other");
		spl_unset(s, other);
	}
	CHECK(!wrong && moved, "the key returned in another slot %u times",
		moved);
	spl_ref_close(ref);
	unit_drop(s);
}

/* How many searches it takes. */
static unsigned
searches(spl_ref *ref, bool set)
{
	hook_set(HOOK_spli_table_find, (struct hook){.times = 10});
	if (set)
		CHECK_RC(spl_ref_set(ref, "v", 1), 0);
	else
		CHECK(ref_is(ref, "v"), "reads what is there");
	return hook_end(HOOK_spli_table_find);
}

static void
references_search_once(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	spl_ref *reads, *sets;

	unit_set(s, "k", "v");
	spl_ref_open(s, "k", &reads);
	spl_ref_open(s, "k", &sets);
	CHECK(searches(reads, false) == 1 && searches(reads, false) == 0 &&
			searches(reads, true) == 0,
		"what was read is found again without a search");
	CHECK(searches(sets, true) == 1 && searches(sets, true) == 0 &&
			searches(sets, false) == 0,
		"so is what was set");
	spl_ref_close(reads);
	spl_ref_close(sets);
	unit_drop(s);
}

struct user {
	spl_ref *ref;
	int rounds, failed;
};

static void *
use_reference(void *arg)
{
	struct user *u = arg;
	char buf[16];
	size_t len;

	for (int i = 0; i < u->rounds; i++) {
		u->failed += spl_ref_set(u->ref, "0123456789", 10) != 0;
		int rc = spl_ref_get(u->ref, buf, sizeof buf, &len);
		u->failed += rc ? rc != -ENOENT
				: len != 10 || memcmp(buf, "0123456789", 10);
	}
	return NULL;
}

static void
references_are_shared(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	struct user u[4];
	pthread_t threads[4];
	spl_ref *ref;
	int failed = 0, rounds = (int)tap_scale(5000, 200);

	spl_ref_open(s, "k", &ref);
	for (int i = 0; i < 4; i++) {
		u[i] = (struct user){ref, rounds, 0};
		pthread_create(&threads[i], NULL, use_reference, &u[i]);
	}
	for (int i = 0; i < rounds; i++) {
		int64_t rc = spl_unset(s, "k");
		failed += rc != 10 && rc != -ENOENT;
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		failed += u[i].failed;
	}
	CHECK(!failed,
		"a reference shared by threads, the key coming and going");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	spl_ref_close(ref);
	unit_drop(s);
}

static void
peeks(uint32_t kind, bool vacuum)
{
	spl_store *s = unit_store(kind, 8, 16);
	struct spl_peek p, q;

	spl_set_auto_vacuum(s, vacuum, NULL);
	CHECK_RC(spl_peek_begin(s, "k", &p), -ENOENT);
	unit_set(s, "k", "first");
	CHECK_RC(spl_peek_begin(s, "k", &p), 0);
	CHECK(p.len == 5 && p.epoch == 2 && !memcmp(p.data, "first", 5),
		"the bytes in place");
	CHECK_RC(spl_peek_stable(s, &p), 0);
	unit_set(s, "other", "x");
	CHECK_RC(spl_peek_stable(s, &p), 0);
	unit_set(s, "k", "second");
	if (vacuum) {
		CHECK_RC(spl_peek_stable(s, &p), -ESTALE);
	} else {
		/* Displaced, but not yet overwritten: they still stand. */
		CHECK_RC(spl_peek_stable(s, &p), 0);
		CHECK(!memcmp(p.data, "first", 5), "as the bytes do");
	}
	CHECK_RC(spl_peek_begin(s, "k", &q), 0);
	CHECK(q.epoch == 4 && !memcmp(q.data, "second", 6), "the next value");
	int sets = 0;
	while (!spl_peek_stable(s, &q) && sets < 100)
		sets += !unit_set(s, "k", "third");
	CHECK(sets >= 1 && sets <= 4, "overwritten after %d sets", sets);
	CHECK_RC(spl_peek_stable(s, &p), -ESTALE);
	CHECK_RC(spl_peek_begin(s, "k", &p), 0);
	spl_unset(s, "k");
	CHECK_RC(spl_peek_stable(s, &p), -ESTALE);
	unit_set(s, "empty", "");
	CHECK_RC(spl_peek_begin(s, "empty", &p), 0);
	CHECK(p.len == 0 && p.data, "an empty value has a place");
	unit_drop(s);
}

/* The value and what it is, of one moment. */
static void
reading_both(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 16);
	struct spl_key_stat stat = {.len = 77}, same;
	char buf[16] = "---------------", key[65];

	memset(key, 'k', 64);
	key[64] = '\0';
	CHECK_RC(spl_read(s, "k", buf, 16, &stat), -ENOENT);
	CHECK(stat.len == 77 && buf[0] == '-', "nothing is touched");
	spl_set_ttl(s, "k", "value", 5, 100000);
	CHECK_RC(spl_read(s, "k", buf, 16, &stat), 0);
	CHECK(!memcmp(buf, "value---", 8) && stat.len == 5 && stat.epoch == 2 &&
			!strcmp(stat.key, "k") && !stat.waited,
		"the value, and what it is");
	CHECK(stat.ttl_ms > 40000 && stat.ttl_ms <= 100000, "with time left");
	CHECK(!spl_stat(s, "k", &same) && same.hash == stat.hash &&
			same.val_off == stat.val_off,
		"as spl_stat says it");
	unit_set(s, "k", "longer");
	CHECK_RC(spl_read(s, "k", buf, 5, &stat), -EMSGSIZE);
	CHECK(stat.len == 6 && stat.epoch == 4 && stat.ttl_ms == UINT64_MAX,
		"filled also when it does not fit");
	CHECK_RC(spl_read(s, "k", buf, 0, &stat), -EMSGSIZE);
	CHECK_RC(spl_read(s, "k", NULL, 0, &stat), 0);
	CHECK_RC(spl_read(s, "k", NULL, 1, &stat), -EINVAL);
	CHECK_RC(spl_read(s, "k", buf, 16, NULL), -EINVAL);
	CHECK_RC(spl_read(NULL, "k", buf, 16, &stat), -EINVAL);
	CHECK_RC(spl_read(s, NULL, buf, 16, &stat), -EINVAL);
	CHECK_RC(spl_read(s, "", buf, 16, &stat), -EINVAL);
	CHECK_RC(spl_read(s, key, buf, 16, &stat), -ENAMETOOLONG);
	spl_wait(s, "k", 4, 1, NULL);
	CHECK(!spl_read(s, "k", buf, 16, &stat) && stat.waited,
		"who waited lately shows");
	unit_drop(s);
}

static void *
set_equal_bytes(void *arg)
{
	char buf[16];

	/* Every value says its epoch. */
	for (unsigned i = 1; i <= tap_scale(20000, 1000); i++) {
		memset(buf, (int)(i % 251), sizeof buf);
		spl_set(arg, "k", buf, i % 17);
	}
	return NULL;
}

static void
of_one_moment(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 16);
	struct spl_key_stat stat;
	pthread_t thread;
	unsigned wrong = 0;
	char buf[16];

	set_equal_bytes(s);
	uint64_t first = unit_epoch(s, "k");
	pthread_create(&thread, NULL, set_equal_bytes, s);
	do {
		wrong += spl_read(s, "k", buf, sizeof buf, &stat) != 0;
		uint64_t i = (stat.epoch - first) / 2;
		wrong += i && stat.len != i % 17;
		for (uint64_t at = 0; i && at < stat.len; at++)
			wrong += (unsigned char)buf[at] != i % 251;
	} while (stat.epoch < 2 * first);
	pthread_join(thread, NULL);
	CHECK(!wrong, "value, length and epoch are of one moment");
	unit_drop(s);
}

static void
read_only_handles(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 16);
	struct spl_key_stat stat;
	struct spl_store_stat info;
	struct spl_peek p;
	spl_list *list;
	spl_ref *ref;
	uint64_t now;

	unit_set(s, "k", "value");
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	CHECK(unit_is(r, "k", "value") && unit_is(r, "none", NULL), "get");
	CHECK(!spl_stat(r, "k", &stat) && stat.len == 5, "stat");
	CHECK(!spl_store_info(r, &info) && info.keys == 1 && info.read_only,
		"store_info");
	CHECK(!spl_list_begin(r, NULL, NULL, &list) &&
			spl_list_next(list, &stat) == 1 &&
			!strcmp(stat.key, "k") &&
			spl_list_next(list, &stat) == 0,
		"list");
	spl_list_end(list);
	CHECK(!spl_wait(r, "k", 0, UINT64_MAX, &now) && now == 2, "wait");
	CHECK_RC(spl_wait(r, "k", 2, 3, &now), -ETIMEDOUT);
	CHECK(!spl_peek_begin(r, "k", &p) && !memcmp(p.data, "value", 5) &&
			!spl_peek_stable(r, &p),
		"peek");
	CHECK(!spl_ref_open(r, "k", &ref) && ref_is(ref, "value"), "reference");
	unit_set(s, "k", "changed");
	CHECK(ref_is(ref, "changed") && unit_is(r, "k", "changed"),
		"it follows changes");
	spl_ref_close(ref);
	CHECK(spl_auto_vacuum(r) == 1, "auto_vacuum");
	CHECK(spl_fd(r) >= 0, "fd");
	CHECK_RC(spl_close(r), 0);
	unit_drop(s);
}

void
test_store_view(void)
{
	for (int i = 0; i < 2; i++) {
		references(unit_kinds[i]);
		peeks(unit_kinds[i], true);
		peeks(unit_kinds[i], false);
		read_only_handles(unit_kinds[i]);
		reading_both(unit_kinds[i]);
	}
	of_one_moment();
	references_keep_their_key();
	references_search_once();
	references_follow_to_another_slot();
	references_are_shared();
}
