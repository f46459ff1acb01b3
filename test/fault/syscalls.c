/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call that the library makes fails in turn, and every
 * allocation: each call of the API then succeeds nevertheless or gives an
 * error that spl.h names, never EINTR, and leaves nothing behind: no
 * descriptor, mapping, memory, or name. The handle works afterwards, and
 * another process finds every block of the store where it belongs.
 *
 * A child does one scene under ptrace(2). A seccomp filter stops it at each
 * system call; between enter() and leave() they are counted, and the chosen one
 * is skipped and fails with the chosen error.
 *
 *   fault_syscalls        the most plausible errors of each call
 *   fault_syscalls all    all of them, once and lasting
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "spl.h"
#include "tap.h"
#include "tidy.h"
#include "writer.h"

TAP_MAIN

enum { OLD_KEYS = 2, POINTS_MAX = 500, NR_PASSED = -2 };

/* What parent and child share. */
static struct board {
	int inside; /* between enter() and leave() */
	unsigned allocations; /* inside, so far */
	unsigned failing; /* the one that fails; 0: none */
	unsigned failed; /* whether it did */
	int refused; /* why this scene cannot be traced, or 0 */
	char wrong[256]; /* the first complaint */
	int64_t rc; /* what the scene's call gave */
} * board;

static char directory[64]; /* of files */
static char memory_name[64], file_name[96], fresh_name[2][128];
static bool tracing; /* system calls fail, not allocations */

/*
 * Allocations. The linker sends the library's here.
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg);

static long balance; /* pieces of memory that are in use */

static bool
allocation_fails(void)
{
	if (!board->inside || __atomic_add_fetch(&board->allocations, 1,
				      __ATOMIC_RELAXED) != board->failing)
		return false;
	board->failed = 1;
	return true;
}

