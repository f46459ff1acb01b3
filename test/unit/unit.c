/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "audit.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool.h"

enum { NAMES = 200, HANDLES = 64, NOBODY = 65534 };

const uint32_t unit_kinds[2] = {TEST_KIND, SPL_MEMFD};

static char directory[PATH_MAX - 64];
static char names[NAMES][PATH_MAX];
static unsigned name_count;
static pid_t owner;
static struct {
	spl_store *store;
	const char *name; /* null: a memfd */
} handles[HANDLES];

/*
 * Messages.
 */
const char *
unit_errno(int64_t rc)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {{0, "0"}, {EPERM, "EPERM"}, {ENOENT, "ENOENT"},
		{EIO, "EIO"}, {ENXIO, "ENXIO"}, {EBADF, "EBADF"},
		{EAGAIN, "EAGAIN"}, {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},
		{EFAULT, "EFAULT"}, {EEXIST, "EEXIST"}, {ENOTDIR, "ENOTDIR"},
		{EISDIR, "EISDIR"}, {EINVAL, "EINVAL"}, {EMFILE, "EMFILE"},
		{EFBIG, "EFBIG"}, {ENOSPC, "ENOSPC"}, {ESPIPE, "ESPIPE"},
		{EROFS, "EROFS"}, {ERANGE, "ERANGE"}, {ENODEV, "ENODEV"},
		{ENAMETOOLONG, "ENAMETOOLONG"}, {ELOOP, "ELOOP"},
		{EBADMSG, "EBADMSG"}, {EOVERFLOW, "EOVERFLOW"},
		{EMSGSIZE, "EMSGSIZE"}, {EOPNOTSUPP, "EOPNOTSUPP"},
		{EPROTONOSUPPORT, "EPROTONOSUPPORT"}, {ESTALE, "ESTALE"},
		{ETIMEDOUT, "ETIMEDOUT"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (rc == known[i].number || rc == -known[i].number)
			return known[i].name;
	return "another number";
}

int
unit_check_rc(
	int64_t got, int64_t want, const char *file, int line, const char *what)
{
	tap_check(got == want, file, line, "%s", what);
	if (got != want)
		printf("# it is %lld (%s)\n", (long long)got, unit_errno(got));
	return got == want;
}

size_t
unit_text(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(buf, size, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= size)
		abort();
	return (size_t)n;
}

void
unit_skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, what, why);
}

/*
 * Names, and what is left of them.
 */
static void
clean(void)
{
	if (getpid() != owner)
		return;
	for (unsigned i = 0; i < name_count; i++)
		remove(unit_path(names[i]));
	if (*directory)
		rmdir(directory);
}

static void
clean_and_die(int signal_number)
{
	clean();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void
unit_start(void)
{
	static const int fatal[] = {SIGALRM, SIGABRT, SIGTERM, SIGINT};
	const char *tmp = getenv("TMPDIR");

	owner = getpid();
	snprintf(directory, sizeof directory, "%s/splinter-test-XXXXXX",
		tmp ? tmp : "/tmp");
	if (!mkdtemp(directory) || chmod(directory, 0755)) {
		printf("Bail out! no directory %s\n", directory);
		exit(1);
	}
	atexit(clean);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		signal(fatal[i], clean_and_die);
	unit_board = mmap(NULL, UNIT_BOARD * sizeof *unit_board,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (unit_board == MAP_FAILED)
		abort();
}

unsigned
unit_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

unsigned
unit_leftovers(void)
{
	struct stat st;
	unsigned left = 0;

	for (unsigned i = 0; i < name_count; i++)
		if (!lstat(unit_path(names[i]), &st)) {
			printf("# left: %s\n", names[i]);
			left++;
		}
	return left;
}

const char *
unit_dir(void)
{
	return directory;
}

const char *
unit_name(void)
{
	char *name = names[name_count];

	if (name_count == NAMES)
		abort();
	if (TEST_KIND == SPL_FILE)
		snprintf(name, sizeof *names, "%s/%u", directory, name_count);
	else
		snprintf(name, sizeof *names, "splinter-test-%d-%u", (int)owner,
			name_count);
	name_count++;
	return name;
}

const char *
unit_path(const char *name)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s%s",
		TEST_KIND == SPL_FILE ? "" : "/dev/shm/", name);
	return path;
}

