/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - full, missing and odd file systems, each in a child's private mount
 * namespace.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "hook.h"
#include "map.h"
#include "unit.h"

/* Where TEST_KIND keeps its stores: what is mounted over in the children. */
static const char *
place(void)
{
	return TEST_KIND == SPL_FILE ? unit_dir() : "/dev/shm";
}

static const char *
name_there(const char *plain)
{
	static char path[PATH_MAX];

	unit_text(path, sizeof path, "%s/%s", unit_dir(), plain);
	return TEST_KIND == SPL_FILE ? path : plain;
}

static int
entries_in(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

static bool
mounted(const char *type, unsigned long flags, const char *data)
{
	return unit_private_mounts() &&
	       !mount("none", place(), type, flags, data);
}

static const char *no_room;

static void
can_mount(void *arg)
{
	(void)arg;
	EXPECT(mounted("tmpfs", 0, "size=1m"));
}

static void
create_in_a_full_one(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 65536, 16);
	spl_store *s = NULL;
	const char *name = name_there("full");

	(void)arg;
	if (!EXPECT(mounted("tmpfs", 0, "size=1m")))
		return;
	/* A table of 4 MiB. */
	EXPECT(spl_create(name, &o, &s) == -ENOSPC);
	EXPECT(spl_create_or_open(name, &o, &s) == -ENOSPC);
	EXPECT(spl_open_or_create(name, &o, &s) == -ENOSPC);
	EXPECT(!s && entries_in(place()) == 0);
	/* The table fits, not so all of its values at once. */
	o.slots = 1000;
	o.max_value = 4096;
	o.flags = SPL_PREFAULT;
	EXPECT(spl_create(name, &o, &s) == -ENOSPC);
	EXPECT(!s && entries_in(place()) == 0);
	/* And what failed has given its memory back. */
	o.flags = 0;
	EXPECT(spl_create(name, &o, &s) == 0);
	spl_close(s);
	EXPECT(entries_in(place()) == 1);
}

enum { FULL_SLOTS = 1000, FULL_VALUE = 16384 };

static void
value_for(char *buf, int n, int version)
{
	memset(buf, 'a' + (n + version) % 26, FULL_VALUE);
	memcpy(buf, &n, sizeof n);
	memcpy(buf + 8, &version, sizeof version);
}

static bool
all_there(spl_store *s, int count, int version)
{
	static char want[FULL_VALUE], got[FULL_VALUE];
	char key[16];
	size_t len;

	for (int i = 0; i < count; i++) {
		unit_text(key, sizeof key, "%d", i);
		value_for(want, i, version);
		if (spl_get(s, key, got, sizeof got, &len) ||
			len != sizeof got || memcmp(got, want, len))
			return false;
	}
	return true;
}

/* Sets keys 0, 1, ... until one fails; how many it were. */
static int
insert_until_full(spl_store *s, int *rc)
{
	static char value[FULL_VALUE];
	char key[16];
	int n = 0;

	for (*rc = 0; n < FULL_SLOTS; n++) {
		unit_text(key, sizeof key, "%d", n);
		value_for(value, n, 0);
		*rc = spl_set(s, key, value, sizeof value);
		if (*rc)
			break;
	}
	return n;
}

static void
fill_up_values(void *arg)
{
	static char value[FULL_VALUE];
	struct spl_options o = unit_options(TEST_KIND, FULL_SLOTS, FULL_VALUE);
	char key[16];
	spl_store *s = NULL;
	int rc;

	(void)arg;
	if (!EXPECT(mounted("tmpfs", 0, "size=4m")) ||
		!EXPECT(spl_create(name_there("fill"), &o, &s) == 0))
		return;
	int n = insert_until_full(s, &rc);
	EXPECT(rc == -ENOSPC);
	/* 4 MiB hold some 240 values; nearly all of them were put to use. */
	EXPECT(n > 200 && n < 260);
	EXPECT(all_there(s, n, 0));
	EXPECT(unit_keys(s) == (uint64_t)n);
	unit_text(key, sizeof key, "%d", n);
	EXPECT(spl_get(s, key, NULL, 0, NULL) == -ENOENT);
	EXPECT(unit_misplaced(s) == 0);
	for (int i = 0; i < n; i++) {
		unit_text(key, sizeof key, "%d", i);
		value_for(value, i, 1);
		EXPECT(spl_set(s, key, value, sizeof value) == 0);
	}
	EXPECT(all_there(s, n, 1));
	/* What goes makes room for one. */
	EXPECT(spl_unset(s, "0") == FULL_VALUE);
	EXPECT(spl_set(s, "another", value, sizeof value) == 0);
	EXPECT(unit_set(s, "one too many", "") == -ENOSPC);
	EXPECT(spl_unset(s, "another") == FULL_VALUE);
	/* Nothing is corrupted for who comes later. */
	spl_close(s);
	EXPECT(spl_open(name_there("fill"), &o, &s) == 0);
	EXPECT(spl_get(s, "1", value, sizeof value, NULL) == 0);
	EXPECT(unit_misplaced(s) == 0);
	spl_close(s);
	EXPECT(spl_destroy(name_there("fill"), TEST_KIND) == 0);
	EXPECT(entries_in(place()) == 0);
}

