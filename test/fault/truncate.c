/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is cut short or punched under an open store. Another process
 * does that in the middle of gets, sets and waits. Without SPL_GUARD it is
 * SIGBUS and nothing else; with it every call is -EIO from then on, the handle
 * can be closed, other stores go on, and other people's SIGBUS is theirs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "atomic.h"
#include "child.h"
#include "refuse.h"
#include "spl.h"
#include "store.h"
#include "tap.h"
#include "tidy.h"

TAP_MAIN

enum { KEYS = 64, WRONG = 1 };
/* Where the kernel has the low 32 bits of a system call's argument. */
enum { LOW_HALF = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0 };

static struct board {
	uint64_t calls; /* that the victim has made */
	int may_go; /* the victim's turn */
	int seen; /* the first error that was not expected */
} * board;

static char directory[64], memory_name[64], file_name[96];
static uint32_t kind;
static unsigned long calls_before;

static const char *
name(void)
{
	return kind == SPL_FILE ? file_name : memory_name;
}

static const char *
path(void)
{
	static char text[128];

	snprintf(text, sizeof text, "%s%s", kind == SPL_FILE ? "" : "/dev/shm/",
		name());
	return text;
}

static struct spl_options
options(uint32_t flags)
{
	struct spl_options o;

	spl_options_init(&o);
	o.kind = kind;
	o.slots = 2 * KEYS;
	o.max_value = 4096;
	o.flags = flags;
	return o;
}

static void
key_of(char *key, unsigned i)
{
	snprintf(key, 8, "%u", i % KEYS);
}

static void
fresh_store(void)
{
	struct spl_options o = options(0);
	char key[8];
	spl_store *s;

	memset(board, 0, sizeof *board);
	unlink(path());
	if (spl_create(name(), &o, &s))
		abort();
	for (unsigned i = 0; i < KEYS; i++) {
		key_of(key, i);
		if (spl_set(s, key, "value", 5))
			abort();
	}
	spl_close(s);
}

/* The result of a call that goes on until the store is lost. */
static int
counted(int64_t rc)
{
	__atomic_fetch_add(&board->calls, 1, __ATOMIC_RELEASE);
	return rc < 0 ? (int)rc : 0;
}

/*
 * Victims: each does one kind of call until it fails, and says with what.
 */
static int
gets(spl_store *s)
{
	char key[8], got[4096];
	int rc = 0;

	for (unsigned i = 0; !rc; i++) {
		key_of(key, i);
		rc = counted(spl_get(s, key, got, sizeof got, NULL));
	}
	return rc;
}

static int
sets(spl_store *s)
{
	static char value[4096];
	char key[8];
	int rc = 0;

	for (unsigned i = 0; !rc; i++) {
		key_of(key, i);
		rc = counted(spl_set(s, key, value, i % sizeof value));
	}
	return rc;
}

static int
inserts(spl_store *s)
{
	int64_t rc = 0;

	while (rc >= 0) {
		rc = spl_set(s, "new", "value", 5);
		if (!rc)
			rc = spl_unset(s, "new");
		counted(rc);
	}
	return (int)rc;
}

static int
looks(spl_store *s)
{
	struct spl_store_stat info;
	struct spl_key_stat stat;
	spl_list *list;
	int rc = 0;

	while (!rc) {
		rc = spl_list_begin(s, NULL, NULL, &list);
		for (int more = !rc; more == 1;)
			rc = more = spl_list_next(list, &stat);
		spl_list_end(list);
		if (!rc)
			rc = spl_store_info(s, &info);
		if (!rc)
			rc = spl_writers(s, NULL, 0) >= 0 ? 0 : -EIO;
		counted(rc);
	}
	return rc;
}

/* Values in place: the bytes turn to zeros, and are not stable. */
static int
peeks(spl_store *s)
{
	struct spl_peek peek;
	int rc = 0;

	while (!rc) {
		rc = spl_peek_begin(s, "1", &peek);
		if (!rc) {
			uint64_t sum = 0;
			for (uint64_t i = 0; i < peek.len; i++)
				sum += ((const volatile uint8_t *)peek.data)[i];
			rc = spl_peek_stable(s, &peek);
			if (!rc && !sum)
				return WRONG; /* zeros, believed */
		}
		counted(rc);
	}
	return rc;
}

