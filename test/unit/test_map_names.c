/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - names and paths, and what may stand behind them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "unit.h"

enum kind_of_call {
	CREATE,
	OPEN,
	OPEN_READ_ONLY,
	OPEN_OR_CREATE,
	CREATE_OR_OPEN
};

/* The result alone; whatever came of it is closed. */
static int
call(enum kind_of_call what, uint32_t kind, const char *name)
{
	struct spl_options o = unit_options(kind, 4, 8);
	spl_store *s = NULL;
	int rc = -EINVAL;

	switch (what) {
	case CREATE:
		rc = spl_create(name, &o, &s);
		break;
	case OPEN_READ_ONLY:
		o.flags = SPL_READ_ONLY;
		/* fall through */
	case OPEN:
		rc = spl_open(name, &o, &s);
		break;
	case OPEN_OR_CREATE:
		rc = spl_open_or_create(name, &o, &s);
		break;
	case CREATE_OR_OPEN:
		rc = spl_create_or_open(name, &o, &s);
		break;
	}
	if (!rc)
		spl_close(s);
	return rc;
}

static void
plain_names(void)
{
	static const char *const bad[] = {NULL, "", ".", "..", "/", "a/b",
		"/splinter-test", "splinter-test/", "../splinter-test"};
	char name[NAME_MAX + 2];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		bool refused = spl_destroy(bad[i], SPL_MEMORY) == -EINVAL;
		for (int c = CREATE; c <= CREATE_OR_OPEN; c++)
			refused &= call((enum kind_of_call)c, SPL_MEMORY,
					   bad[i]) == -EINVAL;
		CHECK(refused, "EINVAL for the name %s", bad[i] ? bad[i] : "0");
	}
	memset(name, 'n', sizeof name);
	unit_text(name, sizeof name, "splinter-test-%d-", (int)getpid());
	name[strlen(name)] = 'n';
	name[255] = '\0';
	CHECK_RC(call(CREATE, SPL_MEMORY, name), 0);
	CHECK_RC(call(OPEN, SPL_MEMORY, name), 0);
	CHECK_RC(spl_destroy(name, SPL_MEMORY), 0);
	name[255] = 'n';
	name[256] = '\0';
	CHECK_RC(call(CREATE, SPL_MEMORY, name), -ENAMETOOLONG);
	CHECK_RC(call(OPEN, SPL_MEMORY, name), -ENAMETOOLONG);
	CHECK_RC(call(OPEN_OR_CREATE, SPL_MEMORY, name), -ENAMETOOLONG);
	CHECK_RC(call(CREATE_OR_OPEN, SPL_MEMORY, name), -ENAMETOOLONG);
	CHECK_RC(spl_destroy(name, SPL_MEMORY), -ENAMETOOLONG);
	CHECK_RC(call(OPEN, SPL_MEMORY, "splinter-test-none"), -ENOENT);
	CHECK_RC(spl_destroy("splinter-test-none", SPL_MEMORY), -ENOENT);
}

static void
long_paths(void)
{
	char path[2 * PATH_MAX];
	int n = (int)unit_text(path, sizeof path, "%s/", unit_dir());

	memset(path + n, 'n', sizeof path - (size_t)n);
	path[n + NAME_MAX] = '\0';
	CHECK_RC(call(CREATE, SPL_FILE, path), 0);
	CHECK_RC(call(OPEN, SPL_FILE, path), 0);
	CHECK_RC(spl_destroy(path, SPL_FILE), 0);
	path[n + NAME_MAX] = 'n';
	path[n + NAME_MAX + 1] = '\0';
	CHECK_RC(call(CREATE, SPL_FILE, path), -ENAMETOOLONG);
	CHECK_RC(call(OPEN, SPL_FILE, path), -ENAMETOOLONG);
	CHECK_RC(spl_destroy(path, SPL_FILE), -ENAMETOOLONG);
	path[n + NAME_MAX + 1] = 'n';
	path[PATH_MAX] = '\0';
	CHECK_RC(call(CREATE, SPL_FILE, path), -ENAMETOOLONG);
	CHECK_RC(call(OPEN, SPL_FILE, path), -ENAMETOOLONG);
	path[PATH_MAX] = 'n';
	path[sizeof path - 1] = '\0';
	CHECK_RC(call(CREATE_OR_OPEN, SPL_FILE, path), -ENAMETOOLONG);
	CHECK_RC(spl_destroy(path, SPL_FILE), -ENAMETOOLONG);
}