static void *
counted(void *got)
{
	if (got)
		__atomic_fetch_add(&balance, 1, __ATOMIC_RELAXED);
	return got;
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : counted(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : counted(__real_calloc(count, size));
}

void *
__wrap_realloc(void *old, size_t size)
{
	if (allocation_fails())
		return NULL;
	void *got = __real_realloc(old, size);
	return old ? got : counted(got);
}

void
__wrap_free(void *old)
{
	if (old)
		__atomic_fetch_sub(&balance, 1, __ATOMIC_RELAXED);
	__real_free(old);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg)
{
	return allocation_fails()
		       ? EAGAIN
		       : __real_pthread_create(thread, attr, start, arg);
}

/*
 * The scenes, in a child.
 */
struct stage {
	uint32_t kind;
	const char *name; /* a store with the keys "k" and "other" */
	const char *fresh; /* there is nothing of this name */
	spl_store *s;
	bool read_only;
};

static void
complain(const char *what, int64_t rc)
{
	if (!*board->wrong)
		snprintf(board->wrong, sizeof board->wrong, "%s (%lld)", what,
			(long long)rc);
}

static void
enter(void)
{
	__atomic_store_n(&board->inside, 1, __ATOMIC_SEQ_CST);
}

static int64_t
leave(int64_t rc)
{
	__atomic_store_n(&board->inside, 0, __ATOMIC_SEQ_CST);
	return rc;
}

static struct spl_options
options(uint32_t kind)
{
	struct spl_options o;

	spl_options_init(&o);
	o.kind = kind;
	o.slots = 8;
	o.max_value = 64;
	o.writers = 4;
	return o;
}

static bool
is(struct stage *t, const char *key, const char *want)
{
	char got[64];
	size_t len = 0;
	int rc = spl_get(t->s, key, got, sizeof got, &len);

	if (!want)
		return rc == -ENOENT;
	return !rc && len == strlen(want) && !memcmp(got, want, len);
}

/* Another handle, not failing. */
static void
opened(struct stage *t)
{
	struct spl_options o = options(t->kind);
	int rc;

	if (t->kind == SPL_MEMFD) {
		rc = spl_create("splinter-syscalls", &o, &t->s);
		if (!rc)
			rc = spl_set(t->s, "k", "old", 3);
		if (!rc)
			rc = spl_set(t->s, "other", "old", 3);
	} else {
		rc = spl_open(t->name, &o, &t->s);
	}
	if (rc)
		complain("cannot open", rc);
}

/* One that has a writer entry. */
static void
writing(struct stage *t)
{
	opened(t);
	if (t->s && spl_set(t->s, "other", "old", 3))
		complain("cannot write", 0);
}

static int64_t
create_with(struct stage *t, uint32_t flags)
{
	struct spl_options o = options(t->kind);
	spl_store *s = NULL;

	o.flags = flags;
	enter();
	int64_t rc = leave(spl_create(t->fresh, &o, &s));
	if (!rc != (s != NULL))
		complain("a handle in spite of an error", rc);
	t->s = s;
	return rc;
}

static int64_t
create(struct stage *t)
{
	return create_with(t, 0);
}

static int64_t
create_prefault(struct stage *t)
{
	return create_with(t, SPL_PREFAULT);
}

static int64_t
create_or_open(struct stage *t)
{
	struct spl_options o = options(t->kind);

	enter();
	return leave(spl_create_or_open(t->fresh, &o, &t->s));
}

static int64_t
open_or_create(struct stage *t)
{
	struct spl_options o = options(t->kind);

	enter();
	return leave(spl_open_or_create(t->fresh, &o, &t->s));
}

static int64_t
open_with(struct stage *t, uint32_t flags)
{
	struct spl_options o = options(t->kind);

	o.flags = flags;
	t->read_only = flags & SPL_READ_ONLY;
	enter();
	return leave(spl_open(t->name, &o, &t->s));
}

static int64_t
open_writing(struct stage *t)
{
	return open_with(t, 0);
}

static int64_t
open_reading(struct stage *t)
{
	return open_with(t, SPL_READ_ONLY);
}

static int64_t
open_prefault(struct stage *t)
{
	return open_with(t, SPL_PREFAULT);
}

static int64_t
open_fd_with(struct stage *t, uint32_t flags)
{
	struct spl_options o = options(t->kind);
	spl_store *s = NULL;

	opened(t);
	o.flags = flags;
	enter();
	int64_t rc = leave(spl_open_fd(spl_fd(t->s), &o, &s));
	if (!rc != (s != NULL))
		complain("a handle in spite of an error", rc);
	spl_close(s);
	return rc;
}

static int64_t
open_fd(struct stage *t)
{
	return open_fd_with(t, 0);
}

static int64_t
open_fd_reading(struct stage *t)
{
	return open_fd_with(t, SPL_READ_ONLY);
}

static int64_t
destroy(struct stage *t)
{
	struct spl_options o = options(t->kind);
	spl_store *s = NULL;

	if (spl_create(t->fresh, &o, &s))
		complain("cannot create", 0);
	spl_close(s);
	enter();
	int64_t rc = leave(spl_destroy(t->fresh, t->kind));
	s = NULL;
	if (spl_open(t->fresh, &o, &s) != (rc ? 0 : -ENOENT))
		complain("destroyed or not, but not as was said", rc);
	spl_close(s);
	if (rc)
		spl_destroy(t->fresh, t->kind);
	return rc;
}

static int64_t
closing(struct stage *t)
{
	writing(t);
	enter();
	int64_t rc = leave(spl_close(t->s));
	t->s = NULL;
	return rc;
}

/* A set that has to be done or not done, as it says. */
static int64_t
set(struct stage *t, const char *key, const char *before)
{
	enter();
	int64_t rc = leave(spl_set(t->s, key, "new", 3));
	if (!is(t, key, rc ? before : "new"))
		complain("set or not, but not as was said", rc);
	return rc;
}

static int64_t
set_first(struct stage *t)
{
	opened(t);
	return set(t, "k", "old");
}

static int64_t
set_insert(struct stage *t)
{
	opened(t);
	return set(t, "n", NULL);
}

static int64_t
set_again(struct stage *t)
{
	writing(t);
	return set(t, "k", "old");
}

static int64_t
set_insert_again(struct stage *t)
{
	writing(t);
	return set(t, "n", NULL);
}

/* An entry that nobody had: it is filled, or left alone. */
static int64_t
set_beside(struct stage *t)
{
	struct stage first = *t;
	struct spl_store_stat info = {0};

	writing(&first);
	opened(t);
	int64_t rc = set(t, "k", "old");
	if (spl_set(t->s, "k", "new", 3) || spl_store_info(t->s, &info) ||
		info.writers_owned != 2)
		complain("another number of writers", info.writers_owned);
	spl_close(first.s);
	return rc;
}

static int64_t
set_ttl(struct stage *t)
{
	opened(t);
	enter();
	return leave(spl_set_ttl(t->s, "k", "new", 3, 600000));
}

static int64_t
add(struct stage *t)
{
	opened(t);
	enter();
	return leave(spl_add(t->s, "n", 1, NULL));
}

static int64_t
append(struct stage *t)
{
	opened(t);
	enter();
	return leave(spl_append(t->s, "n", "x", 1, NULL));
}

static int64_t
set_if(struct stage *t)
{
	opened(t);
	enter();
	return leave(spl_set_if(t->s, "n", "x", 1, 0, NULL));
}

static int64_t
unset(struct stage *t)
{
	opened(t);
	enter();
	int64_t rc = leave(spl_unset(t->s, "k"));
	if (!is(t, "k", rc < 0 ? "old" : NULL))
		complain("unset or not, but not as was said", rc);
	return rc;
}

static int64_t
reference(struct stage *t)
{
	spl_ref *ref = NULL;
	char got[64];

	opened(t);
	enter();
	int64_t rc = spl_ref_open(t->s, "k", &ref);
	if (!rc)
		rc = spl_ref_get(ref, got, sizeof got, NULL);
	if (!rc)
		rc = spl_ref_set(ref, "new", 3);
	spl_ref_close(ref);
	return leave(rc);
}

static int64_t
reading(struct stage *t)
{
	struct spl_writer_stat writers[4];
	struct spl_store_stat info;
	struct spl_key_stat stat;
	struct spl_peek peek;
	char got[64];

	writing(t);
	enter();
	int64_t rc = spl_get(t->s, "k", got, sizeof got, NULL);
	if (!rc)
		rc = spl_read(t->s, "k", got, sizeof got, &stat);
	if (!rc)
		rc = spl_stat(t->s, "k", &stat);
	if (!rc)
		rc = spl_peek_begin(t->s, "k", &peek);
	if (!rc)
		rc = spl_peek_stable(t->s, &peek);
	if (!rc)
		rc = spl_store_info(t->s, &info);
	if (!rc && spl_writers(t->s, writers, 4) < 1)
		rc = -1;
	return leave(rc);
}

static int64_t
list(struct stage *t)
{
	struct spl_key_stat stat;
	spl_list *l = NULL;
	int keys = 0;

	opened(t);
	enter();
	int64_t rc = spl_list_begin(t->s, "", "^(k|other)$", &l);
	while (!rc && spl_list_next(l, &stat) == 1)
		keys++;
	spl_list_end(l);
	leave(rc);
	if (!rc && keys != OLD_KEYS)
		complain("a list with keys left out", keys);
	return rc;
}

static int64_t
reclaim(struct stage *t)
{
	writing(t);
	spl_set_ttl(t->s, "gone", "x", 1, 1);
	while (!is(t, "gone", NULL))
		;
	enter();
	return leave(spl_reclaim(t->s));
}

static int64_t
vacuum(struct stage *t)
{
	opened(t);
	if (spl_set_auto_vacuum(t->s, 0, NULL))
		complain("cannot switch off", 0);
	enter();
	int64_t rc = leave(spl_set_auto_vacuum(t->s, 1, NULL));
	/* The promise: call it again. */
	if (rc && spl_set_auto_vacuum(t->s, 1, NULL))
		complain("cannot switch on again", rc);
	return rc;
}

static int64_t
wait_over(struct stage *t)
{
	opened(t);
	enter();
	int64_t rc = leave(spl_wait(t->s, "absent", 0, 3, NULL));
	return rc == -ETIMEDOUT ? 0 : rc ? rc : -1;
}

static int64_t
wait_many(struct stage *t, size_t count)
{
	static struct spl_pollkey keys[200];

	opened(t);
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct spl_pollkey){.key = "absent"};
	enter();
	return leave(spl_wait_many(t->s, keys, count, 3));
}