static int
switches(spl_store *s)
{
	int rc = 0;

	for (int i = 0; !rc; i++)
		rc = counted(spl_set_auto_vacuum(s, i % 2, NULL));
	return rc;
}

/* Asleep when it happens, and nobody wakes it. */
static int
waits(spl_store *s)
{
	counted(0);
	return spl_wait(s, "absent", 0, UINT64_MAX, NULL);
}

static int
waits_for_many(spl_store *s)
{
	struct spl_pollkey keys[2] = {{.key = "absent"}, {.key = "too"}};

	counted(0);
	return spl_wait_many(s, keys, 2, UINT64_MAX);
}

static int
follows(spl_store *s)
{
	struct spl_event events[4];
	spl_feed *f = NULL;
	int rc = spl_feed_open(s, NULL, &f);

	counted(rc);
	while (rc >= 0)
		rc = spl_feed_read(f, events, 4, UINT64_MAX);
	spl_feed_close(f);
	return rc;
}

/* Its thread meets it. */
static int
follows_fd(spl_store *s)
{
	struct spl_event events[4];
	spl_feed *f = NULL;
	int rc = spl_feed_open(s, NULL, &f);
	int fd = rc ? rc : spl_feed_fd(f);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	counted(fd);
	for (rc = fd; rc >= 0;) {
		poll(&p, 1, -1);
		rc = spl_feed_read(f, events, 4, 0);
	}
	spl_feed_close(f);
	return rc;
}

static void *
gets_in_thread(void *s)
{
	return (void *)(intptr_t)gets(s);
}

/* Two threads at once. */
static int
both(spl_store *s)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, gets_in_thread, s))
		return WRONG;
	int rc = sets(s);
	pthread_join(thread, &result);
	return rc == -EIO && (intptr_t)result == -EIO ? -EIO : WRONG;
}

static const struct victim {
	const char *name;
	int (*does)(spl_store *s);
	bool reads; /* a read-only handle can do it, too */
} victims[] = {
	{"gets", gets, true},
	{"sets", sets, false},
	{"inserts and unsets", inserts, false},
	{"lists", looks, true},
	{"peeks", peeks, true},
	{"auto-vacuum switches", switches, false},
	{"a wait", waits, true},
	{"a wait for many", waits_for_many, false},
	{"a feed", follows, true},
	{"a feed with a descriptor", follows_fd, true},
	{"gets and sets of two threads", both, false},
};

/* Whatever one calls, it is EIO now. And another store is not touched. */
static int
afterwards(spl_store *s, uint32_t flags, spl_store *other)
{
	struct spl_store_stat info;
	struct spl_pollkey key = {.key = "1"};
	spl_feed *f;
	char got[8];
	int wrong = 0;

	wrong |= spl_get(s, "1", got, sizeof got, NULL) != -EIO;
	wrong |= spl_stat(s, "1", &(struct spl_key_stat){0}) != -EIO;
	wrong |= spl_store_info(s, &info) != -EIO;
	wrong |= spl_writers(s, NULL, 0) != -EIO;
	wrong |= spl_auto_vacuum(s) != -EIO;
	wrong |= spl_wait(s, "1", 0, UINT64_MAX, NULL) != -EIO;
	wrong |= spl_wait_many(s, &key, 1, UINT64_MAX) != -EIO;
	wrong |= spl_feed_open(s, NULL, &f) != -EIO;
	if (!(flags & SPL_READ_ONLY)) {
		wrong |= spl_set(s, "1", "x", 1) != -EIO;
		wrong |= spl_unset(s, "1") != -EIO;
		wrong |= spl_reclaim(s) != -EIO;
		wrong |= spl_set_auto_vacuum(s, 1, NULL) != -EIO;
	}
	wrong |= spl_cancel_waits(s, 1) || spl_cancel_waits(s, 0);
	wrong |= spl_set(other, "k", "v", 1) ||
		 spl_get(other, "k", got, sizeof got, NULL);
	return wrong;
}

