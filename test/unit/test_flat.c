/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.c - the flat API does what it says.
 */
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "splinter.h"
#include "unit.h"

static bool
flat_is(const char *key, const char *text)
{
	char buf[64];
	size_t len = 0;

	return !splinter_get(key, buf, sizeof buf, &len) &&
	       len == strlen(text) && !memcmp(buf, text, len);
}

static void
opening(void)
{
	const char *a = unit_name(), *b = unit_name();

	CHECK(splinter_create(a, 10, 100) == 0, "create");
	CHECK(splinter_set("k", "in a", 4) == 0, "set");
	CHECK(splinter_create(b, 20, 200) == 0, "create replaces the current");
	CHECK(splinter_get("k", NULL, 0, NULL) == -1, "it is another store");
	CHECK(splinter_set("k", "in b", 4) == 0, "set");
	CHECK(splinter_open(a) == 0 && flat_is("k", "in a"), "open");
	CHECK(splinter_open_or_create(b, 1, 1) == 0 && flat_is("k", "in b"),
		"open_or_create opens");
	CHECK(splinter_create_or_open(a, 1, 1) == 0 && flat_is("k", "in a"),
		"create_or_open opens");
	CHECK(splinter_open("no such store") == -1 && flat_is("k", "in a"),
		"what fails leaves the current store");
	splinter_close();
	splinter_close();
	CHECK(!spl_destroy(a, TEST_KIND) && !spl_destroy(b, TEST_KIND),
		"the names mean what TEST_KIND says");
	CHECK(splinter_open_or_create(a, 10, 100) == 0, "open_or_create");
	CHECK(splinter_create_or_open(b, 10, 100) == 0, "create_or_open");
	splinter_close();
	CHECK(!spl_destroy(a, TEST_KIND) && !spl_destroy(b, TEST_KIND),
		"both create");
}

static void
values(void)
{
	char buf[8] = "-------";
	size_t len = 77;

	CHECK(splinter_set("k", "hello", 5) == 0, "set");
	CHECK(splinter_get("k", buf, sizeof buf, &len) == 0 && len == 5 &&
			!memcmp(buf, "hello--", 8),
		"get copies the value and nothing more");
	len = 77;
	CHECK(splinter_get("k", NULL, 0, &len) == 0 && len == 5,
		"a null buffer asks for the size");
	CHECK(splinter_get("k", NULL, 3, &len) == 0 && len == 5,
		"whatever size is said with it");
	CHECK(splinter_get("k", buf, 8, NULL) == 0, "the size may go untold");
	CHECK(splinter_set("k", NULL, 0) == 0 && flat_is("k", ""),
		"an empty value");
	CHECK(splinter_unset("k") == 0, "unset returns its length, 0");
	splinter_set("k", "1234567", 7);
	CHECK(splinter_unset("k") == 7, "or 7");
}

static void
lists(void)
{
	char *keys[8] = {0};
	size_t n = 77;

	CHECK(splinter_list(keys, 8, &n) == 0 && n == 0, "an empty store");
	for (int i = 0; i < 5; i++) {
		char key[8];
		unit_text(key, sizeof key, "key%d", i);
		splinter_set(key, "", 0);
	}
	CHECK(splinter_list(keys, 8, &n) == 0 && n == 5, "five keys");
	splinter_unset("key0");
	for (int i = 1; i < 5; i++)
		splinter_set("key1", "xx", 2);
	unsigned seen = 0;
	for (size_t i = 0; i < n; i++)
		seen |= 1u << (keys[i][3] - '0');
	CHECK(seen == 31, "the strings stay as they are until the next list");
	CHECK(splinter_list(keys, 3, &n) == 0 && n == 3, "at most three");
	CHECK(splinter_list(keys, 8, &n) == 0 && n == 4, "four are left");
	CHECK(splinter_list(NULL, 0, &n) == 0 && n == 0, "none wanted");
	for (int i = 1; i < 5; i++) {
		char key[8];
		unit_text(key, sizeof key, "key%d", i);
		splinter_unset(key);
	}
}

