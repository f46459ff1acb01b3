/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - who may open, create and destroy what. What needs another user is
 * done in a child that becomes nobody.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hook.h"
#include "unit.h"

static const char *name;

static int
open_with(uint32_t flags)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s;

	o.flags = flags;
	int rc = spl_open(name, &o, &s);
	if (!rc)
		spl_close(s);
	return rc;
}

static void
a_strangers_store(void)
{
	static const char what[] = "somebody else's store";

	if (geteuid()) {
		unit_skip(what, "only root can give a file away");
		return;
	}
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	name = unit_name_of(s);
	if (fchown(spl_fd(s), 65534, 65534))
		abort();
	CHECK_RC(open_with(0), -EPERM);
	CHECK_RC(open_with(SPL_READ_ONLY), -EPERM);
	CHECK_RC(open_with(SPL_PREFAULT), -EPERM);
	CHECK_RC(spl_destroy(name, TEST_KIND), -EPERM);
	CHECK_RC(open_with(SPL_ANY_OWNER), 0);
	CHECK_RC(open_with(SPL_ANY_OWNER | SPL_READ_ONLY), 0);
	if (fchown(spl_fd(s), 0, 0))
		abort();
	CHECK_RC(open_with(0), 0);
	unit_drop(s);
}

static void
as_nobody_with_roots_store(void *arg)
{
	(void)arg;
	if (!EXPECT(unit_become_nobody()))
		return;
	/* 0600: neither. */
	EXPECT(open_with(0) == -EACCES);
	EXPECT(open_with(SPL_READ_ONLY) == -EACCES);
	unit_post(0, 1);
	unit_await(1, 1);
	/* 0644 of root's: reading. */
	EXPECT(open_with(0) == -EACCES);
	EXPECT(open_with(SPL_READ_ONLY) == 0);
	EXPECT(spl_destroy(name, TEST_KIND) == -EACCES ||
		spl_destroy(name, TEST_KIND) == -EPERM);
	unit_post(0, 2);
	unit_await(1, 2);
	/* 0644 of a third user's: not without being asked to. */
	EXPECT(open_with(SPL_READ_ONLY) == -EPERM);
	EXPECT(open_with(SPL_READ_ONLY | SPL_ANY_OWNER) == 0);
	EXPECT(open_with(SPL_ANY_OWNER) == -EACCES);
	unit_post(0, 3);
	unit_await(1, 3);
	/* 0666 of root's: both. */
	EXPECT(open_with(0) == 0);
}

static void
modes_are_kept_to(void)
{
	static const char what[] = "nobody and root's store";

	if (geteuid()) {
		unit_skip(what, "wants two users");
		return;
	}
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	name = unit_name_of(s);
	unit_board_clear();
	struct unit_child c = unit_fork(as_nobody_with_roots_store, NULL);
	unit_await(0, 1);
	if (fchmod(spl_fd(s), 0644))
		abort();
	unit_post(1, 1);
	unit_await(0, 2);
	if (fchown(spl_fd(s), 12345, 12345))
		abort();
	unit_post(1, 2);
	unit_await(0, 3);
	if (fchown(spl_fd(s), 0, 0) || fchmod(spl_fd(s), 0666))
		abort();
	unit_post(1, 3);
	CHECK(!unit_join(&c), "%s", what);
	unit_drop(s);
}

/* A store of one's own without permission to write it. */
static void
as_nobody_read_only_file(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL;
	char byte;
	size_t len;

	(void)arg;
	if (!EXPECT(unit_become_nobody()))
		return;
	if (!EXPECT(spl_create(name, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "k", "v") == 0);
	EXPECT(fchmod(spl_fd(s), 0444) == 0);
	spl_close(s);
	EXPECT(open_with(0) == -EACCES);
	EXPECT(open_with(SPL_READ_ONLY) == 0);
	o.flags = SPL_READ_ONLY;
	EXPECT(spl_open(name, &o, &s) == 0);
	EXPECT(spl_get(s, "k", &byte, 1, &len) == 0 && byte == 'v');
	EXPECT(unit_set(s, "k", "w") == -EROFS);
	spl_close(s);
	o.flags = 0;
	EXPECT(spl_open_or_create(name, &o, &s) == -EACCES);
	EXPECT(spl_create_or_open(name, &o, &s) == -EACCES);
	EXPECT(spl_destroy(name, TEST_KIND) == 0);
}

/* What a file is that is empty yet: the mode it was made with. */
static void
look_at_mode(void *arg)
{
	mode_t *mode = arg;
	struct stat st;

	for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_size)
			*mode = st.st_mode & 07777;
}

