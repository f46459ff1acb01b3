/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer dies at every instruction. It is stepped through a call; whenever
 * the store's bytes have changed they are copied to where no lock is held,
 * which is what his death would leave there, and the copy has to pass
 * everything in death.h. (Where they have not, the one before stands for it.)
 * Then others are really killed, at each of those instructions, around each
 * system call and at some of the rest. Then those are stepped, and killed, who
 * repair what such a death has left.
 *
 * "step all" does not choose: every instruction, every repairer. Where all
 * takes longer, some of the scenes are chosen.
 */
#define _GNU_SOURCE
#include "death.h"
#include "splinter.h"
#include "tap.h"
#include "tidy.h"
#include "trace.h"

TAP_MAIN

#define KEY "the-key-in-question"
#define OLD "the-old-value: nobody shall find this again"
#define MORE ", and what was put behind it"
#define NEW                                                                    \
	"the-new-value: somewhat longer than a line of a cache, so that it "   \
	"takes some stores to write and some more to take away"
#define RIVAL "a-rival's-value"
#define SHORT "the-short-value"
#define NUMBER "1000000041"
#define NUMBER_PLUS_1 "1000000042"

enum {
	POINTS_MAX = 500000, /* more is no call of ours */
	GIVE_UP = 10 /* points at which something is wrong */
};

typedef int64_t act_fn(spl_store *s);

/*
 * What is stepped.
 */
static int ground_fd; /* of the store, for who opens it */

static int64_t
do_set(spl_store *s)
{
	return spl_set(s, KEY, NEW, strlen(NEW));
}

static int64_t
do_set_short(spl_store *s)
{
	return spl_set(s, KEY, SHORT, strlen(SHORT));
}

static int64_t
do_set_if(spl_store *s)
{
	return spl_set_if(s, KEY, NEW, strlen(NEW), 2, NULL);
}

static int64_t
do_set_ttl(spl_store *s)
{
	return spl_set_ttl(s, KEY, NEW, strlen(NEW), 3600000);
}

static int64_t
do_expire(spl_store *s)
{
	return spl_expire(s, KEY, 3600000);
}

static int64_t
do_append(spl_store *s)
{
	return spl_append(s, KEY, MORE, strlen(MORE), NULL);
}

static int64_t
do_add(spl_store *s)
{
	return spl_add(s, KEY, 1, NULL);
}

static int64_t
do_unset(spl_store *s)
{
	return spl_unset(s, KEY);
}

static int64_t
do_flat_set(spl_store *s)
{
	(void)s;
	return splinter_set(KEY, NEW, strlen(NEW));
}

static int64_t
do_flat_unset(spl_store *s)
{
	(void)s;
	return splinter_unset(KEY);
}

static int64_t
do_vacuum(spl_store *s)
{
	return spl_set_auto_vacuum(s, 1, NULL);
}

static int64_t
do_open(spl_store *s)
{
	return spl_open_fd(ground_fd, NULL, &s);
}

static int64_t
do_rescue(spl_store *s)
{
	spli_writers_rescue(s);
	return 0;
}

/*
 * Takes an entry, a dead one's when there is no other, and the claim. (Whose
 * time is over just when the dead holder has been repaired says so.)
 */
static int64_t
do_unset_nothing(spl_store *s)
{
	int64_t rc = spl_unset(s, "nobody has set this");

	return rc == -ENOENT || rc == -EAGAIN ? 0 : -EIO;
}

/*
 * What is there before.
 */
static int
has_old(spl_store *s)
{
	return spl_set(s, KEY, OLD, strlen(OLD));
}

static int
has_new(spl_store *s)
{
	return spl_set(s, KEY, NEW, strlen(NEW));
}

static int
has_number(spl_store *s)
{
	return spl_set(s, KEY, NUMBER, strlen(NUMBER));
}

static int
has_nothing(spl_store *s)
{
	(void)s;
	return 0;
}

/* The key was there: its entry stands, and the floor is raised. */
static int
had_old(spl_store *s)
{
	return has_old(s) || spl_unset(s, KEY) <= 0;
}