static void
snapshots(void)
{
	splinter_header_snapshot_t h;
	splinter_slot_snapshot_t slot;

	memset(&h, 0xff, sizeof h);
	memset(&slot, 0xff, sizeof slot);
	CHECK(splinter_set("foo", "value", 5) == 0, "set");
	CHECK(splinter_get_header_snapshot(&h) == 0, "header snapshot");
	CHECK(h.magic == 0x4e4c5053 && h.version == 2 << 16 && h.slots == 64 &&
			h.max_val_sz == 100 && h.auto_vacuum == 1 &&
			h.parse_failures == 0 && h.last_failure_epoch == 0,
		"says what the store is");
	uint64_t epoch = h.epoch;
	splinter_set("foo", "other", 5);
	splinter_get_header_snapshot(&h);
	CHECK(h.epoch == epoch + 1, "its epoch counts changes");
	CHECK(splinter_get_slot_snapshot("foo", &slot) == 0, "slot snapshot");
	CHECK(slot.hash == UINT64_C(15902901984413996407) &&
			slot.epoch % 2 == 0 && slot.val_len == 5 &&
			slot.val_off < UINT32_MAX && slot.val_off > 4096 &&
			!strcmp(slot.key, "foo"),
		"says where the value is");
	CHECK(splinter_unset("foo") == 5, "unset");
}

static void
auto_vacuum(void)
{
	CHECK(splinter_get_av() == 1, "on in a new store");
	CHECK(splinter_set_av(0) == 0 && splinter_get_av() == 0, "off");
	CHECK(splinter_set_av(1) == 0 && splinter_get_av() == 1, "on");
}

/* Until a poll, the first one of the key, has announced itself. */
static void
until_polled(spl_store *s, const char *key)
{
	struct spl_peek peek;

	if (spl_peek_begin(s, key, &peek))
		abort();
	while (!(spli_load(&s->table[peek.slot].waiters) & 1))
		unit_moment();
}

static void *
change_later(void *arg)
{
	spl_store *other = arg;
	uint64_t seen;

	until_polled(other, "change");
	unit_set(other, "change", "2");
	spl_wait(other, "next", 0, UINT64_MAX, &seen);
	until_polled(other, "remove");
	spl_unset(other, "remove");
	return NULL;
}

static void
polling(const char *name)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	pthread_t thread;
	spl_store *other;

	splinter_set("k", "1", 1);
	splinter_set("change", "1", 1);
	splinter_set("remove", "1", 1);
	CHECK(splinter_poll("k", 0) == -2 && errno == ETIMEDOUT,
		"a timeout of 0 does not wait");
	uint64_t from = spli_now_ns();
	CHECK(splinter_poll("k", 30) == -2 && errno == ETIMEDOUT &&
			spli_now_ns() - from >= 30000000,
		"a short one ends, not early");
	if (spl_open(name, &o, &other))
		abort();
	pthread_create(&thread, NULL, change_later, other);
	CHECK(splinter_poll("change", UINT64_MAX) == 0 &&
			flat_is("change", "2"),
		"poll ends with a change");
	splinter_set("next", "", 0);
	CHECK(splinter_poll("remove", 30000) == 0 &&
			splinter_get("remove", NULL, 0, NULL) == -1,
		"or with a removal");
	pthread_join(thread, NULL);
	spl_close(other);
}

static void *
set_later(void *arg)
{
	spl_store *other = arg;
	struct spl_store_stat info;

	do
		unit_moment();
	while (!spl_store_info(other, &info) && !info.waited_new &&
		!info.waited_any);
	unit_set(other, "new", "1");
	return NULL;
}

