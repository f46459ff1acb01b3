/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_store.c - stores as a broken or hostile peer left them: opened, which
 * repairs, used by every call, and damaged on, in between.
 *
 * The input's first byte says which store of craft.h to begin with. Then
 * come commands, each a byte that says which and what it takes from the
 * bytes behind it: edits of the region, up to EDITS; calls, from there on. No
 * call may crash, hang, touch what is outside of the mapping (link with
 * FENCED), or fail otherwise than documented.
 *
 * Time goes by as it is needed: whoever sleeps has slept at once. (Link with
 * --wrap for clock_gettime, nanosleep, sched_yield and syscall.) So the same
 * input always does the same.
 */
#define _GNU_SOURCE 1

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "craft.h"
#include "fuzz.h"
#include "fenced.h"

enum {
	HANDLES = 3, /* the last is read-only */
	READ_ONLY = HANDLES - 1,
	EDITS = 96, /* commands below are edits */
	COMMANDS = 64, /* at most, of one input */
	MARK = 'M',
	SLOWLY = 20 /* a sleeper wakes late: fewer turns */
};

/* --- Time --------------------------------------------------------------- */

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_sched_yield(void);
int __wrap_sched_yield(void);
/* The most that any takes; what a caller did not give is passed on unread. */
long __real_syscall(
	long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(
	long number, long a, long b, long c, long d, long e, long f);

#define NS_PER_S UINT64_C(1000000000)

static bool running; /* an input: else time is the system's */
static uint64_t time_ns;

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!running)
		return __real_clock_gettime(clock, time);
	/* So that loops that look at nothing else end as well. */
	time_ns += 100;
	*time = (struct timespec){.tv_sec = (time_t)(time_ns / NS_PER_S),
		.tv_nsec = (long)(time_ns % NS_PER_S)};
	return 0;
}

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!running)
		return __real_nanosleep(time, left);
	time_ns += SLOWLY * ((uint64_t)time->tv_sec * NS_PER_S +
				    (uint64_t)time->tv_nsec);
	return 0;
}

int
__wrap_sched_yield(void)
{
	if (!running)
		return __real_sched_yield();
	time_ns += 1000;
	return 0;
}

/* A wait on a futex is over when its time is: nobody else is there. */
static long
sleep_until(const struct timespec *until)
{
	uint64_t ns =
		(uint64_t)until->tv_sec * NS_PER_S + (uint64_t)until->tv_nsec;

	if (ns > time_ns)
		time_ns = ns;
	errno = ETIMEDOUT;
	return -1;
}

long
__wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	enum { WAITV = 449 };

	/* Both have their time as the fourth argument. */
	if (running && (number == WAITV ||
			       (number == SYS_futex && b == FUTEX_WAIT_BITSET)))
		return sleep_until((const struct timespec *)d);
	return __real_syscall(number, a, b, c, d, e, f);
}

/* --- Stores ------------------------------------------------------------- */

static struct template
{
	spl_store *s; /* sound; its geometry is looked at */
	uint8_t *image;
	int fd; /* what is opened, and damaged */
	uint8_t *region;
}
templates[CRAFT_LAYOUTS];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	time_ns = 1000 * NS_PER_S;
	running = true; /* what expires does by this clock */
	for (unsigned i = 0; i < CRAFT_LAYOUTS; i++) {
		struct template *t = &templates[i];
		t->s = craft_make(&craft_layouts[i]);
		EXPECT(t->s);
		uint64_t size = t->s->geo.size;
		t->image = malloc(size);
		EXPECT(t->image);
		memcpy(t->image, t->s->header, size);
		/* Without seals: its size may be wrong as well. */
		t->fd = memfd_create("fuzzed", MFD_CLOEXEC);
		EXPECT(t->fd >= 0 && !ftruncate(t->fd, (off_t)size));
		t->region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			t->fd, 0);
		EXPECT(t->region != MAP_FAILED);
	}
	running = false;
	return 0;
}

/* --- Calls -------------------------------------------------------------- */

struct fuzzed {
	struct craft c;
	struct template *t;
	spl_store *handles[HANDLES];
	spl_store *s; /* the one that is being used */
	unsigned number; /* of it */
	spl_feed *feed; /* on the first, or null */
};

static uint64_t
choice(struct fuzzed *f, uint64_t n)
{
	return craft_choice(&f->c, n);
}

static const char *
any_key(struct fuzzed *f, char text[SPLI_KEY_SIZE])
{
	craft_key(text, choice(f, CRAFT_KEYS));
	return text;
}