/* Full, and the time of @text is over. */
static int
fill_up(spl_store *s, const char *text)
{
	struct spli_key key;
	struct spli_spot spot;
	char other[16];
	int rc = spl_set_ttl(s, text, OLD, strlen(OLD), 3600000);

	for (int i = 0; !rc; i++) {
		snprintf(other, sizeof other, "full %d", i);
		rc = spl_set(s, other, other, strlen(other));
	}
	spli_key_make(&key, text);
	if (rc != -ENOSPC || spli_table_find(s, &key, &spot))
		return -EIO;
	spot.block->expiry = 1;
	s->header->soonest = UINT64_C(1) << 30; /* in ttl.c: due */
	return 0;
}

static int
has_expired(spl_store *s)
{
	return fill_up(s, KEY);
}

/* Not the key, which was there last, so that its next epoch is known. */
static int
is_full(spl_store *s)
{
	int rc = fill_up(s, "expired");

	if (rc || spl_set(s, "full 0", "", 0) || spl_unset(s, "full 0"))
		return -EIO;
	return spl_set(s, "full again", "", 0);
}

struct scene {
	const char *what;
	int (*has)(spl_store *s);
	act_fn *act;
	const char *before, *after;
	uint32_t kind; /* SPL_MEMORY: through the flat API */
	bool cold; /* the writer's first call */
	bool silent;
	unsigned more; /* events that it may tell beside its own */
};

static const struct scene scenes[] = {
	{"update", has_old, do_set, OLD, NEW, .kind = SPL_MEMFD},
	{"update, shorter", has_new, do_set_short, NEW, SHORT,
		.kind = SPL_MEMFD},
	{"update, the first write", has_old, do_set, OLD, NEW,
		.kind = SPL_MEMFD, .cold = true},
	{"update of a file", has_old, do_set, OLD, NEW, .kind = SPL_FILE},
	{"splinter_set, update", has_old, do_flat_set, OLD, NEW,
		.kind = SPL_MEMORY},
	{"insert", has_nothing, do_set, NULL, NEW, .kind = SPL_MEMFD},
	{"insert, come back", had_old, do_set, NULL, NEW, .kind = SPL_MEMFD},
	{"insert, the first write", has_nothing, do_set, NULL, NEW,
		.kind = SPL_MEMFD, .cold = true},
	{"insert into a file", has_nothing, do_set, NULL, NEW,
		.kind = SPL_FILE},
	{"splinter_set, insert", has_nothing, do_flat_set, NULL, NEW,
		.kind = SPL_MEMORY},
	{"insert, another had expired", is_full, do_set, NULL, NEW,
		.kind = SPL_MEMFD, .more = 1},
	{"unset", has_old, do_unset, OLD, NULL, .kind = SPL_MEMFD},
	{"unset, the first write", has_old, do_unset, OLD, NULL,
		.kind = SPL_MEMFD, .cold = true},
	{"splinter_unset", has_old, do_flat_unset, OLD, NULL,
		.kind = SPL_MEMORY},
	{"append", has_old, do_append, OLD, OLD MORE, .kind = SPL_MEMFD},
	{"append to nothing", has_nothing, do_append, NULL, MORE,
		.kind = SPL_MEMFD},
	{"add", has_number, do_add, NUMBER, NUMBER_PLUS_1, .kind = SPL_MEMFD},
	{"add to nothing", has_nothing, do_add, NULL, "1", .kind = SPL_MEMFD},
	{"set if", has_old, do_set_if, OLD, NEW, .kind = SPL_MEMFD},
	{"set with a time to live", has_old, do_set_ttl, OLD, NEW,
		.kind = SPL_MEMFD},
	{"expire", has_old, do_expire, OLD, OLD, .kind = SPL_MEMFD},
	{"reclaim", has_expired, spl_reclaim, NULL, NULL, .kind = SPL_MEMFD},
	{"auto-vacuum switched on", had_old, do_vacuum, NULL, NULL,
		.kind = SPL_MEMFD, .silent = true},
	{"open", has_old, do_open, OLD, OLD, .kind = SPL_MEMFD, .cold = true,
		.silent = true},
	{"close", has_old, (act_fn *)NULL, OLD, OLD, .kind = SPL_MEMFD,
		.silent = true},
};