static int64_t
wait_two(struct stage *t)
{
	return wait_many(t, 2);
}

static int64_t
wait_twenty(struct stage *t)
{
	return wait_many(t, 20);
}

static int64_t
wait_hundreds(struct stage *t)
{
	return wait_many(t, 200);
}

static int64_t
wait_reading(struct stage *t)
{
	struct spl_options o = options(t->kind);

	o.flags = SPL_READ_ONLY;
	t->read_only = true;
	if (spl_open(t->name, &o, &t->s))
		complain("cannot open", 0);
	enter();
	int64_t rc = leave(spl_wait(t->s, "absent", 0, 5, NULL));
	return rc == -ETIMEDOUT ? 0 : rc ? rc : -1;
}

static int64_t
cancel(struct stage *t)
{
	opened(t);
	enter();
	int64_t rc = spl_cancel_waits(t->s, 1);
	int64_t other = spl_wait(t->s, "absent", 0, UINT64_MAX, NULL);
	if (!rc)
		rc = spl_cancel_waits(t->s, 0);
	leave(rc);
	if (other != -ECANCELED)
		complain("a wait that is not cancelled", other);
	return rc;
}

static void *
wait_long(void *arg)
{
	spl_wait(arg, "absent", 0, UINT64_MAX, NULL);
	return NULL;
}

/* A thread that waits, and is woken; also when the wake fails. */
static int64_t
cancel_thread(struct stage *t)
{
	struct spl_store_stat info = {0};
	pthread_t thread;

	opened(t);
	if (__real_pthread_create(&thread, NULL, wait_long, t->s))
		return 0;
	while (!info.waited_new && !spl_store_info(t->s, &info))
		sched_yield();
	enter();
	int64_t rc = leave(spl_cancel_waits(t->s, 1));
	pthread_join(thread, NULL);
	spl_cancel_waits(t->s, 0);
	return rc;
}

static int64_t
close_thread(struct stage *t)
{
	struct spl_store_stat info = {0};
	pthread_t thread;

	opened(t);
	if (__real_pthread_create(&thread, NULL, wait_long, t->s))
		return 0;
	while (!info.waited_new && !spl_store_info(t->s, &info))
		sched_yield();
	enter();
	int64_t rc = leave(spl_close(t->s));
	t->s = NULL;
	pthread_join(thread, NULL);
	return rc;
}