/* The exit status: 0 when all is as it has to be. */
static int
suffer(const struct victim *v, uint32_t flags)
{
	struct spl_options o = options(flags), memfd = options(SPL_GUARD);
	spl_store *s, *other;

	memfd.kind = SPL_MEMFD;
	if (spl_open(name(), &o, &s) || spl_create("other", &memfd, &other))
		return WRONG;
	if (!(flags & SPL_GUARD))
		signal(SIGBUS, SIG_DFL); /* as if there were no other */
	int rc = v->does(s);
	board->seen = rc;
	int wrong = rc != -EIO || afterwards(s, flags, other);
	wrong |= spl_close(s) || spl_close(other);
	return wrong ? WRONG : 0;
}

/* Until the victim has made some more calls, or is asleep in one. */
static bool
await_calls(pid_t pid, uint64_t count)
{
	uint64_t calls = 0;

	while ((calls = __atomic_load_n(&board->calls, __ATOMIC_ACQUIRE)) <
		count) {
		siginfo_t info = {0};
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return false;
		sched_yield();
	}
	return true;
}

static bool
is_sleeper(const struct victim *v)
{
	return v->does == waits || v->does == waits_for_many ||
	       v->does == follows || v->does == follows_fd;
}

static void
cut(const struct victim *v, uint32_t flags, off_t length, const char *what)
{
	fresh_store();
	pid_t pid = child_start();
	if (!pid)
		_exit(suffer(v, flags));
	bool ran = await_calls(pid, is_sleeper(v) ? 1 : calls_before);
	if (truncate(path(), length))
		abort();
	int end = end_of(pid);
	int want = flags & SPL_GUARD ? 0 : DIED + SIGBUS;
	bool ok = ran && end == want;
	CHECK(ok, "%s, %s%s, cut to %s: %s", v->name,
		kind == SPL_FILE ? "file" : "memory",
		flags & SPL_READ_ONLY ? ", read-only" : "", what,
		flags & SPL_GUARD ? "EIO" : "SIGBUS");
	if (!ok)
		printf("# it ran: %d, its end: %d, its error: %d\n", ran, end,
			board->seen);
}

static void
cuts(const struct victim *v)
{
	/* Who sleeps meets it within a second: that is enough of it. */
	if (is_sleeper(v)) {
		if (kind == SPL_MEMORY || tap_scale(1, 0))
			cut(v, SPL_GUARD, 0, "nothing");
		return;
	}
	cut(v, SPL_GUARD, 0, "nothing");
	cut(v, SPL_GUARD, 4096, "the header");
	if (v->reads)
		cut(v, SPL_GUARD | SPL_READ_ONLY, 0, "nothing");
	cut(v, 0, 0, "nothing");
}

/*
 * Holes. Memory comes anew, as zeros: damage, but no signal.
 */
static int
punched(spl_store *s)
{
	char got[8];

	__atomic_store_n(&board->calls, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&board->may_go, __ATOMIC_ACQUIRE))
		sched_yield();
	int get = spl_get(s, "1", got, sizeof got, NULL);
	int set = spl_set(s, "1", "x", 1);
	int add = spl_set(s, "new", "x", 1);
	board->seen = get;
	return (get == -ENOENT || get == -EBADMSG || get == -EAGAIN) &&
			       (set == -EBADMSG || set == -EAGAIN) &&
			       (add == -EBADMSG || add == -EAGAIN)
		       ? 0
		       : WRONG;
}

static int
punch(off_t from, off_t length)
{
	int fd = open(path(), O_RDWR | O_CLOEXEC);
	int rc = fallocate(
		fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, length);

	close(fd);
	return rc;
}

static void
hole(uint32_t flags)
{
	struct spl_options o = options(flags);
	spl_store *s;

	fresh_store();
	pid_t pid = child_start();
	if (!pid) {
		if (spl_open(name(), &o, &s) || spl_set(s, "1", "x", 1))
			_exit(WRONG);
		int wrong = punched(s);
		_exit(spl_close(s) || wrong ? WRONG : 0);
	}
	bool ran = await_calls(pid, 1);
	if (punch(0, 1 << 30)) {
		kill(pid, SIGKILL);
		end_of(pid);
		CHECK(1, "a hole # SKIP this file system makes none");
		return;
	}
	__atomic_store_n(&board->may_go, 1, __ATOMIC_RELEASE);
	int end = end_of(pid);
	CHECK(ran && !end, "%s, all of it a hole%s: errors, no signal",
		kind == SPL_FILE ? "file" : "memory",
		flags & SPL_GUARD ? ", guarded" : "");
	if (end)
		printf("# its end: %d, its error: %d\n", end, board->seen);
}