/* Every call's result: not negative, or one of the errors. 0 ends them. */
static void
expect(int64_t rc, const int *errors)
{
	while (rc < 0 && *errors && -*errors != rc)
		errors++;
	if (rc < 0 && !*errors)
		dprintf(2, "fuzz: not an error of this call: %d\n", (int)rc);
	EXPECT(rc >= 0 || *errors);
}

#define EXPECT_RC(rc, ...) expect(rc, (const int[]){__VA_ARGS__, 0})
/* A read-only handle writes nothing. */
#define EXPECT_WRITE(f, rc, ...)                                               \
	do {                                                                   \
		int64_t rc_ = (rc);                                            \
		if ((f)->number == READ_ONLY)                                  \
			EXPECT(rc_ == -EROFS || rc_ == -EMSGSIZE ||            \
				rc_ == -EINVAL);                               \
		else                                                           \
			EXPECT_RC(rc_, __VA_ARGS__);                           \
	} while (0)

static void
open_one(struct fuzzed *f, unsigned number)
{
	struct spl_options o;

	if (f->handles[number])
		return;
	spl_options_init(&o);
	o.flags = number == READ_ONLY ? SPL_READ_ONLY
		  : number	      ? SPL_PREFAULT
				      : 0;
	EXPECT_RC(spl_open_fd(f->t->fd, &o, &f->handles[number]), EBADMSG,
		EPROTONOSUPPORT, ENOMEM);
}

static void
close_feed(struct fuzzed *f)
{
	spl_feed_close(f->feed);
	f->feed = NULL;
}

static void
close_one(struct fuzzed *f, unsigned number)
{
	if (number == 0)
		close_feed(f);
	spl_close(f->handles[number]);
	f->handles[number] = NULL;
}

/* The file is shorter or longer than it says. */
static void
open_resized(struct fuzzed *f)
{
	uint64_t size = f->t->s->geo.size;
	uint64_t wrong =
		choice(f, 2) ? size + 1 + choice(f, 1 << 16) : choice(f, size);
	spl_store *s = NULL;

	EXPECT(!ftruncate(f->t->fd, (off_t)wrong));
	int rc = spl_open_fd(f->t->fd, NULL, &s);
	EXPECT_RC(rc, EBADMSG, EPROTONOSUPPORT, ENOMEM);
	/* What it says had been edited, and the sum over it. */
	EXPECT(rc || s->geo.size == wrong);
	spl_close(s);
	EXPECT(!ftruncate(f->t->fd, (off_t)size));
}

static void
expect_stat(const struct fuzzed *f, const struct spl_key_stat *stat)
{
	const struct spli_geometry *g = &f->s->geo;

	EXPECT(memchr(stat->key, '\0', sizeof stat->key));
	EXPECT(stat->len <= g->max_value);
	EXPECT(stat->val_off >= g->blocks_off);
	EXPECT(stat->val_off + g->max_value <= g->size);
}

static void
call_get(struct fuzzed *f)
{
	/* Also room for more than any value. */
	size_t cap = choice(f, 2 * CRAFT_VALUE_MAX), len = 0;
	char *buf = malloc(cap ? cap : 1); /* one byte more is seen */
	struct spl_key_stat stat;
	char key[SPLI_KEY_SIZE];

	EXPECT(buf);
	memset(buf, MARK, cap);
	int rc = spl_get(f->s, any_key(f, key), buf, cap, &len);
	EXPECT_RC(rc, ENOENT, EMSGSIZE, EAGAIN, EBADMSG);
	EXPECT(rc || len <= cap);
	EXPECT(rc != -EMSGSIZE || (len > cap && len <= f->s->geo.max_value));
	rc = spl_read(f->s, key, buf, cap, &stat);
	EXPECT_RC(rc, ENOENT, EMSGSIZE, EAGAIN, EBADMSG);
	if (!rc || rc == -EMSGSIZE)
		expect_stat(f, &stat);
	rc = spl_stat(f->s, key, &stat);
	EXPECT_RC(rc, ENOENT, EAGAIN, EBADMSG);
	if (!rc)
		expect_stat(f, &stat);
	/* No value is longer, whatever it says. */
	for (size_t i = f->s->geo.max_value; i < cap; i++)
		EXPECT(buf[i] == MARK);
	free(buf);
}