/* All that a feed can do. One that fails to tell says so and goes on. */
static int64_t
feed(struct stage *t, bool fd)
{
	struct spl_feed_options o;
	struct spl_event events[4];
	spl_feed *f = NULL;
	int64_t rc;
	int n, told = 0;

	writing(t);
	spl_feed_options_init(&o);
	o.flags = SPL_FEED_SNAPSHOT | SPL_FEED_VALUES;
	o.pattern = "^(k|other|n)$";
	enter();
	rc = spl_feed_open(t->s, &o, &f);
	if (!rc && fd)
		rc = spl_feed_fd(f);
	if (rc >= 0) {
		rc = 0;
		spl_set(t->s, "n", "new", 3);
		for (int i = 0; i < 20 && told < 4; i++) {
			n = spl_feed_read(f, events, 4, 3);
			if (n < 0 && n != -ENOMEM)
				rc = n;
			told += n > 0 ? n : 0;
		}
	}
	spl_feed_close(f);
	leave(rc);
	/* Two keys, the end of these, and the new one if it could be set. */
	if (!rc && told < (is(t, "n", "new") ? 4 : 3))
		complain("events are missing", told);
	return rc;
}

static int64_t
feed_reads(struct stage *t)
{
	return feed(t, false);
}

static int64_t
feed_fd(struct stage *t)
{
	return feed(t, true);
}

static int64_t
join(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		complain("a child that did not come to its end", status);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

/* What fails, fails in fork's handlers; the child writes undisturbed. */
static int64_t
forked(struct stage *t)
{
	writing(t);
	enter();
	pid_t pid = fork();
	leave(0);
	if (pid < 0)
		return 0;
	if (!pid)
		_exit((int)-spl_set(t->s, "k", "new", 3));
	int64_t rc = join(pid);
	if (rc || !is(t, "k", "new"))
		complain("the child could not write", rc);
	return rc;
}

/* What fails, fails in the child's first set. */
static int64_t
forked_sets(struct stage *t)
{
	writing(t);
	pid_t pid = fork();
	if (!pid) {
		enter();
		_exit((int)-leave(spl_set(t->s, "k", "new", 3)));
	}
	int64_t rc = join(pid);
	if (!is(t, "k", rc ? "old" : "new"))
		complain("set or not, but not as was said", rc);
	return rc;
}

enum {
	ANY = 1, /* the call's comment sends for other errors to the kernel's */
	FRESH = 2, /* makes the fresh name when it succeeds */
	WAKE = 4, /* in a store that always wakes */
	DEAD = 8, /* after a writer died with claim and lease */
	WIDE = 16, /* values so large that each takes memory of its own */
	VARIES = 32 /* time or other threads decide which calls there are */
};

static const struct scene {
	const char *name;
	int64_t (*act)(struct stage *t);
	unsigned kinds; /* bits of SPL_MEMORY, ... */
	unsigned how;
	int errors[4]; /* named by the comment, beside those of the kernel */
} scenes[] = {
#define ALL (1u << SPL_MEMORY | 1u << SPL_FILE | 1u << SPL_MEMFD)
#define NAMED (1u << SPL_MEMORY | 1u << SPL_FILE)
#define SHM (1u << SPL_MEMORY)
#define SETS                                                                   \
	{                                                                      \
		ENOSPC, EAGAIN                                                 \
	}
	{"create", create, ALL, ANY | FRESH, {ENOSPC}},
	{"create, prefault", create_prefault, ALL, ANY | FRESH, {ENOSPC}},
	{"create_or_open", create_or_open, SHM, ANY | FRESH, {ENOSPC}},
	{"open_or_create", open_or_create, SHM, ANY | FRESH, {ENOSPC}},
	{"open", open_writing, NAMED, ANY, {EBADMSG}},
	{"open, read-only", open_reading, SHM, ANY, {EBADMSG}},
	{"open, prefault", open_prefault, SHM, ANY, {EBADMSG}},
	{"open after a death", open_writing, SHM, ANY | DEAD, {EBADMSG}},
	{"open_fd", open_fd, SHM | 1u << SPL_MEMFD, ANY, {EBADF}},
	{"open_fd, read-only", open_fd_reading, SHM, ANY, {EBADF}},
	{"destroy", destroy, NAMED, ANY, {0}},
	{"close", closing, ALL, 0, {0}},
	{"first set", set_first, ALL, ANY, SETS},
	{"first set after a death", set_first, SHM, ANY | DEAD, SETS},
	{"first set, of a new key", set_insert, NAMED, ANY | WIDE, SETS},
	{"first set beside a writer", set_beside, NAMED, ANY, SETS},
	{"set", set_again, SHM, 0, {0}},
	{"set of a new key", set_insert_again, NAMED, ANY | WIDE, SETS},
	{"set, always waking", set_insert_again, SHM, ANY | WAKE, SETS},
	{"set_ttl", set_ttl, SHM, ANY, SETS},
	{"add", add, SHM, ANY, SETS},
	{"append", append, SHM, ANY, SETS},
	{"set_if", set_if, SHM, ANY, SETS},
	{"unset", unset, SHM, ANY, SETS},
	{"unset, always waking", unset, SHM, ANY | WAKE, SETS},
	{"reference", reference, SHM, ANY, {ENOMEM, ENOSPC, EAGAIN}},
	{"get, read, stat, peek, info, writers", reading, SHM, 0, {0}},
	{"list", list, SHM, 0, {ENOMEM}},
	{"reclaim", reclaim, SHM, ANY, SETS},
	{"auto-vacuum on", vacuum, SHM, ANY, SETS},
	{"wait", wait_over, SHM, VARIES, {0}},
	{"wait, read-only", wait_reading, SHM, VARIES, {0}},
	{"wait for two", wait_two, SHM, VARIES, {0}},
	{"wait for twenty", wait_twenty, SHM, VARIES, {ENOMEM}},
	{"wait for two hundred", wait_hundreds, SHM, VARIES, {ENOMEM}},
	{"cancel", cancel, SHM, 0, {0}},
	{"cancel a thread's wait", cancel_thread, SHM, VARIES, {0}},
	{"close under a thread's wait", close_thread, SHM, VARIES, {0}},
	{"feed", feed_reads, SHM, VARIES, {ENOMEM}},
	{"feed with a descriptor", feed_fd, SHM, ANY | VARIES,
		{ENOMEM, EAGAIN}},
	{"fork", forked, SHM, VARIES, {0}},
	{"set in a forked child", forked_sets, SHM, ANY | VARIES, SETS},
};

/*
 * What a process must not have more of afterwards.
 */
struct census {
	int descriptors, mappings;
	long memory;
};

static int
entries(const char *path, const char *prefix)
{
	struct dirent *entry;
	int count = 0;
	DIR *d = opendir(path);

	while (d && (entry = readdir(d)))
		count += !strncmp(entry->d_name, prefix, strlen(prefix));
	if (d)
		closedir(d);
	return count;
}

static struct census
take_census(void)
{
	struct census c = {entries("/proc/self/fd", ""), 0, balance};
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof line, f))
		c.mappings += strstr(line, "splinter-syscalls-") ||
			      strstr(line, "memfd:splinter") ||
			      strstr(line, "(deleted)");
	if (f)
		fclose(f);
	return c;
}