static void
paths(void)
{
	char path[PATH_MAX];

	CHECK_RC(call(CREATE, SPL_FILE, NULL), -EINVAL);
	CHECK_RC(call(OPEN, SPL_FILE, ""), -EINVAL);
	CHECK_RC(spl_destroy("", SPL_FILE), -EINVAL);
	CHECK_RC(call(CREATE, SPL_FILE, "."), -EEXIST);
	CHECK_RC(call(CREATE, SPL_FILE, ".."), -EEXIST);
	CHECK_RC(call(OPEN, SPL_FILE, "."), -EISDIR);
	CHECK_RC(call(OPEN_READ_ONLY, SPL_FILE, ".."), -EISDIR);
	CHECK_RC(call(OPEN_OR_CREATE, SPL_FILE, "/"), -EISDIR);
	CHECK_RC(call(CREATE_OR_OPEN, SPL_FILE, "/"), -EISDIR);
	unit_text(path, sizeof path, "%s/no/such", unit_dir());
	CHECK_RC(call(CREATE, SPL_FILE, path), -ENOENT);
	CHECK_RC(call(OPEN, SPL_FILE, path), -ENOENT);
	CHECK_RC(call(OPEN_OR_CREATE, SPL_FILE, path), -ENOENT);
	CHECK_RC(call(CREATE_OR_OPEN, SPL_FILE, path), -ENOENT);
	CHECK_RC(spl_destroy(path, SPL_FILE), -ENOENT);
	CHECK_RC(call(CREATE, SPL_FILE, "/dev/null/x"), -ENOTDIR);
	CHECK_RC(call(OPEN, SPL_FILE, "/dev/null/x"), -ENOTDIR);
	CHECK_RC(call(OPEN, SPL_FILE, "/dev/null"), -ENXIO);
	CHECK_RC(call(CREATE, SPL_FILE, "/dev/null"), -EEXIST);
	CHECK_RC(spl_destroy("/dev/null", SPL_FILE), -ENXIO);
}

