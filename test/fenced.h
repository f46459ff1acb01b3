/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fenced.h - a store's mapping between pages that nobody may touch.
 *
 * Link with FENCED of the Makefile: mmap(2) and munmap(2), as the
 * library calls them, come here. In exactly one file of a program.
 */
#ifndef FENCED_H
#define FENCED_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

enum {
	GUARD_BYTES = 256 << 20, /* on either side: a wild index goes far */
	GUARDED_MAX = 64 /* mappings at once */
};

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len);

static pthread_mutex_t guard_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *guarded[GUARDED_MAX];

/* Replace @was by @is; false: it is not there. */
static bool
guard_note(void *was, void *is)
{
	bool found = false;

	pthread_mutex_lock(&guard_mutex);
	for (size_t i = 0; !found && i < GUARDED_MAX; i++)
		if (guarded[i] == was) {
			guarded[i] = is;
			found = true;
		}
	pthread_mutex_unlock(&guard_mutex);
	return found;
}

void *
__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	size_t all = len + 2 * (size_t)GUARD_BYTES;

	if (at || fd < 0 || !(flags & MAP_SHARED))
		return __real_mmap(at, len, prot, flags, fd, off);
	uint8_t *base = __real_mmap(NULL, all, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return base;
	void *inner = base + GUARD_BYTES;
	void *got = __real_mmap(inner, len, prot, flags | MAP_FIXED, fd, off);
	if (got == MAP_FAILED || !guard_note(NULL, got)) {
		__real_munmap(base, all);
		return MAP_FAILED;
	}
	return got;
}

int
__wrap_munmap(void *at, size_t len)
{
	if (!at || !guard_note(at, NULL))
		return __real_munmap(at, len);
	return __real_munmap(
		(uint8_t *)at - GUARD_BYTES, len + 2 * (size_t)GUARD_BYTES);
}

#endif