/* The handle works, whatever the call before gave. */
static void
use(struct stage *t)
{
	if (!t->read_only && spl_set(t->s, "k", "after", 5))
		complain("the handle does not write afterwards", 0);
	if (!is(t, "k", t->read_only ? "old" : "after"))
		complain("the handle does not read afterwards", 0);
}

static void
perform(const struct scene *scene, uint32_t kind)
{
	struct census before = take_census();
	struct stage t = {
		.kind = kind,
		.name = kind == SPL_FILE ? file_name : memory_name,
		.fresh = fresh_name[kind == SPL_FILE],
	};

	board->rc = scene->act(&t);
	if (t.s)
		use(&t);
	spl_close(t.s);
	struct census after = take_census();
	if (after.descriptors != before.descriptors)
		complain("descriptors are left",
			after.descriptors - before.descriptors);
	if (after.mappings != before.mappings)
		complain("mappings are left", after.mappings - before.mappings);
	if (after.memory != before.memory)
		complain("memory is left", after.memory - before.memory);
}

/*
 * The stage is set by the parent, and looked at afterwards.
 */
static void
die_with_everything(uint32_t kind)
{
	struct spl_options o = options(kind);
	struct spli_lease lease;
	spl_store *s;

	if (!spl_open(kind == SPL_FILE ? file_name : memory_name, &o, &s) &&
		!spli_lease_take(s, &lease) && !spli_claim_take(&lease))
		_exit(0);
	_exit(1);
}

static bool
set_up(const struct scene *scene, uint32_t kind)
{
	struct spl_options o = options(kind);
	spl_store *s = NULL;
	int status = 0;

	memset(board, 0, sizeof *board);
	if (kind == SPL_MEMFD)
		return true;
	o.flags = scene->how & WAKE ? SPL_WAKE_ALWAYS : 0;
	if (scene->how & WIDE)
		o.max_value = 300000;
	bool ok = !spl_create(
			  kind == SPL_FILE ? file_name : memory_name, &o, &s) &&
		  !spl_set(s, "k", "old", 3) && !spl_set(s, "other", "old", 3);
	spl_close(s);
	if (ok && scene->how & DEAD) {
		pid_t pid = fork();
		if (!pid)
			die_with_everything(kind);
		ok = waitpid(pid, &status, 0) == pid && !status;
	}
	return ok;
}

static bool
sound(const char *name, uint32_t kind)
{
	struct spl_options o = options(kind);
	struct stage t = {.kind = kind};

	bool ok = !spl_open(name, &o, &t.s) && !audit(t.s) &&
		  !spl_set(t.s, "last", "word", 4) && is(&t, "last", "word") &&
		  spl_unset(t.s, "last") == 4;
	spl_close(t.s);
	return ok;
}

