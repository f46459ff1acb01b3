/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - a file system of each size, from one page on: whatever is the
 * allocation that finds it full, the call is ENOSPC and nothing is lost; and
 * once there is room, it goes on. And the limits that a process has.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "audit.h"
#include "unit.h"

enum { SLOTS = 12, VALUE = 16000, PAGE = 4096 };

static const char *
place(void)
{
	return TEST_KIND == SPL_FILE ? unit_dir() : "/dev/shm";
}

static const char *
name_there(void)
{
	static char path[PATH_MAX];

	unit_text(path, sizeof path, "%s/steps", unit_dir());
	return TEST_KIND == SPL_FILE ? path : "steps";
}

static bool
has_room(unsigned pages, bool again)
{
	char data[32];

	unit_text(data, sizeof data, "size=%u", pages * PAGE);
	return !mount("none", place(), "tmpfs", again ? MS_REMOUNT : 0, data);
}

static bool
is_empty(void)
{
	DIR *dir = opendir(place());
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count == 2; /* . and .. */
}

static void
value_of(char *value, unsigned i, unsigned version)
{
	memset(value, (int)('a' + (i + version) % 26), VALUE);
}

static const char *
key_of(unsigned i)
{
	static char key[16];

	unit_text(key, sizeof key, "key %u", i);
	return key;
}

static bool
has(spl_store *s, unsigned count, unsigned version)
{
	static char got[VALUE], want[VALUE];
	size_t len;

	for (unsigned i = 0; i < count; i++) {
		value_of(want, i, version);
		if (spl_get(s, key_of(i), got, sizeof got, &len) ||
			len != VALUE || memcmp(got, want, VALUE))
			return false;
	}
	return true;
}

/* Keys from @first on until one fails; the number of the first that does. */
static unsigned
fill(spl_store *s, unsigned first, int *rc)
{
	static char value[VALUE];
	unsigned i = first;

	for (*rc = 0; i < SLOTS; i++) {
		value_of(value, i, 0);
		*rc = spl_set(s, key_of(i), value, sizeof value);
		if (*rc)
			break;
	}
	return i;
}

static int
rewrite(spl_store *s, unsigned count)
{
	static char value[VALUE];
	int rc = 0;

	for (unsigned i = 0; !rc && i < count; i++) {
		value_of(value, i, 1);
		rc = spl_set(s, key_of(i), value, sizeof value);
	}
	return rc;
}

/* What goes on in a store that met its end after @count keys. */
static void
full(spl_store *s, unsigned count)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *second = NULL;
	int rc;

	EXPECT(spl_get(s, key_of(count), NULL, 0, NULL) == -ENOENT);
	EXPECT(has(s, count, 0) && !unit_misplaced(s));
	if (count)
		EXPECT(rewrite(s, count) == 0 && has(s, count, 1));
	/* Another writer may find no room for his spare blocks. */
	EXPECT(spl_open(name_there(), &o, &second) == 0);
	rc = unit_set(second, "key 0", "x");
	EXPECT(rc == 0 || rc == -ENOSPC);
	if (rc)
		EXPECT(has(second, count, 1));
	EXPECT(spl_close(second) == 0);
	/* What goes makes room, as soon as there is a writer entry. */
	if (count) {
		EXPECT(spl_unset(s, key_of(count - 1)) > 0);
		EXPECT(unit_set(s, key_of(count - 1), "again") == 0);
	}
	/* With room again, all of it. */
	EXPECT(has_room(1000, true));
	EXPECT(fill(s, 0, &rc) == SLOTS && rc == 0 && has(s, SLOTS, 0));
}

/* Whether everything had room. */
static bool
step(unsigned pages, uint32_t flags)
{
	struct spl_options o = unit_options(TEST_KIND, SLOTS, VALUE);
	spl_store *s = NULL;
	unsigned count = 0;

	o.writers = 3;
	o.flags = flags;
	EXPECT(has_room(pages, false));
	int rc = spl_create(name_there(), &o, &s);
	if (rc) {
		EXPECT(rc == -ENOSPC && !s && is_empty());
	} else {
		count = fill(s, 0, &rc);
		EXPECT(rc == (count < SLOTS ? -ENOSPC : 0));
		if (count < SLOTS)
			full(s, count);
		EXPECT(has(s, SLOTS, 0));
		EXPECT(!audit(s));
		EXPECT(spl_close(s) == 0);
		EXPECT(spl_destroy(name_there(), TEST_KIND) == 0);
	}
	EXPECT(is_empty() && !umount2(place(), MNT_DETACH));
	return count == SLOTS;
}