static void
call_peek(struct fuzzed *f)
{
	struct spl_peek peek;
	char key[SPLI_KEY_SIZE];
	int rc = spl_peek_begin(f->s, any_key(f, key), &peek);

	EXPECT_RC(rc, ENOENT, EAGAIN, EBADMSG);
	if (rc)
		return;
	EXPECT(peek.len <= f->s->geo.max_value);
	free(fuzz_copy(peek.data, peek.len));
	if (choice(f, 2))
		craft_edit(&f->c, false);
	EXPECT_RC(spl_peek_stable(f->s, &peek), ESTALE);
}

static void
call_ref(struct fuzzed *f)
{
	char key[SPLI_KEY_SIZE], value[8];
	size_t len = 0;
	spl_ref *ref;

	EXPECT(!spl_ref_open(f->s, any_key(f, key), &ref));
	for (int i = 0; i < 2; i++) {
		int rc = spl_ref_get(ref, value, sizeof value, &len);
		EXPECT_RC(rc, ENOENT, EMSGSIZE, EAGAIN, EBADMSG);
		EXPECT(rc || len <= sizeof value);
		EXPECT_WRITE(f, spl_ref_set(ref, "v", choice(f, 2)), EMSGSIZE,
			ENOSPC, EAGAIN, EBADMSG);
		craft_edit(&f->c, false);
	}
	spl_ref_close(ref);
}

static void
call_list(struct fuzzed *f)
{
	static const char *const prefixes[] = {NULL, "", "a", "zz"};
	struct spl_key_stat stat;
	uint64_t met = 0;
	spl_list *list;
	int rc;

	EXPECT(!spl_list_begin(f->s, prefixes[choice(f, 4)],
		choice(f, 4) ? NULL : "[a-d]0*7", &list));
	while ((rc = spl_list_next(list, &stat)) != 0) {
		EXPECT_RC(rc, EAGAIN, EBADMSG);
		if (rc == 1)
			expect_stat(f, &stat);
		EXPECT(++met <= f->s->geo.entries);
	}
	spl_list_end(list);
}

static void
call_feed_open(struct fuzzed *f)
{
	struct spl_feed_options o;
	char key[SPLI_KEY_SIZE];

	if (!f->handles[0])
		return;
	close_feed(f);
	spl_feed_options_init(&o);
	o.flags = (uint32_t)choice(f, 4);
	if (!(o.flags & SPL_FEED_SNAPSHOT))
		o.since = choice(f, 64) - 1;
	switch (choice(f, 4)) {
	case 0:
		o.key = any_key(f, key);
		break;
	case 1:
		o.prefix = "b";
		break;
	default:
		break;
	}
	EXPECT_RC(spl_feed_open(f->handles[0], &o, &f->feed), ERANGE);
}

static void
call_feed_read(struct fuzzed *f)
{
	struct spl_event events[8];
	struct spl_feed_stat stat;
	uint64_t entries = f->s->geo.entries;

	if (!f->feed)
		return;
	for (uint64_t i = choice(f, 8); i > 0; i--) {
		int rc = spl_feed_read(
			f->feed, events, 1 + choice(f, 8), choice(f, 3));
		EXPECT(rc >= 0);
		for (int e = 0; e < rc; e++) {
			const struct spl_event *event = &events[e];
			EXPECT(memchr(event->key, '\0', sizeof event->key));
			EXPECT(event->what && event->what <= SPL_MISSED);
			EXPECT(!(event->what & (event->what - 1)));
			if (event->value)
				free(fuzz_copy(event->value, event->len));
		}
	}
	EXPECT(!spl_feed_info(f->feed, &stat));
	EXPECT(stat.keys <= 2 * entries);
}

static void
call_wait(struct fuzzed *f)
{
	struct spl_pollkey keys[20] = {{0}};
	size_t count = 1 + choice(f, 20);
	char text[2][SPLI_KEY_SIZE];
	uint64_t now = 0;

	any_key(f, text[0]);
	any_key(f, text[1]);
	EXPECT_RC(spl_wait(f->s, text[0], choice(f, 16), choice(f, 4), &now),
		ETIMEDOUT, EAGAIN, EBADMSG);
	for (size_t i = 0; i < count; i++) {
		keys[i].key = text[i % 2];
		keys[i].epoch = now;
	}
	int rc = spl_wait_many(f->s, keys, count, choice(f, 4));
	EXPECT_RC(rc, EAGAIN, EBADMSG);
	EXPECT(rc <= (int)count);
}

static void
call_info(struct fuzzed *f)
{
	struct spl_writer_stat writers[2];
	struct spl_store_stat info;

	EXPECT(!spl_store_info(f->s, &info));
	int rc = spl_writers(f->s, writers, 2);
	EXPECT(rc >= 0 && (uint64_t)rc <= f->s->geo.writers);
}