/*
 * A hole where no memory is left to fill it: SIGBUS as well. In a mount
 * namespace of its own. The status says how it went.
 */
enum { UNMOUNTED = 77 };

static void
fill_up(const char *file)
{
	static char page[4096];
	int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	memset(page, 1, sizeof page);
	while (write(fd, page, sizeof page) > 0)
		;
	close(fd);
}

static int
hole_without_memory(uint32_t flags)
{
	struct spl_options o;
	char got[4096];
	spl_store *s;

	kind = SPL_MEMORY;
	o = options(flags);
	if (unshare(CLONE_NEWNS) ||
		mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
		mount("none", "/dev/shm", "tmpfs", 0, "size=1m"))
		return UNMOUNTED;
	fresh_store();
	if (spl_open(name(), &o, &s) || punch(0, 1 << 30))
		return WRONG;
	fill_up("/dev/shm/filler");
	int rc = spl_get(s, "1", got, sizeof got, NULL);
	unlink("/dev/shm/filler");
	board->seen = rc;
	if (rc != -EIO || spl_get(s, "1", got, sizeof got, NULL) != -EIO)
		return WRONG;
	return spl_close(s) ? WRONG : 0;
}

static void
holes_without_memory(void)
{
	for (int guarded = 0; guarded <= 1; guarded++) {
		pid_t pid = child_start();
		if (!pid)
			_exit(hole_without_memory(guarded ? SPL_GUARD : 0));
		int end = end_of(pid);
		if (end == UNMOUNTED)
			CHECK(1, "a hole # SKIP no private mounts here");
		else
			CHECK(end == (guarded ? 0 : DIED + SIGBUS),
				"a hole and no memory to fill it: %s",
				guarded ? "EIO" : "SIGBUS");
		if (end && end < DIED)
			printf("# its end: %d, its error: %d\n", end,
				board->seen);
	}
}

/*
 * The others' signals.
 */
static sigjmp_buf back;
static volatile int handled, with_info, blocked, error;

static void
jump_back(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	error = errno;
	handled++;
	with_info = info && info->si_code == BUS_ADRERR;
	siglongjmp(back, 1);
}

static void
count_with_info(int number, siginfo_t *info, void *context)
{
	sigset_t mask;

	(void)number, (void)context;
	handled++;
	with_info = info && info->si_code == SI_USER;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	blocked = sigismember(&mask, SIGUSR1);
}

static void
count(int number)
{
	(void)number;
	handled++;
}

/* Memory behind the end of a file. */
static volatile char *
trap(void)
{
	int fd = memfd_create("trap", MFD_CLOEXEC);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static spl_store *
guarded_store(void)
{
	struct spl_options o = options(SPL_GUARD);
	spl_store *s;

	o.kind = SPL_MEMFD;
	return spl_create("guarded", &o, &s) ? NULL : s;
}

static int
former_handler(void)
{
	struct sigaction a = {
		.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &a, NULL);
	spl_store *s = guarded_store();
	volatile char *at = trap();
	if (!s || !at)
		return WRONG;
	for (int i = 0; i < 3; i++)
		if (!sigsetjmp(back, 1))
			(void)*at;
	return handled != 3 || !with_info || spl_set(s, "k", "v", 1) ||
	       spl_close(s);
}

static int
former_plain_handler(void)
{
	signal(SIGBUS, count);
	spl_store *s = guarded_store();
	raise(SIGBUS);
	raise(SIGBUS);
	return !s || handled != 2 || spl_set(s, "k", "v", 1) || spl_close(s);
}

/* One that returns. What it has blocked meanwhile stays so. */
static int
former_handler_returns(void)
{
	struct sigaction a = {
		.sa_sigaction = count_with_info, .sa_flags = SA_SIGINFO};

	sigaddset(&a.sa_mask, SIGUSR1);
	sigaction(SIGBUS, &a, NULL);
	spl_store *s = guarded_store();
	kill(getpid(), SIGBUS);
	return !s || handled != 1 || !with_info || !blocked ||
	       spl_set(s, "k", "v", 1) || spl_close(s);
}

/* On another stack where there is one; calls go on, and it nests, as before. */
static int
flags_of_the_former(void)
{
	enum {
		KEPT = SA_RESTART | SA_NODEFER,
		SEEN = KEPT | SA_SIGINFO | SA_ONSTACK | SA_NOCLDSTOP
	};
	static const int flags[] = {
		0, SA_RESTART, SA_NODEFER, KEPT | SA_NOCLDSTOP};
	int wrong = 0;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct sigaction a = {
			.sa_handler = count, .sa_flags = flags[i]};
		pid_t pid = child_start();
		if (!pid) {
			sigaction(SIGBUS, &a, NULL);
			spl_store *s = guarded_store();
			sigaction(SIGBUS, NULL, &a);
			_exit(!s || (a.sa_flags & SEEN) !=
					    (SA_SIGINFO | SA_ONSTACK |
						    (flags[i] & KEPT)));
		}
		wrong |= end_of(pid);
	}
	return wrong;
}