/* A path without a directory is one in the current directory. */
static void
in_the_current_directory(void *arg)
{
	(void)arg;
	EXPECT(!chdir(unit_dir()));
	EXPECT(call(CREATE, SPL_FILE, "plain") == 0);
	EXPECT(call(CREATE, SPL_FILE, "./plain") == -EEXIST);
	EXPECT(spl_destroy("./plain", SPL_FILE) == 0);
	EXPECT(access("plain", F_OK) != 0);
	/* What is made before it has its name takes nothing of this away. */
	int fd = open("f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && !close(fd) && !mkdir("folder", 0700));
	EXPECT(call(CREATE, SPL_FILE, "folder/plain") == 0);
	EXPECT(spl_destroy("folder/plain", SPL_FILE) == 0);
	EXPECT(!unlink("f") && !rmdir("folder"));
}

static void
other_kinds(void)
{
	char label[300];

	CHECK_RC(call(CREATE, SPL_MEMFD, "with/slash"), 0);
	CHECK_RC(call(CREATE, SPL_MEMFD, ""), 0);
	CHECK_RC(call(CREATE, SPL_MEMFD, NULL), -EINVAL);
	memset(label, 'l', sizeof label);
	label[sizeof label - 1] = '\0';
	int rc = call(CREATE, SPL_MEMFD, label);
	CHECK(rc == -EINVAL || rc == -ENAMETOOLONG, "a label has its limit");
	CHECK_RC(call(OPEN, SPL_MEMFD, "label"), -EINVAL);
	CHECK_RC(spl_destroy("label", SPL_MEMFD), -EINVAL);
	CHECK_RC(call(CREATE, 3, "name"), -EINVAL);
	CHECK_RC(call(OPEN, UINT32_MAX, "name"), -EINVAL);
	CHECK_RC(spl_destroy("name", 3), -EINVAL);
}

/* Everything that can be tried with a name that is not a store's. */
static void
all_refuse(const char *name, int open_rc, const char *what)
{
	CHECK(call(OPEN, TEST_KIND, name) == open_rc, "open refuses %s with %s",
		what, unit_errno(open_rc));
	CHECK(call(OPEN_READ_ONLY, TEST_KIND, name) == open_rc,
		"so it does for reading");
	CHECK(call(OPEN_OR_CREATE, TEST_KIND, name) == open_rc,
		"so does open_or_create");
	CHECK(call(CREATE_OR_OPEN, TEST_KIND, name) == open_rc,
		"so does create_or_open");
	CHECK(spl_destroy(name, TEST_KIND) == open_rc, "so does destroy");
	CHECK_RC(call(CREATE, TEST_KIND, name), -EEXIST);
}

static void
what_is_no_file(void)
{
	const char *name = unit_name(), *target = unit_name();
	char path[PATH_MAX];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	unit_text(path, sizeof path, "%s", unit_path(target));
	if (symlink(path, unit_path(name)))
		abort();
	CHECK_RC(call(CREATE, TEST_KIND, name), -EEXIST);
	CHECK(access(path, F_OK), "no store is made where a link points");
	if (call(CREATE, TEST_KIND, target))
		abort();
	all_refuse(name, -ELOOP, "a symbolic link to a store");
	unlink(unit_path(name));
	CHECK_RC(spl_destroy(target, TEST_KIND), 0);

	if (mkfifo(unit_path(name), 0600))
		abort();
	all_refuse(name, -ENXIO, "a fifo");
	unlink(unit_path(name));

	if (mkdir(unit_path(name), 0700))
		abort();
	all_refuse(name, -EISDIR, "a directory");
	rmdir(unit_path(name));

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(unit_path(name)) < sizeof sun.sun_path) {
		strcpy(sun.sun_path, unit_path(name));
		if (bind(fd, (const void *)&sun, sizeof sun))
			abort();
		all_refuse(name, -ENXIO, "a socket");
		unlink(unit_path(name));
	} else {
		unit_skip("a socket", "the path is too long for one");
	}
	close(fd);
}

static void
a_name_is_taken_once(void)
{
	const char *name = unit_name();

	CHECK_RC(call(OPEN, TEST_KIND, name), -ENOENT);
	CHECK_RC(call(OPEN_READ_ONLY, TEST_KIND, name), -ENOENT);
	CHECK_RC(call(CREATE, TEST_KIND, name), 0);
	CHECK_RC(call(CREATE, TEST_KIND, name), -EEXIST);
	CHECK_RC(call(OPEN, TEST_KIND, name), 0);
	CHECK_RC(call(OPEN_READ_ONLY, TEST_KIND, name), 0);
	CHECK_RC(call(OPEN_OR_CREATE, TEST_KIND, name), 0);
	CHECK_RC(call(CREATE_OR_OPEN, TEST_KIND, name), 0);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	CHECK_RC(spl_destroy(name, TEST_KIND), -ENOENT);
	CHECK_RC(call(OPEN_OR_CREATE, TEST_KIND, name), 0);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	CHECK_RC(call(CREATE_OR_OPEN, TEST_KIND, name), 0);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

void
test_map_names(void)
{
	plain_names();
	long_paths();
	paths();
	CHECK(!unit_run(in_the_current_directory, NULL),
		"a path without a slash");
	other_kinds();
	what_is_no_file();
	a_name_is_taken_once();
}
