/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - what every function of spl.h answers to what it cannot use.
 */
#define _GNU_SOURCE
#include <string.h>

#include "unit.h"

static spl_store *s;
static spl_ref *ref;
static char byte;

/* Every call that takes a key, by one signature. */
typedef int64_t on_key(spl_store *store, const char *key);

static int64_t
get(spl_store *store, const char *key)
{
	return spl_get(store, key, &byte, 1, NULL);
}
static int64_t
stat_(spl_store *store, const char *key)
{
	struct spl_key_stat stat;
	return spl_stat(store, key, &stat);
}
static int64_t
set(spl_store *store, const char *key)
{
	return spl_set(store, key, "v", 1);
}
static int64_t
set_if(spl_store *store, const char *key)
{
	return spl_set_if(store, key, "v", 1, 0, NULL);
}
static int64_t
add(spl_store *store, const char *key)
{
	return spl_add(store, key, 1, NULL);
}
static int64_t
append(spl_store *store, const char *key)
{
	return spl_append(store, key, "v", 1, NULL);
}
static int64_t
unset(spl_store *store, const char *key)
{
	return spl_unset(store, key);
}
static int64_t
wait_(spl_store *store, const char *key)
{
	return spl_wait(store, key, 0, 0, NULL);
}
static int64_t
ref_open(spl_store *store, const char *key)
{
	spl_ref *r;
	int rc = spl_ref_open(store, key, &r);
	if (!rc)
		spl_ref_close(r);
	return rc;
}
static int64_t
peek(spl_store *store, const char *key)
{
	struct spl_peek p;
	return spl_peek_begin(store, key, &p);
}