static void
owners_until_it_is_filled(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	mode_t mask = umask(0), mode = 0;
	spl_store *s;

	name = unit_name();
	o.mode = 0666;
	hook_set(HOOK_fchmod,
		(struct hook){.before = look_at_mode, .arg = &mode});
	CHECK_RC(spl_create(name, &o, &s), 0);
	CHECK(hook_end(HOOK_fchmod) == 1 && mode == 0600,
		"nobody else opens what is not filled yet");
	umask(mask);
	spl_close(s);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

/* The owner can always read and write what he creates. */
static void
create_without_owners_mode(void)
{
	static const uint32_t modes[] = {0, 0400, 0200, 0444, 0066, 0577};
	unsigned wrong = 0;

	name = unit_name();
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct spl_options o = unit_options(TEST_KIND, 4, 8);
		spl_store *s = NULL;
		o.mode = modes[i];
		wrong += spl_create(name, &o, &s) != -EINVAL || s;
		wrong += !access(unit_path(name), F_OK);
	}
	CHECK(!wrong, "a mode without 0600 is EINVAL, and nothing remains");
}

/* TEST_KIND's directory, or one that nobody may write, for files. */
static void
as_nobody_in_a_closed_directory(void *arg)
{
	struct spl_options o = unit_options(SPL_FILE, 4, 8);
	char path[PATH_MAX];
	spl_store *s;

	(void)arg;
	if (!EXPECT(unit_become_nobody()))
		return;
	unit_text(path, sizeof path, "%s/closed", unit_path(name));
	EXPECT(spl_create(path, &o, &s) == -EACCES);
	EXPECT(spl_open_or_create(path, &o, &s) == -EACCES);
	EXPECT(spl_create_or_open(path, &o, &s) == -EACCES);
	EXPECT(spl_open(path, &o, &s) == -ENOENT);
}

static void
unwritable_directory(void)
{
	name = unit_name();
	if (mkdir(unit_path(name), 0555))
		abort();
	CHECK(!unit_run(as_nobody_in_a_closed_directory, NULL),
		"a directory without write permission is EACCES");
	rmdir(unit_path(name));
}

/*
 * A create that fails late, for want of a descriptor, leaves nothing under
 * the name. Each number of free descriptors is tried until one is enough.
 */
static void
create_with_few_descriptors(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	struct rlimit limit;
	spl_store *s = NULL;
	int rc = -EMFILE;
	int lowest = dup(0);

	(void)arg;
	if (getrlimit(RLIMIT_NOFILE, &limit) || lowest < 0)
		abort();
	close(lowest);
	for (unsigned more = 0; more < 16 && rc; more++) {
		limit.rlim_cur = (rlim_t)lowest + more;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			abort();
		rc = spl_create(name, &o, &s);
		EXPECT(rc == 0 || rc == -EMFILE);
		EXPECT(!rc == !access(unit_path(name), F_OK));
		unlink(unit_path(name));
	}
	EXPECT(rc == 0);
	if (!rc)
		spl_close(s);
}

static void
open_with_few_descriptors(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	struct rlimit limit;
	spl_store *s = NULL;
	int rc = -EMFILE;
	int lowest = dup(0);

	(void)arg;
	if (getrlimit(RLIMIT_NOFILE, &limit) || lowest < 0)
		abort();
	close(lowest);
	for (unsigned more = 0; more < 16 && rc; more++) {
		limit.rlim_cur = (rlim_t)lowest + more;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			abort();
		rc = spl_open(name, &o, &s);
		EXPECT(rc == 0 || rc == -EMFILE);
	}
	EXPECT(rc == 0);
	if (!rc)
		spl_close(s);
	lowest = dup(0);
	EXPECT(lowest >= 0); /* what failed has closed what it had opened */
}

static void
few_descriptors(void)
{
	name = unit_name();
	CHECK(!unit_run(create_with_few_descriptors, NULL),
		"create without descriptors left: EMFILE, and nothing remains");
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	name = unit_name_of(s);
	CHECK(!unit_run(open_with_few_descriptors, NULL),
		"open without descriptors left: EMFILE");
	unit_drop(s);
}

void
test_map_owner(void)
{
	a_strangers_store();
	modes_are_kept_to();
	/* Nobody's files, in a directory where he may create them. */
	const char *dir = unit_dir();
	if (chmod(dir, 01777))
		abort();
	name = unit_name();
	CHECK(!unit_run(as_nobody_read_only_file, NULL),
		"a file without write permission is EACCES, but for reading");
	create_without_owners_mode();
	owners_until_it_is_filled();
	if (chmod(dir, 0755))
		abort();
	unwritable_directory();
	few_descriptors();
}