static int
former_ignores(void)
{
	signal(SIGBUS, SIG_IGN);
	spl_store *s = guarded_store();
	raise(SIGBUS);
	kill(getpid(), SIGBUS);
	kill(getpid(), SIGBUS);
	return !s || spl_set(s, "k", "v", 1) || spl_close(s);
}

static int
former_ignores_a_fault(void)
{
	signal(SIGBUS, SIG_IGN);
	return guarded_store() ? *trap() : WRONG;
}

static int
no_former_sent(void)
{
	if (guarded_store())
		kill(getpid(), SIGBUS);
	return WRONG;
}

static int
no_former_fault(void)
{
	return guarded_store() ? *trap() : WRONG;
}

/* Closed: what is mapped there afterwards is not the store's. */
static int
after_close(void)
{
	spl_store *s = guarded_store();

	if (!s || spl_close(s))
		return WRONG;
	return *trap();
}

/* As if this thread had met that, at any instruction. */
static void
fault(int cause, const void *at)
{
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGBUS;
	info.si_code = cause;
	info.si_addr = (void *)(uintptr_t)at;
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info))
		abort();
}

/* The bytes before and behind the store are not its own. */
static int
beside_the_store(void)
{
	signal(SIGBUS, count);
	spl_store *s = guarded_store();
	if (!s)
		return WRONG;
	const uint8_t *first = (const uint8_t *)s->header;
	fault(BUS_ADRERR, first - 1);
	fault(BUS_ADRERR, first + s->geo.size);
	return handled != 2 || spl_set(s, "k", "v", 1) || spl_close(s);
}

/* Memory that broke where nobody looks: no access of anybody's has failed. */
static int
broken_memory(void)
{
	spl_store *s = guarded_store();

	if (!s)
		return WRONG;
	fault(BUS_MCEERR_AO, s->header);
	return spl_set(s, "k", "v", 1) || spl_close(s);
}

static int
broken_memory_ignored(void)
{
	signal(SIGBUS, SIG_IGN);
	return broken_memory();
}

/* An address that no page would mend: ignored, it would come for ever. */
static int
misaligned_ignored(void)
{
	signal(SIGBUS, SIG_IGN);
	spl_store *s = guarded_store();
	for (int i = 0; s && i < 2; i++)
		fault(BUS_ADRALN, s->header);
	return WRONG;
}

/* A guarded store that is cut, and whose former handler jumps back. */
static spl_store *
store_to_jump_from(void)
{
	struct sigaction a = {
		.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};
	struct spl_options o;
	spl_store *s;

	kind = SPL_MEMORY;
	o = options(SPL_GUARD);
	sigaction(SIGBUS, &a, NULL);
	fresh_store();
	if (spl_open(name(), &o, &s) || truncate(path(), 0))
		return NULL;
	return s;
}

static bool
jumps_from(spl_store *s)
{
	char got[8];

	if (sigsetjmp(back, 1))
		return true;
	errno = EDOM;
	spl_get(s, "1", got, sizeof got, NULL);
	return false;
}