/* By another process; and both names go. */
static const char *
look_back(const struct scene *scene, uint32_t kind)
{
	const char *wrong = *board->wrong ? board->wrong : NULL;
	const char *name = kind == SPL_FILE ? file_name : memory_name;
	const char *fresh = fresh_name[kind == SPL_FILE];
	bool made = scene->how & FRESH && !board->rc;
	int names = 1 + made;

	if (kind == SPL_MEMFD)
		return wrong;
	int found = kind == SPL_FILE ? entries(directory, "") - 2
				     : entries("/dev/shm", memory_name);
	if (!wrong && found != names)
		wrong = "names are left, or missing";
	if (!wrong && !sound(name, kind))
		wrong = "the store is not sound afterwards";
	if (!wrong && made && !sound(fresh, kind))
		wrong = "the new store is not sound";
	spl_destroy(name, kind);
	spl_destroy(fresh, kind);
	return wrong;
}

/*
 * System calls that fail, and how. What is not here passes: signal masks, the
 * end of a process, and what the C library does with its own threads' memory.
 */
enum { ERRNOS = 8 };
struct fault {
	long nr;
	const char *name;
	int errnos[ERRNOS]; /* the most plausible first */
};

static const struct fault faults[] = {
	{SYS_openat, "openat",
		{EMFILE, EINTR, EACCES, ENFILE, ENOMEM, ENOSPC, EIO}},
	{SYS_close, "close", {EINTR, EIO, ENOSPC}},
	{SYS_read, "read", {EINTR, EIO, EAGAIN}},
	{SYS_pread64, "pread64", {EIO, EINTR, ENOMEM}},
	{SYS_write, "write", {EAGAIN, EINTR}},
	{SYS_fstat, "fstat", {EIO, ENOMEM, EOVERFLOW}},
	{SYS_newfstatat, "newfstatat", {EACCES, EIO, ENOMEM}},
	{SYS_fchmod, "fchmod", {EPERM, EIO, EROFS}},
	{SYS_ftruncate, "ftruncate", {EINTR, ENOSPC, EFBIG, EIO, EPERM}},
	{SYS_fallocate, "fallocate",
		{ENOSPC, EINTR, EIO, EOPNOTSUPP, EFBIG, EDQUOT, ENOSYS}},
	{SYS_mmap, "mmap", {ENOMEM, EAGAIN, EACCES, EPERM, ENODEV}},
	{SYS_munmap, "munmap", {ENOMEM}},
	{SYS_madvise, "madvise", {EINVAL, ENOMEM, EFAULT}},
	{SYS_brk, "brk", {ENOMEM}},
	{SYS_memfd_create, "memfd_create", {ENFILE, EMFILE, ENOMEM, ENOSYS}},
	{SYS_fcntl, "fcntl", {EMFILE, EPERM, EINVAL}},
	{SYS_fcntl, "fcntl lock", {ENOLCK, EINTR, EAGAIN, EACCES, EINVAL}},
	{SYS_linkat, "linkat", {ENOSPC, EEXIST, EACCES, EPERM, EIO, ENOENT}},
#ifdef SYS_unlink
	{SYS_unlink, "unlink", {EACCES, EBUSY, EIO, EROFS}},
#endif
	{SYS_unlinkat, "unlinkat", {EACCES, EBUSY, EIO, EROFS}},
	{SYS_getrandom, "getrandom", {ENOSYS, EINTR, EAGAIN}},
	{SYS_eventfd2, "eventfd2", {EMFILE, ENFILE, ENOMEM}},
	{SYS_clone, "clone", {EAGAIN, ENOMEM}},
	{SYS_clone3, "clone3", {ENOSYS, EAGAIN, ENOMEM}},
	{SYS_futex, "futex wait", {EINTR, EAGAIN}},
	{SYS_futex, "futex wake", {ENOSYS, ENOMEM}},
	{449, "futex_waitv", {ENOSYS, EINTR, EPERM, EAGAIN, ENOMEM}},
	{SYS_nanosleep, "nanosleep", {EINTR}},
	{SYS_clock_nanosleep, "clock_nanosleep", {EINTR}},
	{SYS_clock_gettime, "clock_gettime", {0}},
};

/* Registers of a stopped child. */
struct regs {
	long nr;
	long second; /* its second argument */
};

#if defined(__x86_64__)
static bool
regs_read(pid_t pid, struct regs *r)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &u))
		return false;
	*r = (struct regs){(long)u.orig_rax, (long)u.rsi};
	return true;
}

/* At the entry: skip it. At the exit: only what it gives. Whether it fails. */
static bool
regs_fail(pid_t pid, int error, bool skip)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &u))
		return false;
	if (skip)
		u.orig_rax = (unsigned long long)-1;
	u.rax = (unsigned long long)-error;
	return !ptrace(PTRACE_SETREGS, pid, NULL, &u);
}
#elif defined(__aarch64__)
static bool
regs_read(pid_t pid, struct regs *r)
{
	struct user_regs_struct u;
	struct iovec iov = {&u, sizeof u};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov))
		return false;
	*r = (struct regs){(long)u.regs[8], (long)u.regs[1]};
	return true;
}

