/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - two users in one directory, which one of them fills with traps. It
 * is a file system of our own, world-writable and at first without the sticky
 * bit: there the kernel's own protection against links and fifos is off,
 * whatever /proc/sys/fs/protected_* say.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "unit.h"

enum { MALLORY = 40001, USER = 40002, OTHERS = 40003, TEAM = 40004 };

static const char secret[] = "what nobody but the user may change";
static char the_name[PATH_MAX], the_path[PATH_MAX], precious[PATH_MAX];

static void
name_all(void)
{
	bool file = TEST_KIND == SPL_FILE;
	const char *place = file ? unit_dir() : "/dev/shm";

	unit_text(the_path, sizeof the_path, "%s/the-store", place);
	unit_text(
		the_name, sizeof the_name, "%s", file ? the_path : "the-store");
	unit_text(precious, sizeof precious, "%s/precious", place);
}

static bool
directory(const char *mode)
{
	char data[32];

	unit_text(data, sizeof data, "mode=%s", mode);
	return !mount("none", TEST_KIND == SPL_FILE ? unit_dir() : "/dev/shm",
		"tmpfs", 0, data);
}

/* A body, done by a user who is in the group @group. */
struct as {
	uid_t uid;
	gid_t group;
	unit_body *body;
	void *arg;
};

static void
become(void *arg)
{
	struct as *as = arg;

	if (!EXPECT(!setgroups(1, &as->group)) ||
		!EXPECT(!setresgid(as->group, as->group, as->group)) ||
		!EXPECT(!setresuid(as->uid, as->uid, as->uid)))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
	as->body(as->arg);
}

static int
as_user(uid_t uid, gid_t group, unit_body *body, void *arg)
{
	return unit_run(become, &(struct as){uid, group, body, arg});
}

static int
open_with(uint32_t flags)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL;

	o.flags = flags;
	int rc = spl_open(the_name, &o, &s);
	spl_close(s);
	return rc;
}

static int
create_with(
	int (*create)(const char *, const struct spl_options *, spl_store **),
	uint32_t mode)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL;

	o.mode = mode;
	int rc = create(the_name, &o, &s);
	spl_close(s);
	return rc;
}

/*
 * Modes. What each lets another user do who asks for SPL_ANY_OWNER; without,
 * he opens nothing of another user's.
 */
static const struct rights {
	uint32_t mode;
	gid_t group; /* of the other */
	bool reads, writes;
} rights[] = {
	{0600, OTHERS, false, false},
	{0600, TEAM, false, false},
	{0640, OTHERS, false, false},
	{0640, TEAM, true, false},
	{0660, OTHERS, false, false},
	{0660, TEAM, true, true},
	{0644, OTHERS, true, false},
	{0666, OTHERS, true, true},
};

static void
creates(void *arg)
{
	const struct rights *r = arg;

	EXPECT(create_with(spl_create, r->mode) == 0);
}

static void
uses(void *arg)
{
	const struct rights *r = arg;
	int refused = r->reads ? -EPERM : -EACCES;

	EXPECT(open_with(0) == (r->writes ? -EPERM : -EACCES));
	EXPECT(open_with(SPL_READ_ONLY) == refused);
	EXPECT(open_with(SPL_ANY_OWNER) == (r->writes ? 0 : -EACCES));
	EXPECT(open_with(SPL_ANY_OWNER | SPL_READ_ONLY) ==
		(r->reads ? 0 : -EACCES));
	/* The directory would let him. */
	EXPECT(spl_destroy(the_name, TEST_KIND) == refused);
	EXPECT(create_with(spl_create, 0600) == -EEXIST);
}

static void
modes(void)
{
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
		struct rights r = rights[i];
		EXPECT(!as_user(USER, TEAM, creates, &r));
		EXPECT(!as_user(MALLORY, r.group, uses, &r));
		EXPECT(!access(the_path, F_OK) && !unlink(the_path));
	}
}

/*
 * Traps under the name that the user is going to use.
 */
static bool
write_file(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && !fchmod(fd, mode) &&
		  write(fd, secret, sizeof secret) == sizeof secret;

	close(fd);
	return ok;
}