/* What this thread gets from the kernel when it so maps as much as @s is. */
static bool
filter(unsigned call, const spl_store *s, uint32_t verdict)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, args[1]) + LOW_HALF),
		BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)s->geo.size, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return refuse_by(code, sizeof code / sizeof *code);
}

static int
no_zeros(unsigned call)
{
	spl_store *s = store_to_jump_from();

	return !s || !filter(call, s, SECCOMP_RET_ERRNO | ENOMEM) ||
	       !jumps_from(s) || handled != 1 || !with_info || error != EDOM;
}

static int
no_memory_for_zeros(void)
{
	return no_zeros(SYS_mmap);
}

static int
no_place_for_zeros(void)
{
	return no_zeros(SYS_mremap);
}

/*
 * Closing waits for a handler that may have met the store on the list, but
 * not for ever: this one is held up in the middle, over another store.
 */
static int stopped, may_go_on;

static void
hold_up(int number)
{
	(void)number;
	spli_store_release(&stopped, 1);
	while (!spli_load_acquire(&may_go_on))
		sched_yield();
}

static void *
is_held_up(void *s)
{
	bool jumped = filter(SYS_mmap, s, SECCOMP_RET_TRAP) && jumps_from(s);

	spli_store_release(&stopped, 1);
	return (void *)(intptr_t)jumped;
}

/* Another store, once a thread has been held up. */
static spl_store *
beside_a_stopped_handler(pthread_t *thread)
{
	spl_store *s = store_to_jump_from(), *other = guarded_store();

	signal(SIGSYS, hold_up);
	if (!s || !other || pthread_create(thread, NULL, is_held_up, s))
		return NULL;
	while (!spli_load_acquire(&stopped))
		sched_yield();
	return other;
}

/* The end of the thread, and what came of it besides. */
static int
go_on(pthread_t thread, int wrong)
{
	void *jumped;

	spli_store_release(&may_go_on, 1);
	pthread_join(thread, &jumped);
	return wrong || !jumped;
}

static int
close_beside_a_stopped_handler(void)
{
	pthread_t thread;
	spl_store *other = beside_a_stopped_handler(&thread);

	if (!other)
		return WRONG;
	uint64_t since = spli_now_ns();
	int rc = spl_close(other);
	return go_on(
		thread, rc || spli_now_ns() - since <
					SPL_WAIT_BOUND_MS * UINT64_C(1000000));
}

/* Who has to sleep is killed. */
static bool
never_sleeps(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_nanosleep, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return refuse_by(code, sizeof code / sizeof *code);
}

/* The child has no such thread: its own close waits for nobody. */
static int
fork_beside_a_stopped_handler(void)
{
	pthread_t thread;
	spl_store *other = beside_a_stopped_handler(&thread);

	if (!other)
		return WRONG;
	pid_t pid = child_start();
	if (!pid)
		_exit(!never_sleeps() || spl_close(other));
	return go_on(thread, end_of(pid));
}