static const struct call {
	const char *name;
	on_key *call;
	int absent; /* the answer for an absent key */
	bool writes;
} calls[] = {
	{"get", get, -ENOENT, false},
	{"stat", stat_, -ENOENT, false},
	{"set", set, 0, true},
	{"set_if", set_if, 0, true},
	{"add", add, 0, true},
	{"append", append, 0, true},
	{"unset", unset, -ENOENT, true},
	{"wait", wait_, -ETIMEDOUT, false},
	{"ref_open", ref_open, 0, false},
	{"peek_begin", peek, -ENOENT, false},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void
keys(void)
{
	char *huge = malloc(10001);
	char key[65];

	memset(huge, 'h', 10000);
	huge[10000] = '\0';
	memset(key, 'k', sizeof key);
	for (size_t i = 0; i < CALLS; i++) {
		const struct call *c = &calls[i];
		bool ok = c->call(NULL, "k") == -EINVAL &&
			  c->call(s, NULL) == -EINVAL &&
			  c->call(s, "") == -EINVAL &&
			  c->call(NULL, NULL) == -EINVAL;
		CHECK(ok, "%s: EINVAL without a store or a key", c->name);
		key[63] = 'k';
		key[64] = '\0';
		CHECK(c->call(s, key) == -ENAMETOOLONG &&
				c->call(s, huge) == -ENAMETOOLONG,
			"%s: ENAMETOOLONG for 64 bytes, and 10,000", c->name);
		key[63] = '\0';
		CHECK(c->call(s, key) == c->absent,
			"%s: a key of 63 bytes will do", c->name);
		if (c->writes)
			spl_unset(s, key);
	}
	CHECK(unit_keys(s) == 0, "nothing was set under a key that failed");
	free(huge);
}

static void
pointers(void)
{
	struct spl_key_stat stat;
	struct spl_store_stat info;
	struct spl_peek p = {0};
	spl_ref *r = NULL;
	size_t len = 77;

	unit_set(s, "k", "value");
	uint64_t epoch = unit_epoch(s, "k");
	CHECK_RC(spl_get(s, "k", NULL, 1, &len), -EINVAL);
	CHECK(len == 77, "no length with EINVAL");
	CHECK_RC(spl_stat(s, "k", NULL), -EINVAL);
	CHECK_RC(spl_set(s, "k", NULL, 1), -EINVAL);
	CHECK_RC(spl_set_if(s, "k", NULL, 1, 2, NULL), -EINVAL);
	CHECK_RC(spl_append(s, "k", NULL, 1, NULL), -EINVAL);
	CHECK_RC(spl_store_info(s, NULL), -EINVAL);
	CHECK_RC(spl_store_info(NULL, &info), -EINVAL);
	CHECK_RC(spl_set_auto_vacuum(NULL, 1, NULL), -EINVAL);
	CHECK_RC(spl_auto_vacuum(NULL), -EINVAL);
	CHECK_RC(spl_ref_open(s, "k", NULL), -EINVAL);
	CHECK_RC(spl_ref_get(NULL, &byte, 1, NULL), -EINVAL);
	CHECK_RC(spl_ref_set(NULL, "v", 1), -EINVAL);
	CHECK_RC(spl_ref_open(s, "k", &r), 0);
	CHECK_RC(spl_ref_get(r, NULL, 1, NULL), -EINVAL);
	CHECK_RC(spl_ref_set(r, NULL, 1), -EINVAL);
	spl_ref_close(r);
	spl_ref_close(NULL);
	CHECK_RC(spl_peek_begin(s, "k", NULL), -EINVAL);
	CHECK_RC(spl_peek_stable(NULL, &p), -EINVAL);
	CHECK_RC(spl_peek_stable(s, NULL), -EINVAL);
	CHECK_RC(spl_peek_stable(s, &p), -EINVAL);
	p.slot = UINT64_MAX;
	p.word = UINT64_MAX;
	CHECK_RC(spl_peek_stable(s, &p), -EINVAL);
	CHECK_RC(spl_peek_begin(s, "k", &p), 0);
	p.slot = s->geo.entries;
	CHECK_RC(spl_peek_stable(s, &p), -EINVAL);
	p.slot--;
	p.word = spli_word(s, 1, s->geo.blocks + 1);
	CHECK_RC(spl_peek_stable(s, &p), -EINVAL);
	p.word = spli_word(s, 1, s->geo.blocks);
	CHECK_RC(spl_peek_stable(s, &p), -ESTALE);
	CHECK_RC(spl_fd(NULL), -EINVAL);
	CHECK_RC(spl_close(NULL), 0);
	CHECK(!spl_stat(s, "k", &stat) && stat.epoch == epoch &&
			unit_is(s, "k", "value"),
		"nothing of this has changed anything");
	spl_unset(s, "k");
}

static int
create(const struct spl_options *o)
{
	spl_store *made = NULL;
	const char *name = unit_name();
	int rc = spl_create(name, o, &made);

	if (!rc) {
		spl_close(made);
		spl_destroy(name, TEST_KIND);
	} else if (made || !access(unit_path(name), F_OK)) {
		return 1; /* something in spite of the error */
	}
	return rc;
}

/* A store with one option changed. */
#define CREATE_WITH(field, value)                                              \
	(o = unit_options(TEST_KIND, 4, 8), o.field = (value), create(&o))

static void
options(void)
{
	struct spl_options o;
	spl_store *made = NULL;

	CHECK_RC(CREATE_WITH(slots, 1), 0);
	CHECK_RC(CREATE_WITH(slots, 0), -EINVAL);
	CHECK_RC(CREATE_WITH(slots, (1 << 30) + 1), -EINVAL);
	CHECK_RC(CREATE_WITH(slots, UINT64_MAX), -EINVAL);
	CHECK_RC(CREATE_WITH(slots, UINT64_MAX / 64), -EINVAL);
	CHECK_RC(CREATE_WITH(max_value, 1), 0);
	CHECK_RC(CREATE_WITH(max_value, 0), -EINVAL);
	CHECK_RC(CREATE_WITH(max_value, UINT64_C(1) << 32), -EINVAL);
	CHECK_RC(CREATE_WITH(max_value, UINT64_MAX), -EINVAL);
	CHECK_RC(CREATE_WITH(writers, 1), 0);
	CHECK_RC(CREATE_WITH(writers, 1024), 0);
	CHECK_RC(CREATE_WITH(writers, 0), -EINVAL);
	CHECK_RC(CREATE_WITH(writers, 1025), -EINVAL);
	CHECK_RC(CREATE_WITH(writers, UINT32_MAX), -EINVAL);
	CHECK_RC(CREATE_WITH(kind, 3), -EINVAL);
	CHECK_RC(CREATE_WITH(flags, SPL_READ_ONLY), -EINVAL);
	CHECK_RC(CREATE_WITH(flags, 32), -EINVAL);
	CHECK_RC(CREATE_WITH(flags, UINT32_MAX), -EINVAL);
	CHECK_RC(CREATE_WITH(flags, SPL_ANY_OWNER), 0);
	CHECK_RC(CREATE_WITH(size, 0), -EINVAL);
	CHECK_RC(CREATE_WITH(size, sizeof o + 8), -EINVAL);
	o = unit_options(TEST_KIND, 4, 8);
	CHECK_RC(spl_create("x", &o, NULL), -EINVAL);
	CHECK_RC(spl_open("x", &o, NULL), -EINVAL);
	CHECK_RC(spl_open_or_create("x", &o, NULL), -EINVAL);
	CHECK_RC(spl_create_or_open("x", &o, NULL), -EINVAL);
	CHECK_RC(spl_open_fd(spl_fd(s), &o, NULL), -EINVAL);
	o.size++;
	CHECK_RC(spl_open(unit_name_of(s), &o, &made), -EINVAL);
	CHECK_RC(spl_open_fd(spl_fd(s), &o, &made), -EINVAL);
	o = unit_options(TEST_KIND, 0, 0);
	o.writers = 0;
	CHECK_RC(spl_open(unit_name_of(s), &o, &made), 0);
	CHECK(made && made->geo.slots == 8, "open ignores the geometry");
	spl_close(made);
	made = NULL;
	o.flags = SPL_READ_ONLY;
	CHECK_RC(spl_create_or_open(unit_name_of(s), &o, &made), -EINVAL);
	CHECK_RC(spl_open_or_create(unit_name_of(s), &o, &made), 0);
	CHECK(made && made->read_only, "what exists can be opened read-only");
	spl_close(made);
}

static void
read_only(void)
{
	struct spl_store_stat before, after;
	int32_t busy = 77;

	unit_set(s, "k", "value");
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	spl_store_info(s, &before);
	for (size_t i = 0; i < CALLS; i++) {
		if (!calls[i].writes)
			continue;
		CHECK(calls[i].call(r, "k") == -EROFS &&
				calls[i].call(r, "new") == -EROFS,
			"%s: EROFS on a read-only handle", calls[i].name);
	}
	CHECK_RC(spl_set_auto_vacuum(r, 0, NULL), -EROFS);
	CHECK_RC(spl_set_auto_vacuum(r, 1, &busy), -EROFS);
	CHECK(busy == 0, "nobody is in the way");
	CHECK_RC(spl_ref_open(r, "k", &ref), 0);
	CHECK_RC(spl_ref_set(ref, "v", 1), -EROFS);
	spl_ref_close(ref);
	spl_store_info(s, &after);
	CHECK(!memcmp(&before, &after, sizeof before) &&
			unit_is(s, "k", "value"),
		"nothing has changed");
	spl_close(r);
	spl_unset(s, "k");
}

void
test_store_errors(void)
{
	s = unit_store(TEST_KIND, 8, 16);
	keys();
	pointers();
	options();
	read_only();
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}