static char name[64]; /* of a store in memory */
static char file_name[PATH_MAX]; /* of one in a file */
static int64_t *result; /* of what was stepped, by the child */
static bool all;

/*
 * A walk - one who acts on a ground, stepped from begin to end.
 */
struct walk {
	const struct ground *ground, *copy;
	struct deed *deed;
	act_fn *act; /* null: close */
	bool cold, flat;
	const uint8_t *base; /* the bytes that it opens */
	const uint8_t *late; /* those that it meets then; null: the same */
	int before; /* what the key shows before; -1: old, or later new */
	unsigned deaths; /* with its own */

	/* What comes out. */
	struct trace_path path;
	uint8_t **states;
	uint32_t state_count, bad, kills;
};

static void
walk_child(void *arg)
{
	const struct walk *w = arg;
	spl_store *s = NULL;

	*result = -ECHILD;
	if (w->flat ? splinter_open(name) != 0
		    : spl_open_fd(w->ground->fd, NULL, &s) != 0)
		_exit(1);
	if (!w->cold && (w->flat ? splinter_set("warm", "", 0)
				 : spl_set(s, "warm", "", 0)))
		_exit(2);
	trace_begin();
	*result = w->act ? w->act(s) : spl_close(s);
}

/* The ground as it was, and on it one who is about to begin. */
static void
walk_begin(struct walk *w, struct trace *t)
{
	memcpy(w->ground->bytes, w->base, w->ground->size);
	trace_start(t, walk_child, w);
	if (w->late)
		memcpy(w->ground->bytes, w->late, w->ground->size);
}

static void
walk_complain(struct walk *w, uint32_t at, const char *how, int wrong)
{
	if (!wrong)
		return;
	w->bad++;
	printf("# %d wrong, %s at instruction %u of %u\n", wrong, how, at,
		w->path.count);
}

/*
 * A rival, who was there before, replaces the value some times before anybody
 * repairs what the dead one left; then it is he whose value must stay.
 */
static void
walk_rival(struct walk *w, const uint8_t *image)
{
	const struct ground *copy = w->copy;
	struct deed d = *w->deed;
	spl_store *s = NULL;
	int rc = 0;

	memcpy(copy->bytes, w->base, copy->size);
	if (spl_open_fd(copy->fd, NULL, &s))
		abort();
	memcpy(copy->bytes, image, copy->size);
	/* As often as it takes to serve a ring, and once more. */
	for (int i = 0; i <= SPLI_RING && !rc; i++)
		rc = spl_set(s, KEY, RIVAL, strlen(RIVAL));
	d.before = d.after = RIVAL;
	d.epoch_before = d.epoch_after = death_epoch(s, KEY);
	d.silent = false;
	d.more += SPLI_RING + 1;
	spl_close(s);
	if (rc)
		printf("# the rival's set: %s\n", strerror(-rc));
	walk_complain(w, w->path.count, "copied, and overtaken by a rival",
		(rc != 0) + death_check(copy, &d, 0, w->deaths));
}

/* As if it had died where it is. */
static void
walk_look(struct walk *w, int *seen)
{
	const struct ground *g = w->ground;
	uint8_t *image = ground_take(g);
	int now = death_seen(g->reader, w->deed);

	if (now < *seen || (w->before >= 0 && now != w->before))
		walk_complain(w, w->path.count, "read beside it", 1);
	*seen = now;
	memcpy(w->copy->bytes, image, g->size);
	walk_complain(w, w->path.count, "copied",
		death_check(w->copy, w->deed, w->before, w->deaths));
	/* He needs an entry that is not the dead one's. */
	if (!w->late && g->reader->geo.writers > 1)
		walk_rival(w, image);
	w->states =
		realloc(w->states, (w->state_count + 1) * sizeof *w->states);
	if (!w->states)
		abort();
	w->states[w->state_count++] = image;
}