/* --- Writing ------------------------------------------------------------ */

enum set_how { SET, SET_TTL, SET_IF, ADD, APPEND, EXPIRE, SETS };

static void
call_set(struct fuzzed *f)
{
	char *value = malloc(CRAFT_VALUE_MAX);
	enum set_how how = (enum set_how)choice(f, SETS);
	size_t len = choice(f, f->s->geo.max_value + 2);
	char key[SPLI_KEY_SIZE];
	uint64_t now = 0;

	EXPECT(value);
	any_key(f, key);
	memset(value, choice(f, 2) ? '1' : 'x', CRAFT_VALUE_MAX);
	switch (how) {
	case SET_TTL:
		EXPECT_WRITE(f,
			spl_set_ttl(f->s, key, value, len, choice(f, 4)),
			EINVAL, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case SET_IF:
		EXPECT_WRITE(f,
			spl_set_if(f->s, key, value, len, choice(f, 16), &now),
			ESTALE, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case ADD:
		EXPECT_WRITE(f, spl_add(f->s, key, 7, NULL), EINVAL, ERANGE,
			EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case APPEND:
		EXPECT_WRITE(f, spl_append(f->s, key, value, len, NULL),
			EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case EXPIRE:
		EXPECT_WRITE(f, spl_expire(f->s, key, 1 + choice(f, 3)), ENOENT,
			EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case SET:
	default:
		EXPECT_WRITE(f, spl_set(f->s, key, value, len), EMSGSIZE,
			ENOSPC, EAGAIN, EBADMSG);
	}
	free(value);
}

static void
call_unset(struct fuzzed *f)
{
	char key[SPLI_KEY_SIZE];
	int64_t rc = spl_unset(f->s, any_key(f, key));

	EXPECT_WRITE(f, rc, ENOENT, ENOSPC, EAGAIN, EBADMSG);
	EXPECT(rc <= (int64_t)f->s->geo.max_value);
}

static void
call_reclaim(struct fuzzed *f)
{
	EXPECT_WRITE(f, spl_reclaim(f->s), ENOSPC, EAGAIN, EBADMSG);
}

static void
call_vacuum(struct fuzzed *f)
{
	int32_t pid;

	EXPECT_WRITE(f, spl_set_auto_vacuum(f->s, choice(f, 2) != 0, &pid),
		ENOSPC, EAGAIN, EBADMSG);
}

/* --- Commands ----------------------------------------------------------- */

typedef void call(struct fuzzed *f);

static call *const calls[] = {call_get, call_get, call_peek, call_ref,
	call_list, call_feed_open, call_feed_read, call_feed_read, call_wait,
	call_info, call_set, call_set, call_set, call_set, call_unset,
	call_unset, call_reclaim, call_vacuum};

static void
command(struct fuzzed *f)
{
	enum { CALLS = sizeof calls / sizeof *calls, OPEN, CLOSE, TIME, ALL };
	uint64_t what = choice(f, 256);

	if (what < EDITS) {
		craft_edit(&f->c, true);
		return;
	}
	what = (what - EDITS) % ALL;
	if (what == TIME)
		time_ns += choice(f, 1 << 16) * 100000;
	else if (what == OPEN)
		open_one(f, (unsigned)choice(f, HANDLES));
	else if (what == CLOSE)
		close_one(f, (unsigned)choice(f, HANDLES));
	if (what >= CALLS)
		return;
	f->number = (unsigned)choice(f, HANDLES);
	f->s = f->handles[f->number];
	if (f->s)
		calls[what](f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t none;
	struct fuzzed f = {.c = {.bytes = size ? data : &none, .len = size}};
	uint64_t first = choice(&f, 2 * CRAFT_LAYOUTS);

	f.t = &templates[first % CRAFT_LAYOUTS];
	f.c.region = f.t->region;
	f.c.s = f.t->s;
	memcpy(f.c.region, f.t->image, f.t->s->geo.size);
	time_ns = 2000 * NS_PER_S;
	running = true;
	/* As it is when it is opened. */
	for (uint64_t i = choice(&f, 8); i > 0; i--)
		craft_edit(&f.c, true);
	if (first >= CRAFT_LAYOUTS)
		open_resized(&f);
	open_one(&f, 0);
	for (int i = 0; i < COMMANDS && f.c.at < f.c.len; i++)
		command(&f);
	for (unsigned i = 0; i < HANDLES; i++)
		close_one(&f, i);
	running = false;
	return 0;
}
