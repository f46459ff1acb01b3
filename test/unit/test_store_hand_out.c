/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - handing a store out for reading: who gets the descriptor of a
 * read-only handle over a socket, and is another user, cannot write by any
 * way that the kernel knows.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "pass.h"
#include "unit.h"

enum { GIVER = 1, GIVERS_FD = 2 }; /* places on the board */

/* No descriptor comes of it. */
static bool
cannot_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static void
try_to_map(int fd, size_t size)
{
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(map == MAP_FAILED && errno == EACCES);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (!EXPECT(map != MAP_FAILED))
		return;
	EXPECT(mprotect(map, size, PROT_READ | PROT_WRITE) && errno == EACCES);
	/* (An emulator may take it for advice only.) */
	char first = map[0];
	EXPECT(madvise(map, size, MADV_REMOVE) != 0 || map[0] == first);
	EXPECT(munmap(map, size) == 0);
	/* A copy of one's own is nobody else's. */
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (!EXPECT(map != MAP_FAILED))
		return;
	memset(map, 'x', size);
	munmap(map, size);
}

static void
try_to_open_anew(int fd)
{
	char path[64];

	for (int givers = 0; givers <= 1; givers++) {
		unit_text(path, sizeof path, "/proc/%d/fd/%d",
			givers ? unit_posted(GIVER) : (int)getpid(),
			givers ? unit_posted(GIVERS_FD) : fd);
		EXPECT(cannot_open(path, O_RDWR));
		EXPECT(cannot_open(path, O_WRONLY));
		EXPECT(cannot_open(path, O_RDONLY | O_TRUNC));
		EXPECT(truncate(path, 0) != 0);
		EXPECT(chmod(path, 0666) != 0);
	}
}

static void
try_to_write(int fd)
{
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	int other = memfd_create("other", MFD_CLOEXEC);
	off_t zero = 0;

	EXPECT(other >= 0 && write(other, "xxxx", 4) == 4);
	EXPECT(write(fd, &byte, 1) < 0 && errno == EBADF);
	EXPECT(pwrite(fd, &byte, 1, 0) < 0 && errno == EBADF);
	EXPECT(pwritev(fd, &iov, 1, 0) < 0 && errno == EBADF);
	EXPECT(sendfile(fd, other, &zero, 4) < 0);
	EXPECT(syscall(SYS_copy_file_range, other, &zero, fd, NULL, 4L, 0U) <
		0);
	EXPECT(ftruncate(fd, 0) != 0);
	EXPECT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       4096) != 0);
	EXPECT(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096) != 0);
	close(other);
}

/* What would make one of the above possible. */
static void
try_to_change(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};

	EXPECT(fchmod(fd, 0666) && errno == EPERM);
	EXPECT(fchown(fd, geteuid(), getegid()) && errno == EPERM);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) && errno != 0);
	fcntl(fd, F_SETFL, O_RDWR);
	EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	EXPECT(fsetxattr(fd, "user.x", "x", 1, 0) != 0);
	EXPECT(futimens(fd, NULL) != 0);
	EXPECT(fcntl(fd, F_OFD_SETLK, &lock) && errno == EBADF);
}

static void
try_the_giver(void)
{
	pid_t giver = unit_posted(GIVER);
	char byte = 'x';
	struct iovec here = {&byte, 1}, there = {&tap_count, 1};

	EXPECT(ptrace(PTRACE_ATTACH, giver, NULL, NULL) &&
		(errno == EPERM || errno == ENOSYS));
	EXPECT(process_vm_writev(giver, &here, 1, &there, 1, 0) < 0);
#ifdef SYS_pidfd_getfd
	int pidfd = (int)syscall(SYS_pidfd_open, giver, 0);
	EXPECT(syscall(SYS_pidfd_getfd, pidfd, unit_posted(GIVERS_FD), 0) < 0);
	close(pidfd);
#endif
}

static void
receiver(void *arg)
{
	const int *socket = arg;
	struct spl_options o = unit_options(SPL_MEMORY, 1, 1);
	struct stat st;
	spl_store *s = NULL;

	if (!EXPECT(unit_become_nobody()))
		return;
	int fd = pass_receive(*socket);
	if (!EXPECT(fd >= 0 && !fstat(fd, &st)))
		return;
	try_to_map(fd, (size_t)st.st_size);
	try_to_open_anew(fd);
	try_to_write(fd);
	try_to_change(fd);
	try_the_giver();
	EXPECT(spl_open_fd(fd, &o, &s) == -EBADF);
	o.flags = SPL_READ_ONLY;
	if (!EXPECT(spl_open_fd(fd, &o, &s) == 0))
		return;
	EXPECT(unit_is(s, "k", "v"));
	EXPECT(unit_set(s, "k", "w") == -EROFS);
	EXPECT((fcntl(spl_fd(s), F_GETFL) & O_ACCMODE) == O_RDONLY);
	EXPECT(spl_close(s) == 0);
}

static uint64_t
sum_of(const spl_store *s)
{
	return spli_hash(s->header, s->geo.size);
}

/* The receiver is there before the store, so that it inherits nothing. */
static void
hand_out(uint32_t kind, uint32_t mode)
{
	struct spl_options o = unit_options(kind, 8, 64);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	unit_board_clear();
	struct unit_child c = unit_fork(receiver, &pair[1]);
	o.mode = mode;
	spl_store *s = unit_store_with(&o), *reader = NULL;
	unit_set(s, "k", "v");
	uint64_t before = sum_of(s);
	o.flags = SPL_READ_ONLY;
	CHECK_RC(spl_open_fd(spl_fd(s), &o, &reader), 0);
	CHECK((fcntl(spl_fd(reader), F_GETFL) & O_ACCMODE) == O_RDONLY,
		"the descriptor of a read-only handle cannot write");
	unit_post(GIVER, getpid());
	unit_post(GIVERS_FD, spl_fd(s));
	pass_send(pair[0], spl_fd(reader));
	CHECK(!unit_join(&c),
		"kind %u, mode %o: the receiver reads, and cannot write", kind,
		mode);
	CHECK(sum_of(s) == before, "not a byte has changed");
	spl_close(reader);
	unit_drop(s);
	close(pair[0]);
	close(pair[1]);
}

/* Who was handed a descriptor for writing may take it for reading. */
static void
nobody_with_a_writable_one(void *arg)
{
	struct spl_options o = unit_options(SPL_MEMORY, 1, 1);
	spl_store *s = NULL;

	o.flags = SPL_READ_ONLY;
	EXPECT(unit_become_nobody());
	EXPECT(spl_open_fd(spl_fd(arg), &o, &s) == 0);
	EXPECT(unit_is(s, "k", "v"));
	EXPECT(unit_set(s, "k", "w") == -EROFS);
	spl_close(s);
}

void
test_store_hand_out(void)
{
	if (geteuid()) {
		unit_skip("a read-only hand-out", "wants two users");
		return;
	}
	for (int i = 0; i < 2; i++) {
		hand_out(unit_kinds[i], 0600);
		hand_out(unit_kinds[i], 0644);
	}
	spl_store *s = unit_store(SPL_MEMFD, 4, 8);
	unit_set(s, "k", "v");
	CHECK(!unit_run(nobody_with_a_writable_one, s),
		"another user's writable descriptor can be read through");
	unit_drop(s);
}
