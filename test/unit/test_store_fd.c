/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - stores by descriptor: seals, what can be opened, handing over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "map.h"
#include "pass.h"
#include "unit.h"

static int
open_fd(int fd, uint32_t flags)
{
	struct spl_options o = unit_options(SPL_MEMORY, 1, 1);
	spl_store *s = NULL;

	o.flags = flags;
	int rc = spl_open_fd(fd, &o, &s);
	if (!rc)
		spl_close(s);
	return rc;
}

static void
seals(void)
{
	spl_store *s = unit_store(SPL_MEMFD, 4, 8);
	int fd = spl_fd(s);
	int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	CHECK((fcntl(fd, F_GET_SEALS) & want) == want, "a memfd is sealed");
	CHECK(ftruncate(fd, 4096) < 0 && errno == EPERM, "it cannot shrink");
	CHECK(ftruncate(fd, (off_t)s->geo.size + 4096) < 0 && errno == EPERM,
		"nor grow");
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0,
		"nor be sealed against writing");
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC, "it closes on exec");
	unit_drop(s);
}

static void
descriptors(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 8);
	char path[64];
	int fd;

	unit_set(s, "k", "v");
	CHECK_RC(open_fd(spl_fd(s), 0), 0);
	CHECK_RC(open_fd(spl_fd(s), SPL_READ_ONLY), 0);
	unit_text(path, sizeof path, "/proc/self/fd/%d", spl_fd(s));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), 0);
	CHECK_RC(open_fd(fd, 0), -EBADF);
	close(fd);
	CHECK_RC(open_fd(fd, 0), -EBADF);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EBADF);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_RC(open_fd(fd, 0), -EBADF);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EBADF);
	close(fd);
	fd = open(path, O_PATH | O_CLOEXEC);
	CHECK_RC(open_fd(fd, 0), -EBADF);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EBADF);
	close(fd);
	unit_drop(s);
}