/* From begin to end, with a look whenever a byte has changed. */
static void
walk_all(struct walk *w)
{
	const struct ground *g = w->ground;
	int seen = w->before;
	bool changed = true;
	struct trace t;

	walk_begin(w, &t);
	if (!w->late) {
		w->deed->tail = g->reader->feed->tail;
		w->deed->structure = g->reader->header->structure;
	}
	while (!t.over && w->path.count < POINTS_MAX && w->bad < GIVE_UP) {
		trace_path_add(&w->path, &t)->mark = changed;
		if (changed)
			walk_look(w, &seen);
		trace_step(&t);
		changed = memcmp(w->states[w->state_count - 1], g->bytes,
				  g->size) != 0;
	}
	if (changed && !t.died)
		walk_look(w, &seen);
	bool came = t.over && !t.died && *result >= 0;
	if (!t.died)
		trace_kill(&t);
	if (w->bad >= GIVE_UP)
		return;
	walk_complain(w, w->path.count, "come to the end", !came);
	walk_complain(w, w->path.count, "killed at the end",
		death_check(g, w->deed,
			w->late ? w->before : death_matters(w->deed),
			w->deaths));
}

/* Others on the same way, killed in earnest. */
static void
walk_kill(struct walk *w, uint32_t stride, uint64_t *random)
{
	uint32_t phase = (uint32_t)(tap_random(random) % stride);
	bool called = false;
	struct trace t;

	for (uint32_t i = 0; i < w->path.count && w->bad < GIVE_UP; i++) {
		const struct trace_point *p = &w->path.points[i];
		bool pick = i % stride == phase;
		/* A repairer's are many, and sampled whatever they do. */
		if (!w->late)
			pick |= p->mark || p->call || called;
		called = p->call;
		if (!pick)
			continue;
		walk_begin(w, &t);
		trace_go(&t, &w->path, i);
		if (!t.died)
			trace_kill(&t);
		w->kills++;
		walk_complain(w, i, "killed",
			t.died + death_check(w->ground, w->deed, w->before,
					 w->deaths));
	}
}

static void
walk_free(struct walk *w)
{
	for (uint32_t i = 0; i < w->state_count; i++)
		free(w->states[i]);
	free(w->states);
	trace_path_free(&w->path);
}

/*
 * Those who repair what @victim left at state @at, each as one would.
 */
struct repairs {
	unsigned long points, states, kills, walks;
	uint32_t bad;
};

static void
repair(const struct walk *victim, uint32_t at, act_fn *how, struct repairs *r,
	uint64_t *random)
{
	struct walk w = {
		.ground = victim->ground,
		.copy = victim->copy,
		.deed = victim->deed,
		.act = how,
		.cold = true,
		.base = victim->base,
		.late = victim->states[at],
		.deaths = 2,
	};

	memcpy(w.copy->bytes, w.late, w.copy->size);
	w.before = death_seen(w.copy->reader, w.deed);
	walk_all(&w);
	/* Opening is the rescue, and much else. */
	uint32_t stride = all && how == do_open ? 20 : 1;
	walk_kill(&w, all ? stride : w.path.count / 2 + 1, random);
	r->points += w.path.count;
	r->states += w.state_count;
	r->kills += w.kills;
	r->bad += w.bad;
	r->walks++;
	if (w.bad)
		printf("# the repairer of state %u\n", at);
	walk_free(&w);
}

static void
repair_some(const struct walk *victim, struct repairs *r, uint64_t *random)
{
	/* Opening takes most instructions, most of which store nothing. */
	static act_fn *const how[] = {do_rescue, do_unset_nothing, do_open};
	static const uint8_t often[] = {0, 0, 0, 0, 1, 1, 1, 2};
	uint32_t stride = victim->state_count / (unsigned)tap_scale(4, 1) + 1;
	uint32_t first = (uint32_t)(tap_random(random) % stride);

	for (uint32_t i = all ? 0 : first; i < victim->state_count;
		i += all ? 1 : stride) {
		unsigned chosen = often[tap_random(random) % sizeof often];
		for (unsigned j = 0; j < 3 && r->bad < GIVE_UP; j++)
			if (all || j == chosen)
				repair(victim, i, how[j], r, random);
	}
}

/*
 * Scenes.
 */
