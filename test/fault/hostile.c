/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process scribbles over the whole region, the validated header included:
 * random bytes, fields with values that matter, several fields that agree,
 * and back again, so that who reads twice meets both; now and then it puts
 * everything right. Beside it every call is made, by readers (one of them
 * read-only), a writer, and a visitor who opens, repairs, follows and closes.
 *
 * Calls may fail, with errors that are documented. None crashes, hangs,
 * reads outside of the mapping (there are pages around it that nobody may
 * touch), or writes behind the caller's buffer.
 *
 *   fault_hostile [READS]
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "craft.h"
#include "fenced.h"

TAP_MAIN

enum {
	READERS = 2,
	WRITER = READERS,
	VISITOR,
	SEATS,
	/* Room for more than any value, so that nothing but the store's bound
	 * keeps a reader from reading on. */
	ROOM_MAX = 2 * CRAFT_VALUE_MAX,
	CANARY = 64, /* bytes on either side of a buffer */
	READS_TO_AN_EDIT = 64, /* at most, however processes are scheduled */
	HUNG_S = 120, /* a call that takes longer hangs: by far the longest
		       * bounded wait, on any machine */
	COMPLAINTS = 20
};

#define CALLS(C)                                                               \
	C(nothing)                                                             \
	C(spl_open_fd)                                                         \
	C(spl_close)                                                           \
	C(spl_get)                                                             \
	C(spl_read)                                                            \
	C(spl_stat)                                                            \
	C(spl_peek_begin)                                                      \
	C(spl_peek_stable)                                                     \
	C(spl_ref_get)                                                         \
	C(spl_ref_set)                                                         \
	C(spl_list_begin)                                                      \
	C(spl_list_next)                                                       \
	C(spl_feed_open)                                                       \
	C(spl_feed_read)                                                       \
	C(spl_feed_fd)                                                         \
	C(spl_feed_info)                                                       \
	C(spl_feed_close)                                                      \
	C(spl_wait)                                                            \
	C(spl_wait_many)                                                       \
	C(spl_store_info)                                                      \
	C(spl_writers)                                                         \
	C(spl_set)                                                             \
	C(spl_set_ttl)                                                         \
	C(spl_set_if)                                                          \
	C(spl_add)                                                             \
	C(spl_append)                                                          \
	C(spl_expire)                                                          \
	C(spl_unset)                                                           \
	C(spl_reclaim)                                                         \
	C(spl_set_auto_vacuum)

#define CALL_ID(name) CALL_##name,
#define CALL_NAME(name) #name,
enum { CALLS(CALL_ID) CALL_COUNT };
static const char *const call_names[] = {CALLS(CALL_NAME)};

/* What a thread is doing; the parent watches. */
struct seat {
	uint64_t calls, reads, found, errors;
	uint32_t call;
	uint32_t pad;
};

struct board {
	uint32_t ready, stop;
	uint64_t wrong, edits;
	struct seat seats[SEATS];
};

static struct board *board;
static bool soaking; /* for long: say how far it has come */

struct user {
	struct seat *seat;
	spl_store *s;
	uint64_t random;
	uint8_t buffer[CANARY + ROOM_MAX + CANARY];
};