static bool
is_untouched(const char *path)
{
	char text[sizeof secret + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = read(fd, text, sizeof text) == sizeof secret &&
		  !memcmp(text, secret, sizeof secret);

	close(fd);
	return ok;
}

static void
trap_link(void *arg)
{
	(void)arg;
	EXPECT(!symlink(precious, the_path));
}

static void
trap_dangling(void *arg)
{
	char to[PATH_MAX + 8];

	(void)arg;
	unit_text(to, sizeof to, "%s-new", precious);
	EXPECT(!symlink(to, the_path));
}

static void
trap_fifo(void *arg)
{
	(void)arg;
	EXPECT(!mkfifo(the_path, 0666) && !chmod(the_path, 0666));
}

static void
trap_directory(void *arg)
{
	(void)arg;
	EXPECT(!mkdir(the_path, 0777) && !chmod(the_path, 0777));
}

static void
trap_file(void *arg)
{
	(void)arg;
	EXPECT(write_file(the_path, 0666));
}

static void
trap_store(void *arg)
{
	(void)arg;
	EXPECT(create_with(spl_create, 0666) == 0);
}

/* What the kernel would let anybody do without protected_hardlinks. */
static void
trap_hard_link(void *arg)
{
	(void)arg;
	EXPECT(!link(precious, the_path));
}

static const struct trap {
	const char *name;
	unit_body *lay;
	uid_t uid; /* who can */
	int rc; /* what it is to each way of opening */
} traps[] = {
	{"a symbolic link to his own file", trap_link, MALLORY, -ELOOP},
	{"a dangling symbolic link", trap_dangling, MALLORY, -ELOOP},
	{"a fifo", trap_fifo, MALLORY, -ENXIO},
	{"a directory", trap_directory, MALLORY, -EISDIR},
	{"a file of another's", trap_file, MALLORY, -EPERM},
	{"a store of another's", trap_store, MALLORY, -EPERM},
	{"a hard link to his own file", trap_hard_link, 0, -EBADMSG},
};

static void
lays_precious(void *arg)
{
	(void)arg;
	EXPECT(write_file(precious, 0600));
}

static void
walks_in(void *arg)
{
	const struct trap *t = arg;
	struct stat before, after;

	EXPECT(!lstat(the_path, &before));
	EXPECT(open_with(0) == t->rc);
	EXPECT(open_with(SPL_READ_ONLY) == t->rc);
	EXPECT(create_with(spl_create, 0600) == -EEXIST);
	EXPECT(create_with(spl_open_or_create, 0600) == t->rc);
	EXPECT(create_with(spl_create_or_open, 0600) == t->rc);
	EXPECT(spl_destroy(the_name, TEST_KIND) == t->rc);
	EXPECT(!lstat(the_path, &after) && after.st_ino == before.st_ino &&
		after.st_size == before.st_size &&
		after.st_mode == before.st_mode);
	EXPECT(is_untouched(precious));
}

static void
walk_into_traps(void)
{
	char dangling[PATH_MAX + 8];

	unit_text(dangling, sizeof dangling, "%s-new", precious);
	EXPECT(!as_user(USER, OTHERS, lays_precious, NULL));
	for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
		struct trap t = traps[i];
		if (t.uid)
			EXPECT(!as_user(t.uid, OTHERS, t.lay, NULL));
		else
			t.lay(NULL);
		if (as_user(USER, OTHERS, walks_in, &t))
			unit_expect(0, __FILE__, __LINE__, t.name);
		EXPECT(access(dangling, F_OK));
		EXPECT(!remove(the_path));
	}
	EXPECT(!unlink(precious));
}

/* /dev/shm as it is everywhere: nobody removes or replaces another's. */
static void
destroys(void *arg)
{
	(void)arg;
	EXPECT(open_with(SPL_ANY_OWNER) == 0);
	EXPECT(spl_destroy(the_name, TEST_KIND) == -EPERM);
	EXPECT(unlink(the_path) && errno == EPERM);
}

static void
destroys_own(void *arg)
{
	(void)arg;
	EXPECT(spl_destroy(the_name, TEST_KIND) == 0);
}

static void
in_sticky_directory(void *arg)
{
	struct rights all = {.mode = 0666};

	(void)arg;
	if (!EXPECT(unit_private_mounts() && directory("1777")))
		return;
	EXPECT(!as_user(USER, OTHERS, creates, &all));
	EXPECT(!as_user(MALLORY, OTHERS, destroys, NULL));
	EXPECT(!access(the_path, F_OK));
	EXPECT(!as_user(USER, OTHERS, destroys_own, NULL));
	EXPECT(access(the_path, F_OK));
	walk_into_traps();
}

static void
in_open_directory(void *arg)
{
	(void)arg;
	if (!EXPECT(unit_private_mounts() && directory("0777")))
		return;
	modes();
	walk_into_traps();
}

static void
can_mount(void *arg)
{
	(void)arg;
	EXPECT(unit_private_mounts() && directory("0777"));
}

void
test_map_users(void)
{
	name_all();
	if (geteuid()) {
		unit_skip("two users and their traps", "wants to be root");
		return;
	}
	if (unit_run(can_mount, NULL)) {
		unit_skip("two users and their traps", "no private mounts");
		return;
	}
	CHECK(!unit_run(in_open_directory, NULL),
		"modes and traps where the kernel protects nobody");
	CHECK(!unit_run(in_sticky_directory, NULL),
		"a sticky directory: nobody removes another's; and traps");
}