static void
polling_many(const char *name)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	splinter_pollkey_t keys[3] = {
		{"many", 0, 77}, {"new", 0, 77}, {"many", 0, 77}};
	pthread_t thread;
	spl_store *other;

	CHECK(splinter_multi_poll(keys, 3, 0) == 0 && !keys[0].revents &&
			!keys[1].revents && !keys[2].revents,
		"nothing is ready");
	CHECK(splinter_multi_poll(keys, 3, 3) == 0, "nor after a while");
	splinter_set("many", "1", 1);
	CHECK(splinter_multi_poll(keys, 3, UINT64_MAX) == 2 &&
			keys[0].revents == SPLINTER_CREATED &&
			keys[0].epoch == keys[2].epoch && keys[2].epoch &&
			keys[2].revents == SPLINTER_CREATED && !keys[1].revents,
		"created");
	splinter_set("many", "2", 1);
	keys[2].epoch = 0;
	CHECK(splinter_multi_poll(keys, 3, 0) == 2 &&
			keys[0].revents == SPLINTER_CHANGED &&
			keys[2].revents == SPLINTER_CREATED,
		"changed, or created, as it was seen last");
	if (spl_open(name, &o, &other))
		abort();
	pthread_create(&thread, NULL, set_later, other);
	CHECK(splinter_multi_poll(keys, 3, UINT64_MAX) == 1 &&
			keys[1].revents == SPLINTER_CREATED && keys[1].epoch,
		"one that others create");
	pthread_join(thread, NULL);
	splinter_unset("new");
	uint64_t seen = keys[0].epoch + 2;
	CHECK(spl_set_ttl(other, "many", "", 0, 10) == 0, "for a moment");
	keys[0].epoch = keys[2].epoch = seen;
	CHECK(splinter_multi_poll(&keys[1], 1, 0) == 1 && !keys[1].epoch &&
			keys[1].revents == SPLINTER_UNSET,
		"removed");
	CHECK(splinter_multi_poll(keys, 3, UINT64_MAX) == 2 &&
			keys[0].revents == SPLINTER_EXPIRED && !keys[0].epoch,
		"expired");
	spl_close(other);
	CHECK((int)SPLINTER_CREATED == SPL_CREATED &&
			(int)SPLINTER_CHANGED == SPL_CHANGED &&
			(int)SPLINTER_UNSET == SPL_UNSET &&
			(int)SPLINTER_EXPIRED == SPL_EXPIRED,
		"the same numbers as in spl.h");
}

/* Offsets that a 32-bit field cannot hold. */
static void
far_away(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 2 << 20);
	splinter_slot_snapshot_t slot;

	o.writers = 1024;
	spl_store *s = unit_store_with(&o);
	CHECK(splinter_open(unit_name_of(s)) == 0 &&
			splinter_set("far", "away", 4) == 0 &&
			splinter_get_slot_snapshot("far", &slot) == 0,
		"a store larger than 4 GiB");
	CHECK(slot.val_off == UINT32_MAX && slot.val_len == 4,
		"val_off is UINT32_MAX when it does not fit");
	splinter_close();
	unit_drop(s);
}

static void
many_keys(void)
{
	const char *name = unit_name();
	char *keys[500], key[16];
	size_t n = 0;
	unsigned wrong = 0;

	CHECK(splinter_create(name, 500, 8) == 0, "create");
	for (int i = 0; i < 500; i++) {
		unit_text(key, sizeof key, "%d", i);
		wrong += splinter_set(key, key, strlen(key)) != 0;
	}
	CHECK(!wrong && splinter_list(keys, 500, &n) == 0 && n == 500,
		"500 keys");
	for (size_t i = 0; i < n; i++)
		wrong += !flat_is(keys[i], keys[i]);
	CHECK(!wrong, "each with its value");
	CHECK(splinter_set("more", "", 0) == -1 && errno == ENOSPC, "is full");
	splinter_close();
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

void
test_flat(void)
{
	const char *name = unit_name();

	opening();
	CHECK(splinter_create(name, 64, 100) == 0, "a store for the rest");
	values();
	lists();
	snapshots();
	auto_vacuum();
	polling(name);
	polling_many(name);
	splinter_close();
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	far_away();
	many_keys();
}