/* Note the call, so that one that hangs or crashes has a name. */
#define CALL(user, name, ...)                                                  \
	(spli_store(&(user)->seat->call, CALL_##name),                         \
		spli_store(&(user)->seat->calls, (user)->seat->calls + 1),     \
		name(__VA_ARGS__))

static void
complain(const struct user *u, const char *what, long long number)
{
	if (spli_add_relaxed(&board->wrong, 1) < COMPLAINTS)
		printf("# %s: %s (%lld)\n",
			call_names[spli_load(&u->seat->call)], what, number);
}

/* Every call's result: not negative, or one of the errors. 0 ends them. */
static void
expect(struct user *u, int64_t rc, const int *errors)
{
	u->seat->errors += rc < 0;
	while (rc < 0 && *errors && -*errors != rc)
		errors++;
	if (rc < 0 && !*errors)
		complain(u, "an error that it does not have", rc);
}

#define EXPECT(user, rc, ...) expect(user, rc, (const int[]){__VA_ARGS__, 0})

static uint64_t
choice(struct user *u, uint64_t n)
{
	return (tap_random(&u->random) >> 16) % n;
}

static const char *
any_key(struct user *u, char text[SPLI_KEY_SIZE])
{
	craft_key(text, choice(u, CRAFT_KEYS));
	return text;
}

/*
 * Readers' calls.
 */
static size_t
any_room(struct user *u)
{
	return choice(u, choice(u, 2) ? ROOM_MAX : u->s->geo.max_value + 1);
}

/* Nothing is written from there on: no value is longer, whatever it says. */
static uint8_t *
edge_of(struct user *u, size_t cap)
{
	uint64_t max = u->s->geo.max_value;

	return u->buffer + CANARY + (cap < max ? cap : max);
}

static uint8_t *
clean_buffer(struct user *u, size_t cap)
{
	memset(u->buffer, 0xa5, CANARY);
	memset(edge_of(u, cap), 0xa5, CANARY);
	return u->buffer + CANARY;
}

/* What a read left in the buffer, and said. */
static void
judge_read(struct user *u, int rc, size_t cap, size_t len, bool says_size)
{
	const uint8_t *behind = edge_of(u, cap);
	bool kept = true;

	u->seat->reads++;
	u->seat->found += !rc;
	EXPECT(u, rc, ENOENT, EMSGSIZE, EAGAIN, EBADMSG);
	for (size_t i = 0; i < CANARY; i++)
		kept &= u->buffer[i] == 0xa5 && behind[i] == 0xa5;
	if (!kept)
		complain(u, "writes beside the buffer", (long long)cap);
	if (rc == 0 && cap && len > cap)
		complain(u, "more than there is room for", (long long)len);
	if ((rc == 0 || (rc == -EMSGSIZE && says_size)) &&
		len > u->s->geo.max_value)
		complain(u, "longer than any value", (long long)len);
}

static void
judge_stat(struct user *u, const struct spl_key_stat *stat)
{
	const struct spli_geometry *g = &u->s->geo;

	if (!memchr(stat->key, '\0', sizeof stat->key))
		complain(u, "a key without an end", 0);
	if (stat->len > g->max_value)
		complain(u, "longer than any value", (long long)stat->len);
	if (stat->val_off < g->blocks_off ||
		stat->val_off + g->max_value > g->size)
		complain(u, "a value outside", (long long)stat->val_off);
}

static void
do_get(struct user *u)
{
	size_t cap = any_room(u), len = 0;
	uint8_t *buf = clean_buffer(u, cap);
	struct spl_key_stat stat;
	char key[SPLI_KEY_SIZE];
	int rc;

	any_key(u, key);
	switch (choice(u, 4)) {
	case 0:
		rc = CALL(u, spl_read, u->s, key, buf, cap, &stat);
		if (!rc || rc == -EMSGSIZE)
			judge_stat(u, &stat);
		len = rc ? 0 : stat.len;
		break;
	case 1:
		cap = 0;
		rc = CALL(u, spl_stat, u->s, key, &stat);
		if (!rc)
			judge_stat(u, &stat);
		clean_buffer(u, cap);
		break;
	default:
		rc = CALL(u, spl_get, u->s, key, buf, cap, &len);
	}
	judge_read(u, rc, cap, len, true);
}

static void
do_peek(struct user *u)
{
	const uint8_t *region = (const uint8_t *)u->s->header;
	struct spl_peek peek;
	char key[SPLI_KEY_SIZE];
	unsigned sum = 0;

	u->seat->reads++;
	int rc = CALL(u, spl_peek_begin, u->s, any_key(u, key), &peek);
	EXPECT(u, rc, ENOENT, EAGAIN, EBADMSG);
	if (rc)
		return;
	u->seat->found++;
	const uint8_t *data = peek.data;
	if (data < region || peek.len > u->s->geo.max_value ||
		(uint64_t)(data - region) > u->s->geo.size - peek.len) {
		complain(u, "bytes outside of the mapping", data - region);
		return;
	}
	for (uint64_t i = 0; i < peek.len; i++)
		sum += spli_load(&data[i]);
	__asm__ volatile("" ::"r"(sum));
	rc = CALL(u, spl_peek_stable, u->s, &peek);
	EXPECT(u, rc, ESTALE);
}

static void
do_ref(struct user *u)
{
	char key[SPLI_KEY_SIZE];
	spl_ref *ref;

	if (spl_ref_open(u->s, any_key(u, key), &ref))
		return;
	for (uint64_t i = choice(u, 8); i > 0; i--) {
		size_t cap = any_room(u), len = 0;
		uint8_t *buf = clean_buffer(u, cap);
		int rc = CALL(u, spl_ref_get, ref, buf, cap, &len);
		judge_read(u, rc, cap, len, true);
	}
	spl_ref_close(ref);
}

static void
do_list(struct user *u)
{
	static const char *const prefixes[] = {NULL, "", "a", "zz"};
	struct spl_key_stat stat;
	uint64_t met = 0;
	spl_list *list;
	int rc = CALL(u, spl_list_begin, u->s, prefixes[choice(u, 4)],
		choice(u, 4) ? NULL : "[a-d]0*7", &list);

	if (rc) {
		EXPECT(u, rc, ENOMEM);
		return;
	}
	while ((rc = CALL(u, spl_list_next, list, &stat)) != 0) {
		u->seat->reads++;
		EXPECT(u, rc, EAGAIN, EBADMSG);
		u->seat->found += rc == 1;
		if (rc == 1)
			judge_stat(u, &stat);
		if (++met > u->s->geo.entries)
			break;
	}
	if (rc)
		complain(u, "does not end", rc);
	spl_list_end(list);
}

static void
judge_event(struct user *u, const struct spl_event *e)
{
	const uint8_t *value = e->value;
	unsigned sum = 0;

	if (!memchr(e->key, '\0', sizeof e->key))
		complain(u, "a key without an end", 0);
	if (!e->what || e->what & (e->what - 1) || e->what > SPL_MISSED)
		complain(u, "what happened", e->what);
	if (!value)
		return;
	if (e->len > u->s->geo.max_value)
		complain(u, "longer than any value", (long long)e->len);
	for (uint64_t i = 0; i < e->len; i++)
		sum += value[i];
	__asm__ volatile("" ::"r"(sum));
}

static void
read_feed(struct user *u, spl_feed *f)
{
	struct spl_event events[16];
	struct spl_feed_stat stat;

	for (uint64_t i = choice(u, 8); i > 0; i--) {
		int rc = CALL(u, spl_feed_read, f, events, 1 + choice(u, 16),
			choice(u, 32) ? 0 : 1);
		u->seat->reads++;
		u->seat->found += rc > 0;
		EXPECT(u, rc, ENOMEM);
		for (int e = 0; e < rc; e++)
			judge_event(u, &events[e]);
	}
	if (CALL(u, spl_feed_info, f, &stat))
		complain(u, "fails", 0);
	if (stat.keys > 2 * u->s->geo.entries)
		complain(u, "remembers more keys than there are slots",
			(long long)stat.keys);
}

static spl_feed *
open_feed(struct user *u, char key[SPLI_KEY_SIZE])
{
	struct spl_feed_options o;
	spl_feed *f = NULL;

	spl_feed_options_init(&o);
	o.flags = (uint32_t)choice(u, 4);
	if (!(o.flags & SPL_FEED_SNAPSHOT) && choice(u, 2))
		o.since = choice(u, 64);
	switch (choice(u, 4)) {
	case 0:
		o.key = any_key(u, key);
		break;
	case 1:
		o.prefix = "b";
		break;
	case 2:
		o.pattern = "^[a-f]";
		break;
	default:
		break;
	}
	int rc = CALL(u, spl_feed_open, u->s, &o, &f);
	EXPECT(u, rc, ERANGE, ENOMEM);
	return f;
}

static void
do_feed(struct user *u)
{
	char key[SPLI_KEY_SIZE];
	spl_feed *f = open_feed(u, key);

	if (!f)
		return;
	for (uint64_t i = choice(u, 16); i > 0; i--)
		read_feed(u, f);
	CALL(u, spl_feed_close, f);
}

static void
do_wait(struct user *u)
{
	char text[4][SPLI_KEY_SIZE];
	struct spl_pollkey keys[20] = {{0}};
	size_t count = 1 + choice(u, 20);
	uint64_t now = 0;
	int rc = CALL(u, spl_wait, u->s, any_key(u, text[0]), choice(u, 8),
		choice(u, 2), &now);

	EXPECT(u, rc, ETIMEDOUT, EAGAIN, EBADMSG);
	for (int i = 1; i < 4; i++)
		any_key(u, text[i]);
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct spl_pollkey){
			.key = text[i % 4], .epoch = choice(u, 2) ? now : 0};
	rc = CALL(u, spl_wait_many, u->s, keys, count, choice(u, 2));
	EXPECT(u, rc, ENOMEM, EAGAIN, EBADMSG);
	if (rc > (int)count)
		complain(u, "more than there are", rc);
}