static void
no_stores(void)
{
	int pair[2], fd;

	CHECK_RC(open_fd(-1, 0), -EBADF);
	CHECK_RC(open_fd(-1, SPL_READ_ONLY), -EBADF);
	CHECK_RC(open_fd(INT32_MAX, 0), -EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK_RC(open_fd(fd, 0), -ENXIO);
	close(fd);
	fd = open(unit_dir(), O_RDONLY | O_CLOEXEC);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EISDIR);
	close(fd);
	/* How it is open comes first. */
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EBADF);
	close(fd);
	fd = open(unit_dir(), O_PATH | O_CLOEXEC);
	CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EBADF);
	close(fd);
	if (pipe2(pair, O_CLOEXEC))
		abort();
	CHECK_RC(open_fd(pair[0], SPL_READ_ONLY), -ENXIO);
	close(pair[0]);
	close(pair[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	CHECK_RC(open_fd(pair[0], 0), -ENXIO);
	close(pair[0]);
	close(pair[1]);
	fd = memfd_create("empty", MFD_CLOEXEC);
	CHECK_RC(open_fd(fd, 0), -EBADMSG);
	if (ftruncate(fd, 1 << 20))
		abort();
	CHECK_RC(open_fd(fd, 0), -EBADMSG);
	close(fd);
}

/* Opening it anew does not wait until that gives it back. */
static void
held_by_a_lease(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	const char *name = unit_name();
	spl_store *s;

	if (spl_create(name, &o, &s) || spl_close(s))
		abort();
	int fd = open(unit_path(name), O_RDWR | O_CLOEXEC);
	signal(SIGIO, SIG_IGN); /* that somebody wants it */
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		unit_skip("a file with a lease", "this file system gives none");
	else
		CHECK_RC(open_fd(fd, SPL_READ_ONLY), -EAGAIN);
	close(fd);
	signal(SIGIO, SIG_DFL);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

/* The caller keeps his descriptor, and may close it. */
static void
descriptors_are_the_callers(void)
{
	spl_store *s = unit_store(SPL_MEMFD, 4, 8), *again;
	int fd = fcntl(spl_fd(s), F_DUPFD_CLOEXEC, 0);

	unit_set(s, "k", "v");
	CHECK_RC(spl_open_fd(fd, NULL, &again), 0);
	CHECK(spl_fd(again) != fd, "the handle has its own descriptor");
	CHECK(fcntl(spl_fd(again), F_GETFD) & FD_CLOEXEC,
		"which closes on exec");
	close(fd);
	unit_drop(s);
	CHECK(unit_is(again, "k", "v") && !unit_set(again, "k", "w") &&
			!unit_set(again, "l", "x"),
		"it works when all others are closed");
	fd = fcntl(spl_fd(again), F_DUPFD_CLOEXEC, 0);
	spl_close(again);
	CHECK(fcntl(fd, F_GETFD) >= 0, "closing closes nobody else's");
	CHECK_RC(open_fd(fd, 0), 0);
	close(fd);
}

static void
receiver(void *arg)
{
	const int *socket = arg;
	struct spl_store_stat info;
	spl_store *s = NULL;
	int fd = pass_receive(*socket);
	uint64_t now;

	EXPECT(fd >= 0 && spl_open_fd(fd, NULL, &s) == 0);
	close(fd);
	if (!s)
		return;
	EXPECT(unit_is(s, "from", "parent"));
	EXPECT(unit_set(s, "answer", "child") == 0);
	EXPECT(unit_set(s, "from", "child") == 0);
	EXPECT(spl_wait(s, "go", 0, UINT64_MAX, &now) == 0);
	EXPECT(spl_store_info(s, &info) == 0 && info.writers_owned == 2);
	EXPECT(spl_close(s) == 0);
}

/* A process that was there before the store gets it over a socket. */
static void
handing_over(void)
{
	int pair[2];
	uint64_t now;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	struct unit_child c = unit_fork(receiver, &pair[1]);
	spl_store *s = unit_store(SPL_MEMFD, 8, 64);
	unit_set(s, "from", "parent");
	pass_send(pair[0], spl_fd(s));
	CHECK_RC(spl_wait(s, "answer", 0, UINT64_MAX, &now), 0);
	CHECK_RC(spl_wait(s, "from", 2, UINT64_MAX, &now), 0);
	CHECK(unit_is(s, "answer", "child") && unit_is(s, "from", "child"),
		"what the receiver writes is seen");
	unit_set(s, "go", "");
	CHECK(!unit_join(&c), "a memfd is handed over a socket, and opened");
	close(pair[0]);
	close(pair[1]);
	unit_drop(s);
}

static void
nobody_with_a_descriptor(void *arg)
{
	spl_store *s = arg;

	if (!EXPECT(unit_become_nobody()))
		return;
	EXPECT(open_fd(spl_fd(s), SPL_READ_ONLY) == 0);
	EXPECT(open_fd(spl_fd(s), 0) == -EACCES);
}

/* Writing wants permission of one's own, a descriptor is not enough. */
static void
another_users_descriptor(void)
{
	static const char what[] = "another user's descriptor gives reads only";

	if (geteuid()) {
		unit_skip(what, "wants two users");
		return;
	}
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	CHECK(!unit_run(nobody_with_a_descriptor, s), "%s", what);
	unit_drop(s);
}

/* In a child: a program without one of its first three descriptors, or all. */
static void
without(void *arg)
{
	const int *missing = arg;
	struct spl_options o = unit_options(SPL_MEMFD, 4, 8);
	spl_store *s;

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (*missing == fd || *missing > STDERR_FILENO)
			close(fd);
	errno = EINTR; /* of long ago */
	int null = spli_map_open_file("/dev/null", O_RDONLY);
	char byte;
	EXPECT(null > STDERR_FILENO && !spli_map_read(null, &byte, 1));
	close(null);
	if (!EXPECT(spl_create("test", &o, &s) == 0))
		return;
	EXPECT(s->fd > STDERR_FILENO && s->lock_fd > STDERR_FILENO);
	EXPECT(unit_set(s, "k", "v") == 0);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (*missing == fd || *missing > STDERR_FILENO)
			EXPECT(fcntl(fd, F_GETFD) < 0);
	EXPECT(spl_close(s) == 0);
}

static void
not_for_printing(void)
{
	int failed = 0;

	for (int fd = 0; fd <= STDERR_FILENO + 1; fd++)
		failed += unit_run(without, &fd);
	CHECK(!failed, "a store never takes the place of stdin to stderr");
}

void
test_store_fd(void)
{
	not_for_printing();
	seals();
	for (int i = 0; i < 2; i++)
		descriptors(unit_kinds[i]);
	no_stores();
	held_by_a_lease();
	descriptors_are_the_callers();
	handing_over();
	another_users_descriptor();
}