/*
 * Stores.
 */
struct spl_options
unit_options(uint32_t kind, uint64_t slots, uint64_t max_value)
{
	struct spl_options o;

	spl_options_init(&o);
	o.kind = kind;
	o.slots = slots;
	o.max_value = max_value;
	return o;
}

spl_store *
unit_store_with(const struct spl_options *o)
{
	const char *name = o->kind == SPL_MEMFD ? "test" : unit_name();
	spl_store *s = NULL;
	int rc = spl_create(name, o, &s);
	unsigned at = 0;

	if (rc) {
		printf("# cannot create %s: %s\n", name, unit_errno(rc));
		CHECK(false, "a fresh store");
		exit(tap_end());
	}
	while (handles[at].store)
		if (++at == HANDLES)
			abort();
	handles[at].store = s;
	handles[at].name = o->kind == SPL_MEMFD ? NULL : name;
	return s;
}

spl_store *
unit_store(uint32_t kind, uint64_t slots, uint64_t max_value)
{
	struct spl_options o = unit_options(kind, slots, max_value);

	return unit_store_with(&o);
}

const char *
unit_name_of(const spl_store *s)
{
	for (unsigned i = 0; i < HANDLES; i++)
		if (handles[i].store == s)
			return handles[i].name;
	abort();
}

spl_store *
unit_again(spl_store *s, uint32_t flags)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	const char *name = unit_name_of(s);
	spl_store *again = NULL;

	o.flags = flags;
	int rc = name ? spl_open(name, &o, &again)
		      : spl_open_fd(spl_fd(s), &o, &again);
	if (rc) {
		printf("# cannot open again: %s\n", unit_errno(rc));
		CHECK(false, "a second handle");
		exit(tap_end());
	}
	return again;
}

void
unit_drop(spl_store *s)
{
	const char *name = unit_name_of(s);
	int rc = spl_close(s);

	if (!rc && name)
		rc = spl_destroy(name, TEST_KIND);
	if (rc)
		CHECK_RC(rc, 0);
	else if (name_count && name == names[name_count - 1])
		name_count--; /* to be used again */
	for (unsigned i = 0; i < HANDLES; i++)
		if (handles[i].store == s)
			handles[i].store = NULL;
}

int
unit_set(spl_store *s, const char *key, const char *text)
{
	return spl_set(s, key, text, strlen(text));
}

bool
unit_is(spl_store *s, const char *key, const char *text)
{
	char buf[4096];
	size_t len = 0;
	int rc = spl_get(s, key, buf, sizeof buf, &len);

	if (!text)
		return rc == -ENOENT;
	return !rc && len == strlen(text) && !memcmp(buf, text, len);
}

uint64_t
unit_epoch(spl_store *s, const char *key)
{
	struct spl_key_stat stat;

	return spl_stat(s, key, &stat) ? 0 : stat.epoch;
}

uint64_t
unit_keys(spl_store *s)
{
	struct spl_store_stat stat;

	return spl_store_info(s, &stat) ? UINT64_MAX : stat.keys;
}

unsigned
unit_search(const spl_store *s, const void *bytes, size_t len)
{
	enum { CHUNK = 1 << 20 };
	char *buf = malloc(CHUNK + SPLI_PAGE);
	uint64_t at = 0;
	unsigned found = 0;

	if (!buf || len > SPLI_PAGE)
		abort();
	/* Chunks overlap by one byte less than is looked for. */
	while (at < s->geo.size) {
		ssize_t n = pread(s->fd, buf, CHUNK + len - 1, (off_t)at);
		if (n <= 0)
			abort();
		char *from = buf, *end = buf + n, *hit;
		while ((hit = memmem(from, (size_t)(end - from), bytes, len))) {
			found++;
			from = hit + 1;
		}
		at += CHUNK;
	}
	free(buf);
	return found;
}