/* A second process wants spare blocks where there is room for none. */
static void
full_for_a_new_writer(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, FULL_SLOTS, FULL_VALUE);
	spl_store *s = NULL;
	int rc;

	(void)arg;
	if (!EXPECT(mounted("tmpfs", 0, "size=4m")) ||
		!EXPECT(spl_create(name_there("two"), &o, &s) == 0))
		return;
	int n = insert_until_full(s, &rc);
	spl_store *second = NULL;
	EXPECT(spl_open(name_there("two"), &o, &second) == 0);
	EXPECT(unit_set(second, "0", "x") == -ENOSPC);
	EXPECT(all_there(second, n, 0));
	/* Once the first has left, his spare blocks serve the second. */
	spl_close(s);
	EXPECT(unit_set(second, "0", "x") == 0);
	EXPECT(unit_is(second, "0", "x"));
	EXPECT(unit_misplaced(second) == 0);
	spl_close(second);
}

static void
no_shared_memory(void *arg)
{
	struct spl_options o = unit_options(SPL_MEMORY, 4, 8);
	spl_store *s = NULL;

	(void)arg;
	if (!EXPECT(unit_private_mounts() &&
		    !mount("none", "/dev", "tmpfs", 0, NULL)))
		return;
	EXPECT(spl_create("name", &o, &s) == -ENOENT);
	EXPECT(spl_open("name", &o, &s) == -ENOENT);
	EXPECT(spl_open_or_create("name", &o, &s) == -ENOENT);
	EXPECT(spl_create_or_open("name", &o, &s) == -ENOENT);
	EXPECT(spl_destroy("name", SPL_MEMORY) == -ENOENT);
	/* Memory without a name needs none. */
	o.kind = SPL_MEMFD;
	EXPECT(spl_create("name", &o, &s) == 0);
	EXPECT(unit_set(s, "k", "v") == 0 && unit_is(s, "k", "v"));
	spl_close(s);
}