static void
others_signals(void)
{
	static const struct {
		int (*body)(void);
		int end;
		const char *name;
	} cases[] = {
		{former_handler, 0, "a fault elsewhere: the former handler"},
		{former_plain_handler, 0, "one that is sent: the former one"},
		{former_handler_returns, 0, "the same once, with all it has"},
		{flags_of_the_former, 0, "flags: the former one's"},
		{former_ignores, 0, "one that is sent, and ignored"},
		{former_ignores_a_fault, DIED + SIGBUS, "no fault is ignored"},
		{misaligned_ignored, DIED + SIGBUS, "nor a wrong address"},
		{no_former_sent, DIED + SIGBUS, "one that is sent ends all"},
		{no_former_fault, DIED + SIGBUS, "a fault elsewhere ends all"},
		{after_close, DIED + SIGBUS, "so it does after the close"},
		{beside_the_store, 0, "a fault a byte before, and behind"},
		{broken_memory_ignored, 0, "broken memory, ignored"},
		{broken_memory, DIED + SIGBUS, "broken memory ends all"},
		{no_memory_for_zeros, 0, "no memory: the former handler"},
		{no_place_for_zeros, 0, "no place: the former handler"},
		{close_beside_a_stopped_handler, 0,
			"close, beside a handler that is held up: a wait"},
		{fork_beside_a_stopped_handler, 0,
			"the same in a forked child: none"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		pid_t pid = child_start();
		if (!pid)
			_exit(cases[i].body());
		int end = end_of(pid);
		CHECK(end == cases[i].end, "%s", cases[i].name);
		if (end != cases[i].end)
			printf("# its end: %d\n", end);
	}
}

/* Open and close guarded stores while another one is being lost. */
static int stop;

static void *
opens_and_closes(void *arg)
{
	intptr_t wrong = 0;

	while (!spli_load_acquire(&stop)) {
		spl_store *s = guarded_store();
		wrong |= !s || spl_set(s, "k", "v", 1) || spl_close(s);
	}
	(void)arg;
	return (void *)wrong;
}

static int
lose_many(unsigned rounds)
{
	struct spl_options o = options(SPL_GUARD);
	pthread_t thread;
	void *wrong;
	char got[8];
	spl_store *s;

	if (pthread_create(&thread, NULL, opens_and_closes, NULL))
		return WRONG;
	for (unsigned i = 0; i < rounds; i++) {
		fresh_store();
		if (spl_open(name(), &o, &s) || truncate(path(), 0) ||
			spl_get(s, "1", got, sizeof got, NULL) != -EIO ||
			spl_close(s))
			return WRONG;
	}
	spli_store_release(&stop, 1);
	pthread_join(thread, &wrong);
	return wrong != NULL;
}

static void
beside_opens(void)
{
	unsigned rounds = (unsigned)tap_scale(300, 20);

	kind = SPL_MEMORY;
	pid_t pid = child_start();
	if (!pid)
		_exit(lose_many(rounds));
	CHECK(!end_of(pid), "%u stores lost beside others' open and close",
		rounds);
}

/* The child of a fork is protected as well, and each has its own zeros. */
static int
forked(void)
{
	struct spl_options o = options(SPL_GUARD);
	char got[8];
	spl_store *s;

	fresh_store();
	if (spl_open(name(), &o, &s) || truncate(path(), 0))
		return WRONG;
	pid_t pid = child_start();
	if (!pid)
		_exit(spl_get(s, "1", got, sizeof got, NULL) != -EIO ||
			spl_close(s));
	int child = end_of(pid);
	return child || spl_get(s, "1", got, sizeof got, NULL) != -EIO ||
	       spl_close(s);
}

static void
over_fork(void)
{
	kind = SPL_MEMORY;
	pid_t pid = child_start();
	if (!pid)
		_exit(forked());
	CHECK(!end_of(pid), "parent and forked child, each for itself: EIO");
}

static void
a_memfd_stays(void)
{
	spl_store *s = guarded_store();

	REQUIRE(s, "a memfd store");
	CHECK(ftruncate(spl_fd(s), 0) && errno == EPERM,
		"which nobody can cut short");
	spl_close(s);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");

	tap_start(600);
	signal(SIGBUS, SIG_DFL); /* not a sanitizer's */
	calls_before = tap_scale(100000, 1000);
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(directory, sizeof directory, "%s/splinter-truncate-XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	REQUIRE(board != MAP_FAILED && mkdtemp(directory), "has a directory");
	tidy_name(directory);
	snprintf(memory_name, sizeof memory_name, "splinter-truncate-%d",
		(int)getpid());
	snprintf(file_name, sizeof file_name, "%s/store", directory);
	kind = SPL_MEMORY;
	tidy_name(path());
	if (SPLI_TSAN) {
		/* Each access may be one, and holds locks that the handler's
		 * need. */
		CHECK(1, "all # SKIP a fault in ThreadSanitizer's own code");
		return tap_end();
	}
	for (kind = SPL_MEMORY; kind <= SPL_FILE; kind++) {
		for (size_t i = 0; i < sizeof victims / sizeof *victims; i++)
			cuts(&victims[i]);
		hole(0);
		hole(SPL_GUARD);
	}
	holes_without_memory();
	/* Before this process has a handler that its children would have. */
	others_signals();
	beside_opens();
	over_fork();
	a_memfd_stays();
	return tap_end();
}