static bool
regs_fail(pid_t pid, int error, bool skip)
{
	struct user_regs_struct u;
	struct iovec iov = {&u, sizeof u};
	int none = -1;
	struct iovec call = {&none, sizeof none};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) ||
		(skip && ptrace(PTRACE_SETREGSET, pid,
				 (void *)NT_ARM_SYSTEM_CALL, &call)))
		return false;
	u.regs[0] = (unsigned long long)-error;
	return !ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov);
}
#endif

static const struct fault *
fault_of(const struct regs *r)
{
	long nr = r->nr, op = r->second & FUTEX_CMD_MASK;
	bool second = nr == SYS_fcntl && r->second == F_OFD_SETLK;

	if (nr == SYS_futex) {
		second = op == FUTEX_WAKE_OP; /* only we do that */
		/* The C library does not live on when a wake fails. */
		if (!second && op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET)
			return NULL;
	}
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].nr == nr)
			return &faults[i + second];
	return NULL;
}

/* Which call fails, with what; and what came of it. */
struct point {
	unsigned at; /* counted from 1; 0: none */
	int error;
	bool lasting; /* from then on all of that kind */
	unsigned met; /* calls that were counted */
	unsigned failed; /* calls that did fail */
	const struct fault *faults[POINTS_MAX];
	const struct fault *fault;
};

/* True when this system call is to fail. */
static bool
counts(struct point *p, pid_t pid)
{
	struct regs r;

	if (!__atomic_load_n(&board->inside, __ATOMIC_SEQ_CST) ||
		!regs_read(pid, &r))
		return false;
	const struct fault *fault = fault_of(&r);
	if (!fault || !fault->errnos[0])
		return false;
	if (p->met < POINTS_MAX)
		p->faults[p->met] = fault;
	if (++p->met == p->at) {
		/* Beside another thread the turn may be another call's. */
		if (p->fault != fault)
			p->error = fault->errnos[0];
		p->fault = fault;
	}
	return p->at && (p->met == p->at || (p->lasting && p->met > p->at &&
						    p->fault == fault));
}

/* One stop of one process or thread. */
static void
step(struct point *p, pid_t pid, int status, pid_t *in_close)
{
	int signal_number = WSTOPSIG(status);
	bool event = status >> 16;

	if (status >> 16 == PTRACE_EVENT_SECCOMP && counts(p, pid)) {
		if (p->fault->nr == SYS_close) {
			/* The kernel closes, whatever it says. */
			*in_close = pid;
			ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
			return;
		}
		p->failed += regs_fail(pid, p->error, true);
	} else if (signal_number == (SIGTRAP | 0x80) && *in_close == pid) {
		p->failed += regs_fail(pid, p->error, false);
		*in_close = 0;
	}
	bool ours = event || signal_number == (SIGTRAP | 0x80) ||
		    signal_number == SIGTRAP || signal_number == SIGSTOP;
	ptrace(PTRACE_CONT, pid, NULL,
		(void *)(long)(ours ? 0 : signal_number));
}

/* Until all are gone. The status of the first. */
static int
trace(struct point *p, pid_t child)
{
	int status, result = -1;
	pid_t pid, in_close = 0;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return -1;
	ptrace(PTRACE_SETOPTIONS, child, NULL,
		(void *)(long)(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP |
			       PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			       PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD));
	ptrace(PTRACE_CONT, child, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFSTOPPED(status))
			step(p, pid, status, &in_close);
		else if (pid == child)
			result = status;
	}
	return result;
}

static bool
stop_at_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	struct sock_fprog filter = {1, code};

	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL) && !raise(SIGSTOP) &&
		!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return true;
	board->refused = errno;
	return false;
}

/* A whole scene with one fault. What is wrong, or null. */
static const char *
run(const struct scene *scene, uint32_t kind, struct point *p)
{
	static char text[64];
	int status = -1;

	if (!set_up(scene, kind))
		return "cannot set the stage";
	board->failing = tracing ? 0 : p->at;
	p->met = p->failed = 0;
	pid_t child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGALRM, SIG_DFL);
		if (tracing && !stop_at_system_calls())
			_exit(2);
		alarm(30); /* this scene hangs */
		perform(scene, kind);
		_exit(0);
	}
	tidy_child = child;
	if (tracing)
		status = trace(p, child);
	else
		waitpid(child, &status, 0);
	tidy_child = 0;
	if (!tracing) {
		p->met = board->allocations;
		p->failed = board->failed;
	}
	const char *wrong = look_back(scene, kind);
	if (status) {
		snprintf(text, sizeof text, "ended with status %#x", status);
		wrong = text;
	}
	return wrong;
}

static bool
is_named(const struct scene *scene, const struct point *p, int64_t rc)
{
	if (rc >= 0)
		return true;
	if (rc == -EINTR)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (scene->errors[i] && rc == -scene->errors[i])
			return true;
	return scene->how & ANY && (rc == -p->error || rc == -ENOMEM);
}