static void
read_only_file_system(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	const char *name = name_there("ro");
	spl_store *s = NULL;

	(void)arg;
	if (!EXPECT(mounted("tmpfs", 0, NULL)) ||
		!EXPECT(spl_create(name, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "k", "v") == 0);
	spl_close(s);
	EXPECT(!mount("none", place(), "none", MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT(spl_open(name, &o, &s) == -EROFS);
	EXPECT(spl_create(name_there("new"), &o, &s) == -EROFS);
	EXPECT(spl_create_or_open(name_there("new"), &o, &s) == -EROFS);
	EXPECT(spl_destroy(name_there("ro"), TEST_KIND) == -EROFS);
	o.flags = SPL_READ_ONLY;
	EXPECT(spl_open(name_there("ro"), &o, &s) == 0);
	EXPECT(unit_is(s, "k", "v"));
	spl_close(s);
}

static void
unreservable_file_system(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL;

	(void)arg;
	if (!EXPECT(mounted("ramfs", 0, NULL)))
		return;
	EXPECT(spl_create(name_there("ram"), &o, &s) == -EOPNOTSUPP);
	EXPECT(!s && entries_in(place()) == 0);
}

/* What the kernel says of its memory: so many KiB are left, in a child. */
static const char *
meminfo(void)
{
	static char path[PATH_MAX];

	unit_text(path, sizeof path, "%s/meminfo", unit_dir());
	return path;
}

static bool
memory_is(uint64_t kib)
{
	FILE *f = fopen(meminfo(), "we");

	if (!f)
		return false;
	fprintf(f, "MemAvailable: %8llu kB\n", (unsigned long long)kib);
	return !fclose(f);
}

static void
can_say_memory(void *arg)
{
	(void)arg;
	EXPECT(unit_private_mounts() && memory_is(0) &&
		!mount(meminfo(), "/proc/meminfo", "none", MS_BIND, NULL));
}

/* What a store has from its start has to fit into what is left. */
static void
little_memory(void *arg)
{
	struct spl_options o = unit_options(SPL_MEMFD, 1000, 16);
	spl_store *s = arg;
	uint64_t kib = s->geo.blocks_off >> 10;

	s = NULL;
	can_say_memory(NULL);
	EXPECT(memory_is(kib - 1));
	EXPECT(spl_create("too large", &o, &s) == -ENOSPC && !s);
	EXPECT(memory_is(kib));
	EXPECT(spl_create("fits", &o, &s) == 0 && spl_close(s) == 0);
}

static void
memory_has_bounds(void)
{
	static const char what[] = "more than the memory that is left: ENOSPC";

	if (unit_run(can_say_memory, NULL)) {
		unit_skip(what, "nothing can be mounted in /proc");
	} else {
		spl_store *s = unit_store(SPL_MEMFD, 1000, 16);
		CHECK(!unit_run(little_memory, s), "%s", what);
		unit_drop(s);
	}
	unlink(meminfo());
}

static void
in_child(unit_body *body, const char *what)
{
	if (no_room)
		unit_skip(what, no_room);
	else
		CHECK(!unit_run(body, NULL), "%s", what);
}

static void
absurd_sizes(void)
{
	static const uint32_t kinds[] = {TEST_KIND, SPL_MEMFD};

	for (int i = 0; i < 2; i++) {
		const char *name = unit_name();
		spl_store *s = NULL;
		struct spl_options o =
			unit_options(kinds[i], 1 << 30, UINT32_MAX);
		CHECK_RC(spl_create(name, &o, &s), -ENOSPC);
		CHECK_RC(spl_create_or_open(name, &o, &s), -ENOSPC);
		o.flags = SPL_PREFAULT;
		CHECK_RC(spl_create(name, &o, &s), -ENOSPC);
		o.slots = 1 << 20;
		CHECK_RC(spl_create(name, &o, &s), -ENOSPC);
		CHECK(!s, "no handle comes of it");
	}
}

/* The marks between which blocks are reserved. */
static void
marks_only_widen(void)
{
	spl_store *s = unit_store(TEST_KIND, 10000, 1000);
	struct spli_header *h = s->header;
	uint64_t first = s->geo.ring_blocks + 1, last = s->geo.blocks;

	CHECK(h->low == first && h->high == first, "nothing is reserved yet");
	CHECK(!spli_reserve_down(s, first) && h->low == first,
		"down to the mark: nothing to do");
	CHECK(!spli_reserve_down(s, first - 3) && h->low == first - 3,
		"down by three: just those");
	CHECK(!spli_reserve_down(s, first - 1) && h->low == first - 3,
		"what is reserved stays so");
	h->low = first + 1;
	CHECK_RC(spli_reserve_down(s, 1), -EBADMSG);
	h->low = first - 3;
	CHECK(!spli_reserve_up(s, first - 1) && h->high == first,
		"up to below the mark: nothing to do");
	uint64_t step = (256 << 10) / s->geo.stride;
	CHECK(!spli_reserve_up(s, first) && h->high == first + 1 + step,
		"up by one: 256 KiB more");
	CHECK(!spli_reserve_up(s, first + step) && h->high == first + 1 + step,
		"which are there then");
	CHECK(!spli_reserve_up(s, last - 1) && h->high == last + 1,
		"no further than the end");
	CHECK_RC(spli_reserve_up(s, last), 0);
	CHECK_RC(spli_reserve_up(s, last + 1), -EBADMSG);
	unsigned wrong = 0;
	for (uint64_t to = last - 1; to <= last + 3; to++) {
		h->high = first;
		wrong += spli_reserve_up(s, to - 1 - step) != 0;
		wrong += h->high != (to <= last ? to : last + 1);
	}
	CHECK(!wrong, "wherever a step would end");
	h->high = first;
	hook_set(HOOK_fallocate, (struct hook){.error = ENOSPC});
	CHECK(!spli_reserve_up(s, first) && hook_end(HOOK_fallocate) == 1 &&
			h->high == first + 1,
		"just the one where there is no room for a step");
	h->high = last + 2;
	CHECK_RC(spli_reserve_up(s, last), -EBADMSG);
	h->high = first - 1;
	CHECK_RC(spli_reserve_up(s, last), -EBADMSG);
	h->high = first + 8 * ((1 << 20) / s->geo.stride);
	uint64_t eighth = (h->high - first + 1) / 8;
	uint64_t from = h->high;
	CHECK(!spli_reserve_up(s, from) && h->high >= from + eighth &&
			h->high <= from + 2 + eighth,
		"of much, an eighth more");
	unit_drop(s);
}

void
test_map_room(void)
{
	marks_only_widen();
	absurd_sizes();
	memory_has_bounds();
	no_room = unit_run(can_mount, NULL) ? "no private mounts here" : NULL;
	in_child(create_in_a_full_one,
		"create on a full file system: ENOSPC, nothing left behind");
	in_child(fill_up_values,
		"values until ENOSPC: old keys readable, updates work");
	in_child(full_for_a_new_writer,
		"no room for a second writer's spare blocks: ENOSPC");
	in_child(no_shared_memory, "no /dev/shm: ENOENT");
	in_child(read_only_file_system, "a read-only file system: EROFS");
	in_child(unreservable_file_system,
		"a file system that cannot reserve: EOPNOTSUPP");
}