/* A store without a name, unless the flat API has to find it. */
static spl_store *
scene_store(const struct scene *scene, uint32_t writers, bool vacuum)
{
	struct spl_options o;
	spl_store *s = NULL;

	spl_options_init(&o);
	o.kind = scene->kind;
	o.slots = DEATH_SLOTS;
	o.max_value = DEATH_VALUE;
	o.writers = writers;
	const char *called = o.kind == SPL_FILE ? file_name : name;
	int rc = spl_create(called, &o, &s);
	if (!rc && o.kind == SPL_FILE)
		rc = spl_destroy(called, SPL_FILE);
	if (!rc)
		rc = spl_set_auto_vacuum(s, vacuum, NULL);
	if (!rc)
		rc = spl_set(s, "other", "untouched", 9);
	if (!rc)
		rc = spl_set(s, "warm", "", 0);
	if (!rc)
		rc = scene->has(s);
	REQUIRE(!rc, "%s: has a store", scene->what);
	return s;
}

static void
scene_play(const struct scene *scene, uint32_t writers, bool vacuum,
	uint64_t *random)
{
	struct deed deed = {
		.key = KEY,
		.before = scene->before,
		.after = scene->after,
		.silent = scene->silent,
		.more = scene->more,
	};
	struct repairs repairs = {0};
	struct ground ground, copy;
	spl_store *s = scene_store(scene, writers, vacuum);

	deed.epoch_before = death_epoch(s, KEY);
	deed.epoch_after =
		scene->before ? deed.epoch_before + 2 : s->header->floor + 2;
	if (scene->silent || !scene->after)
		deed.epoch_after = deed.epoch_before;
	int fd = fcntl(spl_fd(s), F_DUPFD_CLOEXEC, 3);
	spl_close(s);
	ground_attach(&ground, fd);
	ground_copy(&copy, &ground);
	ground_fd = fd;
	uint8_t *base = ground_take(&ground);
	struct walk w = {
		.ground = &ground,
		.copy = &copy,
		.deed = &deed,
		.act = scene->act,
		.cold = scene->cold,
		.flat = scene->kind == SPL_MEMORY,
		.base = base,
		.before = -1,
		.deaths = 1,
	};
	walk_all(&w);
	walk_kill(&w, all ? 1 : w.path.count / 20 + 1, random);
	if (w.bad < GIVE_UP)
		repair_some(&w, &repairs, random);
	CHECK(!w.bad,
		"%s, auto-vacuum %s, %u writer entries: %u instructions, %u "
		"states, %u really killed: %u did not survive",
		scene->what, vacuum ? "on" : "off", writers, w.path.count,
		w.state_count, w.kills, w.bad);
	CHECK(!repairs.bad,
		"  %lu repairers after it: %lu instructions, %lu states, %lu "
		"really killed: %u did not survive",
		repairs.walks, repairs.points, repairs.states, repairs.kills,
		repairs.bad);
	walk_free(&w);
	free(base);
	ground_drop(&ground);
	ground_drop(&copy);
	if (scene->kind == SPL_MEMORY)
		CHECK(!spl_destroy(name, SPL_MEMORY), "  goes without a trace");
}

int
main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : NULL;
	char path[PATH_MAX];
	uint64_t random;

	all = argc > 1 && !strcmp(argv[1], "all");
	tap_start(all ? 0 : 600);
	random = tap_seed();
	const char *why = SPLI_TSAN ? "it would step TSan" : trace_refused();
	if (why) {
		CHECK(1, "deaths at every instruction # SKIP %s", why);
		return tap_end();
	}
	snprintf(name, sizeof name, "splinter-step-test-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	tidy_name(path);
	const char *tmp = getenv("TMPDIR");
	snprintf(
		file_name, sizeof file_name, "%s/%s", tmp ? tmp : "/tmp", name);
	tidy_name(file_name);
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(result != MAP_FAILED, "has memory for results");
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		for (int vacuum = 0; vacuum <= 1; vacuum++) {
			/* One entry: the next writer has to adopt the dead
			 * one's. */
			bool one = tap_random(&random) % 4 == 0;
			bool chosen =
				tap_random(&random) % tap_scale(1, 8) == 0;
			if (only ? strcmp(only, scenes[i].what) != 0 : !chosen)
				continue;
			if (all || one)
				scene_play(&scenes[i], 1, vacuum, &random);
			if (all || !one)
				scene_play(&scenes[i], 3, vacuum, &random);
		}
	return tap_end();
}