static void
do_info(struct user *u)
{
	struct spl_writer_stat writers[4];
	struct spl_store_stat info;

	if (CALL(u, spl_store_info, u->s, &info))
		complain(u, "fails", 0);
	int rc = CALL(u, spl_writers, u->s, writers, 4);
	if (rc < 0 || (uint64_t)rc > u->s->geo.writers)
		complain(u, "more than there are", rc);
}

static void
use_as_reader(struct user *u)
{
	uint64_t which = choice(u, 256);

	if (which < 200)
		do_get(u);
	else if (which < 230)
		do_peek(u);
	else if (which < 245)
		do_ref(u);
	else if (which < 250)
		do_list(u);
	else if (which < 253)
		do_feed(u);
	else if (which < 255)
		do_info(u);
	else if (!choice(u, 8))
		do_wait(u);
}

/*
 * Writers' calls.
 */
static void
use_as_writer(struct user *u)
{
	size_t len = choice(u, u->s->geo.max_value + 2);
	const uint8_t *val = u->buffer;
	char key[SPLI_KEY_SIZE];
	spl_ref *ref;
	int64_t rc;

	any_key(u, key);
	memset(u->buffer, (int)choice(u, 256), len);
	switch (choice(u, 16)) {
	case 0:
		rc = CALL(u, spl_set_ttl, u->s, key, val, len, choice(u, 4));
		EXPECT(u, rc, EINVAL, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 1:
		rc = CALL(
			u, spl_set_if, u->s, key, val, len, choice(u, 8), NULL);
		EXPECT(u, rc, ESTALE, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 2:
		rc = CALL(u, spl_add, u->s, key, 7, NULL);
		EXPECT(u, rc, EINVAL, ERANGE, EMSGSIZE, ENOSPC, EAGAIN,
			EBADMSG);
		break;
	case 3:
	case 4:
		rc = CALL(u, spl_append, u->s, key, val, len / 4, NULL);
		EXPECT(u, rc, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 5:
		rc = CALL(u, spl_expire, u->s, key, 1 + choice(u, 4));
		EXPECT(u, rc, ENOENT, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 6:
	case 7:
	case 8:
		rc = CALL(u, spl_unset, u->s, key);
		EXPECT(u, rc, ENOENT, ENOSPC, EAGAIN, EBADMSG);
		if (rc > (int64_t)u->s->geo.max_value)
			complain(u, "longer than any value", rc);
		break;
	case 9:
		rc = CALL(u, spl_reclaim, u->s);
		EXPECT(u, rc, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 10:
		rc = CALL(
			u, spl_set_auto_vacuum, u->s, choice(u, 2) != 0, NULL);
		EXPECT(u, rc, ENOSPC, EAGAIN, EBADMSG);
		break;
	case 11:
		if (spl_ref_open(u->s, key, &ref))
			break;
		rc = CALL(u, spl_ref_set, ref, val, len);
		EXPECT(u, rc, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
		spl_ref_close(ref);
		break;
	default:
		rc = CALL(u, spl_set, u->s, key, val, len);
		EXPECT(u, rc, EMSGSIZE, ENOSPC, EAGAIN, EBADMSG);
	}
}

/*
 * Visitors open, which repairs, use all there is for a while, and close.
 */
static int store_fd; /* of the round's store */

static spl_store *
visit(struct user *u, uint32_t flags)
{
	struct spl_options o;
	spl_store *s = NULL;

	spl_options_init(&o);
	o.flags = flags;
	int rc = CALL(u, spl_open_fd, store_fd, &o, &s);
	EXPECT(u, rc, EBADMSG, EPROTONOSUPPORT, ENOMEM);
	return s;
}

static void
poll_feed(struct user *u)
{
	char key[SPLI_KEY_SIZE];
	spl_feed *f = open_feed(u, key);

	if (!f)
		return;
	int fd = CALL(u, spl_feed_fd, f);
	EXPECT(u, fd, EAGAIN, ENOMEM);
	for (uint64_t i = choice(u, 8); i > 0; i--) {
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1);
		read_feed(u, f);
	}
	CALL(u, spl_feed_close, f);
}

static void
use_as_visitor(struct user *u)
{
	static const uint32_t flags[] = {0, 0, 0, SPL_PREFAULT, SPL_READ_ONLY};
	uint32_t how = flags[choice(u, sizeof flags / sizeof *flags)];

	u->s = visit(u, how);
	if (!u->s)
		return;
	for (uint64_t i = choice(u, 32); i > 0; i--) {
		if (how == SPL_READ_ONLY || choice(u, 2))
			use_as_reader(u);
		else
			use_as_writer(u);
	}
	if (!choice(u, 8))
		poll_feed(u);
	CALL(u, spl_close, u->s);
}

/*
 * The process that uses the store.
 */
static void *
sit(void *arg)
{
	struct user *u = arg;
	unsigned number = (unsigned)(u->seat - board->seats);

	u->s = number == VISITOR ? NULL
				 : visit(u, number == 1 ? SPL_READ_ONLY : 0);
	if (number != VISITOR && !u->s)
		complain(u, "a sound store is not opened", number);
	__atomic_fetch_add(&board->ready, 1, __ATOMIC_SEQ_CST);
	while (!spli_load(&board->stop) && (u->s || number == VISITOR)) {
		if (number == VISITOR)
			use_as_visitor(u);
		else if (number == WRITER)
			use_as_writer(u);
		else
			use_as_reader(u);
	}
	if (number != VISITOR && u->s)
		CALL(u, spl_close, u->s);
	spli_store(&u->seat->call, CALL_nothing);
	return NULL;
}

static pid_t
start_users(uint64_t *random)
{
	static struct user users[SEATS];
	pthread_t threads[SEATS];

	for (unsigned i = 0; i < SEATS; i++) {
		users[i].seat = &board->seats[i];
		users[i].random = tap_random(random) | 1;
	}
	fflush(stdout);
	pid_t pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < SEATS; i++)
		if (pthread_create(&threads[i], NULL, sit, &users[i]))
			_exit(2);
	for (unsigned i = 0; i < SEATS; i++)
		pthread_join(threads[i], NULL);
	exit(0); /* with a look for leaks */
}

/*
 * The process that scribbles.
 */
static void
put_right(const struct craft *c, const uint8_t *image)
{
	memcpy(c->region, image, c->s->geo.size);
}

static void
let_be(struct craft *c)
{
	uint64_t longest = craft_choice(c, 8) ? 1 << 10 : 1 << 14;

	for (uint64_t i = craft_choice(c, longest); i > 0; i--)
		spli_pause();
}

static pid_t
start_scribbler(const spl_store *s, const uint8_t *image, uint64_t *random)
{
	struct craft c = {.region = (uint8_t *)s->header,
		.s = s,
		.random = tap_random(random) | 1};
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (spli_load(&board->ready) < SEATS)
		poll(NULL, 0, 1);
	for (;;) {
		/* Few, so that most of the store is alive, or many. */
		uint64_t times =
			1 + craft_choice(&c, craft_choice(&c, 4) ? 3 : 30);
		for (uint64_t i = 0; i < times; i++) {
			craft_edit(&c, true);
			for (uint64_t n = craft_choice(&c, 64); n > 0; n--) {
				craft_undo(&c);
				spli_pause();
				craft_redo(&c);
			}
			if (craft_choice(&c, 4))
				craft_undo(&c);
		}
		let_be(&c);
		put_right(&c, image);
		let_be(&c);
		spli_add_relaxed(&board->edits, times);
	}
}

/*
 * A round.
 */
static uint64_t
all_reads(void)
{
	uint64_t reads = 0;

	for (unsigned i = 0; i < SEATS; i++)
		reads += spli_load(&board->seats[i].reads);
	return reads;
}

static void
say_where(void)
{
	for (unsigned i = 0; i < SEATS; i++)
		printf("# thread %u was in %s\n", i,
			call_names[spli_load(&board->seats[i].call)]);
}

/* One that has not begun another call since the last look. */
static void
say_who_hangs(const uint64_t *calls)
{
	for (unsigned i = 0; i < SEATS; i++)
		if (spli_load(&board->seats[i].calls) == calls[i])
			printf("# thread %u hangs in %s\n", i,
				call_names[spli_load(&board->seats[i].call)]);
}

/* Whether all have begun another call, or are done, since *@since. */
static bool
all_move(uint64_t *calls, uint64_t *since, uint64_t now)
{
	bool all = true;

	for (unsigned i = 0; i < SEATS; i++) {
		const struct seat *seat = &board->seats[i];
		all &= spli_load(&seat->calls) != calls[i] ||
		       spli_load(&seat->call) == CALL_nothing;
	}
	if (!all)
		return now - *since < HUNG_S * UINT64_C(1000000000);
	for (unsigned i = 0; i < SEATS; i++)
		calls[i] = spli_load(&board->seats[i].calls);
	*since = now;
	return true;
}

/* Until the users have read enough and ended. What waitpid() says, or -1. */
static int
watch(pid_t users, uint64_t reads)
{
	uint64_t tenths = 0;
	static const struct timespec step = {.tv_nsec = 50000000};
	uint64_t calls[SEATS] = {0}, since = spli_now_ns();
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (!waitpid(users, &status, WNOHANG)) {
		sigtimedwait(&child, NULL, &step);
		if (soaking && all_reads() >= reads / 10 * (tenths + 1))
			printf("# %llu reads, %llu edits\n",
				(unsigned long long)(reads / 10 * ++tenths),
				(unsigned long long)spli_load(&board->edits));
		if (all_reads() >= reads &&
			spli_load(&board->edits) >= reads / READS_TO_AN_EDIT)
			spli_store(&board->stop, 1);
		if (!all_move(calls, &since, spli_now_ns())) {
			say_who_hangs(calls);
			kill(users, SIGABRT);
			waitpid(users, &status, 0);
			return -1;
		}
	}
	return status;
}

static void
round_of(const struct craft_layout *l, uint64_t reads, uint64_t *random)
{
	spl_store *s = craft_make(l);

	REQUIRE(s, "makes a store of %u x %u", (unsigned)l->slots,
		(unsigned)l->max_value);
	uint8_t *image = malloc(s->geo.size);

	REQUIRE(image, "has memory");
	memcpy(image, s->header, s->geo.size);
	memset(board, 0, sizeof *board);
	store_fd = spl_fd(s);
	pid_t scribbler = start_scribbler(s, image, random);
	pid_t users = start_users(random);
	int status = watch(users, reads);
	kill(scribbler, SIGKILL);
	waitpid(scribbler, NULL, 0);
	if (status)
		say_where();
	uint64_t calls = 0, found = 0, errors = 0;
	for (unsigned i = 0; i < SEATS; i++) {
		calls += board->seats[i].calls;
		found += board->seats[i].found;
		errors += board->seats[i].errors;
	}
	CHECK(!status && !board->wrong,
		"%u x %u: %llu reads, %llu found something, %llu calls in "
		"all, %llu with an error, beside %llu hostile edits: status "
		"%d, %llu wrong",
		(unsigned)l->slots, (unsigned)l->max_value,
		(unsigned long long)all_reads(), (unsigned long long)found,
		(unsigned long long)calls, (unsigned long long)errors,
		(unsigned long long)board->edits, status,
		(unsigned long long)board->wrong);
	memcpy(s->header, image, s->geo.size);
	CHECK(craft_is_whole(s, l) && !spl_set(s, "a7", "", 0),
		"put right again, all is well");
	spl_close(s);
	free(image);
}

int
main(int argc, char **argv)
{
	uint64_t seed = tap_seed(), reads = tap_scale(1200000, 60000);
	sigset_t child;

	soaking = argc > 1;
	if (soaking)
		reads = strtoull(argv[1], NULL, 0);
	/* However long that is, each call has its watch. */
	tap_start(soaking ? 0 : 1200);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(board != MAP_FAILED, "has memory");
	for (unsigned i = 0; i < CRAFT_LAYOUTS; i++)
		round_of(&craft_layouts[i], reads / CRAFT_LAYOUTS, &seed);
	return tap_end();
}