static bool
try(const struct scene *scene, uint32_t kind, struct point *p)
{
	const char *wrong = run(scene, kind, p);

	/* What the kernel has not unmapped is its to keep. */
	if (wrong && p->fault && p->fault->nr == SYS_munmap &&
		!strncmp(wrong, "mappings are left", 17))
		wrong = NULL;
	if (!wrong && !is_named(scene, p, board->rc))
		wrong = "an error that spl.h does not name";
	if (!wrong)
		return true;
	printf("# %s, kind %u, call %u of %u (%s) %s %s%s: %s, result %lld\n",
		scene->name, kind, p->at, p->met,
		p->fault ? p->fault->name : "allocation", "fails with",
		strerrorname_np(p->error), p->lasting ? " for good" : "", wrong,
		(long long)board->rc);
	return false;
}

/* How much of it all is tried. */
static unsigned errnos_tried, lasting_tried;
static unsigned long points, missed; /* those that did fail, and did not */

static unsigned
fail_call(const struct scene *scene, uint32_t kind, unsigned at,
	const struct fault *fault)
{
	unsigned wrong = 0;

	for (unsigned e = 0; e < ERRNOS && fault->errnos[e]; e++) {
		for (unsigned lasting = 0; lasting <= 1; lasting++) {
			struct point p = {.at = at,
				.error = fault->errnos[e],
				.fault = fault,
				.lasting = lasting};
			if (e >= (lasting ? lasting_tried : errnos_tried))
				continue;
			/* Nobody is interrupted, or too late, for good. */
			if (lasting && (p.error == EINTR || p.error == EAGAIN ||
					       p.error == EEXIST))
				continue;
			wrong += !try(scene, kind, &p);
			points += p.failed != 0;
			missed += !p.failed;
			if (p.failed || scene->how & VARIES)
				continue;
			printf("# %s, kind %u, call %u (%s) did not come\n",
				scene->name, kind, at, fault->name);
			wrong++;
		}
	}
	return wrong;
}

static void
fail_calls(const struct scene *scene, uint32_t kind)
{
	static struct point all;
	unsigned wrong = 0;

	all = (struct point){0};
	wrong += !try(scene, kind, &all);
	for (unsigned i = 0; i < all.met && i < POINTS_MAX; i++)
		wrong += fail_call(scene, kind, i + 1, all.faults[i]);
	CHECK(!wrong, "%s (%s): each of %u system calls may fail", scene->name,
		kind == SPL_MEMORY ? "memory"
		: kind == SPL_FILE ? "file"
				   : "memfd",
		all.met);
}

static void
fail_allocations(const struct scene *scene, uint32_t kind)
{
	unsigned wrong = 0;
	struct point p = {.error = ENOMEM};

	do {
		p.at++;
		wrong += !try(scene, kind, &p);
		points += p.failed;
	} while (p.failed);
	CHECK(!wrong && p.met < p.at, "%s: each of %u allocations may fail",
		scene->name, p.at - 1);
}

/* Whether the kernel lets us. Any other fault than its no is for the tests. */
static bool
can_trace(void)
{
	static struct point p;

	tracing = true;
	run(&scenes[0], SPL_MEMORY, &p);
	int refused = board->refused;
	tracing = !refused;
	if (refused)
		CHECK(1, "system calls # SKIP ptrace(2) or seccomp(2): %s",
			strerror(refused));
	return tracing;
}

static void
set_names(void)
{
	const char *tmp = getenv("TMPDIR");
	char memory[160];

	snprintf(directory, sizeof directory, "%s/splinter-syscalls-XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	REQUIRE(mkdtemp(directory), "has a directory");
	tidy_name(directory);
	snprintf(memory_name, sizeof memory_name, "splinter-syscalls-%d",
		(int)getpid());
	snprintf(file_name, sizeof file_name, "%s/store", directory);
	snprintf(fresh_name[0], sizeof fresh_name[0], "%s-new", memory_name);
	snprintf(fresh_name[1], sizeof fresh_name[1], "%s/new", directory);
	snprintf(memory, sizeof memory, "/dev/shm/%s", memory_name);
	tidy_name(memory);
	snprintf(memory, sizeof memory, "/dev/shm/%s", fresh_name[0]);
	tidy_name(memory);
}

static void
each_scene(void (*fail)(const struct scene *scene, uint32_t kind))
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		for (uint32_t kind = 0; kind <= SPL_MEMFD; kind++)
			if (scenes[i].kinds & 1u << kind)
				fail(&scenes[i], kind);
}

int
main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "all");

	tap_start(all ? 7200 : 600);
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		abort();
	set_names();
	errnos_tried = all ? ERRNOS : (unsigned)tap_scale(4, 1);
	lasting_tried = all ? ERRNOS : (unsigned)tap_scale(2, 0);
	each_scene(fail_allocations);
	printf("# %lu allocations failed\n", points);
	points = 0;
	if (TAP_ASAN || SPLI_TSAN)
		CHECK(1, "system calls # SKIP they are a sanitizer's, too");
	else if (can_trace()) {
		each_scene(fail_calls);
		CHECK(points, "%lu times a system call failed", points);
		printf("# %lu times it did not come\n", missed);
	}
	return tap_end();
}