static void
every_size(void *arg)
{
	uint32_t flags = *(uint32_t *)arg;
	unsigned pages = 1;

	if (!EXPECT(unit_private_mounts()))
		return;
	while (pages < 200 && !step(pages, flags))
		pages++;
	EXPECT(pages > 20 && pages < 200);
	unit_post(0, (int)pages);
}

static void
can_mount(void *arg)
{
	(void)arg;
	EXPECT(unit_private_mounts() && has_room(10, false));
}

/* Lower a limit of this process; a macro, as its kind is an enum or an int. */
#define LIMITED(what, to)                                                      \
	do {                                                                   \
		struct rlimit limit;                                           \
		if (getrlimit((what), &limit))                                 \
			abort();                                               \
		limit.rlim_cur = (to);                                         \
		if (setrlimit((what), &limit))                                 \
			abort();                                               \
	} while (0)

/* A file larger than the process may have would be SIGXFSZ. */
static void
file_size(void *arg)
{
	struct spl_options o = unit_options(*(uint32_t *)arg, 64, 4096);
	const char *name = unit_name();
	spl_store *s = NULL;

	LIMITED(RLIMIT_FSIZE, 65536);
	EXPECT(spl_create(name, &o, &s) == -ENOSPC && !s);
	o.slots = o.max_value = 1;
	o.writers = 1;
	EXPECT(spl_create(name, &o, &s) == 0);
	EXPECT(unit_set(s, "k", "v") == 0 && unit_is(s, "k", "v"));
	LIMITED(RLIMIT_FSIZE, s->geo.size);
	EXPECT(spl_close(s) == 0);
	EXPECT(o.kind == SPL_MEMFD || spl_destroy(name, o.kind) == 0);
	/* Just as large as it may be. */
	EXPECT(spl_create(name, &o, &s) == 0 && spl_close(s) == 0);
	EXPECT(o.kind == SPL_MEMFD || spl_destroy(name, o.kind) == 0);
}

/* One that is there may be larger: nothing of it is new. */
static void
file_size_of_another(void *arg)
{
	spl_store *s = arg;

	LIMITED(RLIMIT_FSIZE, 4096);
	for (unsigned i = 0; i < 64; i++)
		EXPECT(unit_set(s, key_of(i), "v") == 0);
}

static void
address_space(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 64, 1 << 26);
	spl_store *s = NULL;

	LIMITED(RLIMIT_AS, 1 << 30);
	void *more = mmap(NULL, UINT64_C(1) << 31, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (more != MAP_FAILED) {
		unit_post(0, 1);
		return;
	}
	EXPECT(spl_create(unit_name(), &o, &s) == -ENOSPC && !s);
	EXPECT(spl_open(arg, &o, &s) == -ENOMEM && !s);
}

static void
limits(void)
{
	for (int i = 0; i < 2; i++)
		CHECK(!unit_run(file_size, (void *)(uintptr_t)&unit_kinds[i]),
			"a size beyond the process's limit: ENOSPC, no signal");
	spl_store *s = unit_store(TEST_KIND, 64, 4096);
	CHECK(!unit_run(file_size_of_another, s),
		"a store that is there is used beyond that limit");
	unit_drop(s);
	/* Sparse: no memory, but more than 4 GiB of addresses. */
	s = unit_store(TEST_KIND, 64, 1 << 26);
	unit_board_clear();
	int failed = SPLI_TSAN || TAP_ASAN
			     ? 0
			     : unit_run(address_space,
				       (void *)(uintptr_t)unit_name_of(s));
	if (SPLI_TSAN || TAP_ASAN)
		unit_skip("address space", "a sanitizer needs all of it");
	else if (unit_posted(0))
		unit_skip("address space", "an emulator does not limit it");
	else
		CHECK(!failed,
			"no address space: ENOSPC to create, ENOMEM to open");
	unit_drop(s);
}

void
test_map_room_steps(void)
{
	static uint32_t flags[] = {0, SPL_PREFAULT};

	if (unit_run(can_mount, NULL)) {
		unit_skip("a file system of each size", "no private mounts");
	} else {
		for (int i = 0; i < 2; i++) {
			unit_board_clear();
			CHECK(!unit_run(every_size, &flags[i]),
				"a file system of each size%s",
				i ? ", reserving all at once" : "");
			printf("# of 1 to %d pages\n", unit_posted(0));
		}
	}
	limits();
}
