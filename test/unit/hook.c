/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "map.h"
#include "swap.h"
#include "table.h"
#include "writer.h"

struct state {
	struct hook hook;
	unsigned left, met;
};

static _Thread_local struct state states[HOOK_COUNT];
static _Thread_local bool inside;
static unsigned calls[HOOK_COUNT];

void
hook_set(enum hook_at at, struct hook hook)
{
	states[at] = (struct state){
		.hook = hook, .left = hook.times ? hook.times : 1};
}

unsigned
hook_end(enum hook_at at)
{
	unsigned met = states[at].met;

	states[at] = (struct state){0};
	return met;
}

unsigned
hook_calls(enum hook_at at)
{
	return __atomic_load_n(&calls[at], __ATOMIC_RELAXED);
}

/* The hook that meets this call, after what it does before, or null. */
static const struct hook *
meet(enum hook_at at)
{
	struct state *state = &states[at];

	__atomic_fetch_add(&calls[at], 1, __ATOMIC_RELAXED);
	if (inside || !state->left)
		return NULL;
	if (state->hook.skip) {
		state->hook.skip--;
		return NULL;
	}
	state->left--;
	state->met++;
	if (state->hook.before) {
		inside = true;
		state->hook.before(state->hook.arg);
		inside = false;
	}
	return &state->hook;
}

static void
leave(const struct hook *hook)
{
	if (!hook || !hook->after)
		return;
	inside = true;
	hook->after(hook->arg);
	inside = false;
}

#define WRAP(type, name, parameters, arguments, failed)                        \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters                                          \
	{                                                                      \
		const struct hook *hook = meet(HOOK_##name);                   \
		if (hook && hook->error)                                       \
			return failed;                                         \
		type result = __real_##name arguments;                         \
		leave(hook);                                                   \
		return result;                                                 \
	}

#define WRAP_VOID(name, parameters, arguments)                                 \
	void __real_##name parameters;                                         \
	void __wrap_##name parameters;                                         \
	void __wrap_##name parameters                                          \
	{                                                                      \
		const struct hook *hook = meet(HOOK_##name);                   \
		__real_##name arguments;                                       \
		leave(hook);                                                   \
	}

#define ERRNO(failed) (errno = hook->error, failed)

WRAP(void *, malloc, (size_t size), (size), ERRNO(NULL))
WRAP(void *, calloc, (size_t count, size_t size), (count, size), ERRNO(NULL))
WRAP(void *, realloc, (void *old, size_t size), (old, size), ERRNO(NULL))
WRAP(char *, strdup, (const char *text), (text), ERRNO(NULL))
WRAP(int, regcomp, (regex_t * r, const char *text, int flags), (r, text, flags),
	hook->error)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), ERRNO(-1))
WRAP(ssize_t, pread, (int fd, void *buf, size_t len, off_t at),
	(fd, buf, len, at), ERRNO(-1))
WRAP(void *, mmap,
	(void *at, size_t len, int prot, int flags, int fd, off_t from),
	(at, len, prot, flags, fd, from), ERRNO(MAP_FAILED))
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t len),
	(fd, mode, at, len), ERRNO(-1))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), ERRNO(-1))
WRAP(int, lstat, (const char *path, struct stat *st), (path, st), ERRNO(-1))
WRAP(int, eventfd, (unsigned count, int flags), (count, flags), ERRNO(-1))
WRAP(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *a, void *(*run)(void *),
		void *arg),
	(thread, a, run, arg), hook->error)
WRAP(int, clock_gettime, (clockid_t clock, struct timespec *time),
	(clock, time), ERRNO(-1))

WRAP(int, nanosleep, (const struct timespec *time, struct timespec *left),
	(time, left), ERRNO(-1))

/* The length of a value that no test can make. */
WRAP(int64_t, spl_unset, (spl_store * s, const char *key), (s, key),
	(int64_t)INT_MAX + hook->error)
WRAP(int, spli_table_find,
	(const spl_store *s, const struct spli_key *key,
		struct spli_spot *spot),
	(s, key, spot), -hook->error)
WRAP(int, spli_table_look,
	(const spl_store *s, uint64_t slot, const struct spli_key *key,
		struct spli_spot *spot),
	(s, slot, key, spot), -hook->error)
WRAP(int, spli_slot_read,
	(const spl_store *s, uint64_t slot, char key[SPLI_KEY_SIZE],
		struct spli_read *read, struct spli_spot *spot),
	(s, slot, key, read, spot), -hook->error)
WRAP(int, spli_claim_take, (struct spli_lease * lease), (lease), -hook->error)
WRAP_VOID(spli_claim_drop, (struct spli_lease * lease), (lease))
WRAP(int, spli_lease_take, (spl_store * s, struct spli_lease *lease),
	(s, lease), -hook->error)
WRAP_VOID(spli_lease_drop, (struct spli_lease * lease), (lease))
WRAP_VOID(spli_record_begin,
	(struct spli_writer * w, enum spli_kind kind, uint64_t slot,
		uint64_t old, uint32_t block, uint32_t extra),
	(w, kind, slot, old, block, extra))
WRAP_VOID(spli_table_claim,
	(spl_store * s, const struct spli_key *key, uint64_t slot),
	(s, key, slot))
WRAP(int, spli_reserve_up, (spl_store * s, uint64_t last), (s, last),
	-hook->error)

/* Met, and not refused, it gives zeros. */
ssize_t __real_getrandom(void *buf, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
ssize_t
__wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	const struct hook *hook = meet(HOOK_getrandom);

	if (!hook)
		return __real_getrandom(buf, len, flags);
	if (hook->error)
		return ERRNO(-1);
	memset(buf, 0, len);
	return (ssize_t)len;
}

/* Those with a variable argument: what it is, they know themselves. */
#define WRAP_VARIADIC(name, parameters, last, arguments)                       \
	int __real_##name parameters;                                          \
	int __wrap_##name parameters;                                          \
	int __wrap_##name parameters                                           \
	{                                                                      \
		const struct hook *hook = meet(HOOK_##name);                   \
		if (hook && hook->error)                                       \
			return ERRNO(-1);                                      \
		va_list args;                                                  \
		va_start(args, last);                                          \
		void *argument = va_arg(args, void *);                         \
		va_end(args);                                                  \
		int result = __real_##name arguments;                          \
		leave(hook);                                                   \
		return result;                                                 \
	}

WRAP_VARIADIC(
	fcntl, (int fd, int command, ...), command, (fd, command, argument))
WRAP_VARIADIC(open, (const char *path, int flags, ...), flags,
	(path, flags, argument))