unsigned
unit_misplaced(const spl_store *s)
{
	uint8_t *places = calloc(s->geo.blocks + 1, 2);
	unsigned wrong =
		(unsigned)audit_places(s, places, places + s->geo.blocks + 1);

	for (uint64_t id = 1; id <= s->geo.blocks; id++)
		if (places[id] != 1) {
			printf("# block %llu is in %u places\n",
				(unsigned long long)id, places[id]);
			wrong++;
		}
	free(places);
	return wrong;
}

unsigned
unit_wrong_reaches(const spl_store *s)
{
	return audit_reaches(s);
}

/*
 * Children.
 */
struct unit_report {
	int failed;
	enum { RUNNING, DONE, DYING } state;
};

static int child_failed;
static struct unit_report *child_report;

int
unit_expect(int ok, const char *file, int line, const char *what)
{
	if (!ok) {
		printf("# in a child, at %s:%d: %s\n", file, line, what);
		child_failed++;
	}
	return ok;
}

/* A kill from outside is the only end that runs nothing at all. */
static void
child_end(int state)
{
	fflush(stdout);
	child_report->failed = child_failed;
	__atomic_store_n((int *)&child_report->state, state, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

void
unit_die(void)
{
	child_end(DYING);
}

struct unit_child
unit_fork(unit_body *body, void *arg)
{
	struct unit_child c;

	c.report = mmap(NULL, sizeof *c.report, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	c.pid = c.report == MAP_FAILED ? -1 : fork();
	if (c.pid < 0)
		abort();
	if (c.pid)
		return c;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	child_failed = 0;
	child_report = c.report;
	body(arg);
	child_end(DONE);
	abort();
}

int
unit_join(struct unit_child *c)
{
	int result;

	while (!__atomic_load_n((int *)&c->report->state, __ATOMIC_ACQUIRE)) {
		if (waitpid(c->pid, NULL, WNOHANG) == c->pid)
			goto gone; /* by a signal of its own */
		unit_moment();
	}
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
gone:
	result = c->report->state == DONE ? c->report->failed : -1;
	munmap(c->report, sizeof *c->report);
	return result;
}

void
unit_kill(struct unit_child *c)
{
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(c->report, sizeof *c->report);
}

int
unit_run(unit_body *body, void *arg)
{
	struct unit_child c = unit_fork(body, arg);

	return unit_join(&c);
}

bool
unit_become_nobody(void)
{
	if (!geteuid() && (setresgid(NOBODY, NOBODY, NOBODY) ||
				  setresuid(NOBODY, NOBODY, NOBODY)))
		return false;
	/* A change of user has taken it away; and /proc is ours again. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
	return geteuid() != 0;
}

static bool
write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool
unit_private_mounts(void)
{
	char map[64];

	if (unshare(CLONE_NEWNS)) {
		unsigned uid = geteuid(), gid = getegid();
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			return false;
		write_text("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", uid);
		if (!write_text("/proc/self/uid_map", map))
			return false;
		snprintf(map, sizeof map, "0 %u 1", gid);
		if (!write_text("/proc/self/gid_map", map))
			return false;
	}
	return !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
}

/*
 * The board, and time.
 */
int *unit_board;

void
unit_board_clear(void)
{
	for (int i = 0; i < UNIT_BOARD; i++)
		unit_post(i, 0);
}

void
unit_post(int at, int value)
{
	__atomic_store_n(&unit_board[at], value, __ATOMIC_RELEASE);
}

int
unit_posted(int at)
{
	return __atomic_load_n(&unit_board[at], __ATOMIC_ACQUIRE);
}

void
unit_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

void
unit_await(int at, int value)
{
	while (unit_posted(at) < value)
		unit_moment();
}

uint64_t
unit_now_ms(void)
{
	return spli_now_ns() / 1000000;
}
