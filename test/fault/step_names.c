/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who creates, opens, closes or destroys a store by its name dies at every
 * instruction. What others can see of that changes with system calls only: he
 * is killed before and after each, and at some of the instructions in between.
 * Then the name stands for a whole store or for nothing, nothing lies about
 * beside it, and who comes next creates or opens it at once.
 *
 * "step_names all" kills at every instruction.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "audit.h"
#include "refuse.h"
#include "splinter.h"
#include "tap.h"
#include "tidy.h"
#include "trace.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

TAP_MAIN

#define VALUE "what was in it before"

enum { SLOTS = 8, MAX_VALUE = 160, GIVE_UP = 10, POINTS_MAX = 500000 };

static char memory_name[64], directory[96], path[128];
static int64_t *result; /* of what was stepped, by the child */
static spl_store *reader; /* of a store that was there before */
static bool all;

struct scene {
	const char *what;
	uint32_t kind;
	int64_t (*act)(spl_store *s);
	bool there; /* the store is there before */
	bool open; /* and he has it open, and has written */
	bool gone; /* and it is not there after */
	bool nameless; /* no store has a name */
	bool poor; /* the file system has no files without a name */
};

static const struct scene *scene;

static const char *
called(void)
{
	return scene->kind == SPL_FILE ? path : memory_name;
}

static void
choose(struct spl_options *o)
{
	spl_options_init(o);
	o->kind = scene->kind;
	o->slots = SLOTS;
	o->max_value = MAX_VALUE;
	o->writers = 3;
}

/*
 * What is stepped.
 */
static int64_t
do_create(spl_store *s)
{
	struct spl_options o;

	choose(&o);
	return spl_create(called(), &o, &s);
}

static int64_t
do_open(spl_store *s)
{
	struct spl_options o;

	choose(&o);
	return spl_open(called(), &o, &s);
}

static int64_t
do_open_or_create(spl_store *s)
{
	struct spl_options o;

	choose(&o);
	return spl_open_or_create(called(), &o, &s);
}

static int64_t
do_close(spl_store *s)
{
	return spl_close(s);
}

static int64_t
do_destroy(spl_store *s)
{
	(void)s;
	return spl_destroy(called(), scene->kind);
}

static int64_t
do_flat_create(spl_store *s)
{
	(void)s;
	return splinter_create(called(), SLOTS, MAX_VALUE);
}

static int64_t
do_flat_open(spl_store *s)
{
	(void)s;
	return splinter_open(called());
}

static const struct scene scenes[] = {
	{.what = "splinter_create", .kind = SPL_MEMORY, .act = do_flat_create},
	{.what = "splinter_open",
		.kind = SPL_MEMORY,
		.act = do_flat_open,
		.there = true},
	{.what = "create a file", .kind = SPL_FILE, .act = do_create},
	{.what = "create a file where each has a name",
		.kind = SPL_FILE,
		.act = do_create,
		.poor = true},
	{.what = "open a file",
		.kind = SPL_FILE,
		.act = do_open,
		.there = true},
	{.what = "create a memfd",
		.kind = SPL_MEMFD,
		.act = do_create,
		.nameless = true},
	{.what = "open or create, it is there",
		.kind = SPL_MEMORY,
		.act = do_open_or_create,
		.there = true},
	{.what = "open or create, it is not there",
		.kind = SPL_MEMORY,
		.act = do_open_or_create},
	{.what = "close",
		.kind = SPL_MEMORY,
		.act = do_close,
		.there = true,
		.open = true},
	{.what = "close a file",
		.kind = SPL_FILE,
		.act = do_close,
		.there = true,
		.open = true},
	{.what = "destroy",
		.kind = SPL_MEMORY,
		.act = do_destroy,
		.there = true,
		.gone = true},
	{.what = "destroy a file",
		.kind = SPL_FILE,
		.act = do_destroy,
		.there = true,
		.gone = true},
};

/*
 * What lies about in the directory of the scene's kind: names that a creator
 * gives while there is no other way. They are counted, and taken away.
 */
static unsigned
leftovers(void)
{
	static const char prefix[] = ".splinter-";
	int dir = open(scene->kind == SPL_FILE ? directory : "/dev/shm",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(dir);
	struct dirent *entry;
	unsigned count = 0;

	while (d && (entry = readdir(d)))
		if (!strncmp(entry->d_name, prefix, sizeof prefix - 1)) {
			count++;
			if (scene->kind == SPL_FILE)
				unlinkat(dir, entry->d_name, 0);
		}
	closedir(d);
	return count;
}

static bool
is_value(spl_store *s)
{
	char got[MAX_VALUE];
	size_t len;

	return !spl_get(s, "key", got, sizeof got, &len) &&
	       len == strlen(VALUE) && !memcmp(got, VALUE, len);
}

/* The store that is there before, or nothing; leftovers are counted from. */
static unsigned
prepare(void)
{
	struct spl_options o;
	spl_store *s = NULL;

	choose(&o);
	if (!scene->nameless)
		spl_destroy(called(), scene->kind);
	reader = NULL;
	if (!scene->there)
		return leftovers();
	if (spl_create(called(), &o, &s) ||
		spl_set(s, "key", VALUE, strlen(VALUE)))
		abort();
	spl_close(s);
	o.flags = SPL_READ_ONLY;
	if (spl_open(called(), &o, &reader))
		abort();
	return leftovers();
}

static void
child(void *arg)
{
	struct spl_options o;
	spl_store *s = NULL;

	(void)arg;
	choose(&o);
	*result = -ECHILD;
	if (scene->poor && !refuse_nameless_files(EOPNOTSUPP))
		_exit(1);
	if (scene->open &&
		(spl_open(called(), &o, &s) || spl_set(s, "mine", "", 0)))
		_exit(2);
	trace_begin();
	*result = scene->act(s);
}

/* Set, get, unset, to the last slot. */
static int
use(spl_store *s)
{
	struct spl_store_stat info;
	char key[16];
	int wrong = 0;

	spl_store_info(s, &info);
	for (uint64_t i = info.keys; i < SLOTS; i++) {
		snprintf(key, sizeof key, "fill %u", (unsigned)i);
		int rc = spl_set(s, key, key, strlen(key));
		AUDIT(!rc, "%s: %s", key, strerror(-rc));
	}
	AUDIT(spl_set(s, "beyond", "", 0) == -ENOSPC, "beyond the last slot");
	for (uint64_t i = info.keys; i < SLOTS; i++) {
		snprintf(key, sizeof key, "fill %u", (unsigned)i);
		AUDIT(spl_unset(s, key) > 0, "%s", key);
	}
	return wrong;
}

/*
 * After a death: @done says that the call had returned, @before what lay about
 * before. How much is wrong.
 */
static int
look(bool done, unsigned before)
{
	struct spl_options o;
	spl_store *s = NULL;
	int wrong = 0, rc;

	choose(&o);
	AUDIT(!reader || is_value(reader), "a reader does not find the value");
	unsigned left = leftovers() - before;
	AUDIT(left <= scene->poor && !(done && left), "%u temporary files left",
		left);
	if (!scene->nameless) {
		rc = spl_open(called(), &o, &s);
		bool sure = done || (scene->there && !scene->gone);
		bool want = scene->there ? !scene->gone : done;
		AUDIT(!rc || rc == -ENOENT, "open: %s", strerror(-rc));
		AUDIT(!sure || want == !rc, "it is%s there", rc ? " not" : "");
		AUDIT(rc || is_value(s) == scene->there, "its value");
		wrong += rc ? 0 : use(s) + audit(s);
		spl_close(rc ? NULL : s);
	}
	/* The next one. */
	rc = scene->nameless ? spl_create("next", &o, &s)
			     : spl_open_or_create(called(), &o, &s);
	AUDIT(!rc, "the next: %s", strerror(-rc));
	if (!rc) {
		wrong += use(s) + audit(s);
		spl_close(s);
	}
	if (!scene->nameless)
		AUDIT(!spl_destroy(called(), scene->kind), "destroy");
	spl_close(reader);
	return wrong;
}

static uint32_t
walk(struct trace_path *path_taken, int *wrong)
{
	unsigned before = prepare();
	uint32_t calls = 0;
	struct trace t;

	trace_start(&t, child, NULL);
	while (!t.over && path_taken->count < POINTS_MAX) {
		calls += trace_path_add(path_taken, &t)->call;
		trace_step(&t);
	}
	*wrong = !t.over || t.died || *result < 0;
	if (!t.died)
		trace_kill(&t);
	*wrong += look(true, before);
	return calls;
}

static void
play(uint64_t *random)
{
	struct trace_path p = {0};
	unsigned long killed = 0, bad = 0;
	bool called_before = false;
	struct trace t;
	int wrong;

	uint32_t calls = walk(&p, &wrong);
	CHECK(!wrong, "%s: %u instructions, %u system calls", scene->what,
		p.count, calls);
	uint32_t stride = all ? 1 : p.count / (uint32_t)tap_scale(20, 5) + 1;
	uint32_t phase = (uint32_t)(tap_random(random) % stride);
	for (uint32_t i = 0; i < p.count && bad < GIVE_UP; i++) {
		bool pick = i % stride == phase || p.points[i].call ||
			    called_before;
		called_before = p.points[i].call;
		if (!pick)
			continue;
		unsigned before = prepare();
		trace_start(&t, child, NULL);
		trace_go(&t, &p, i);
		if (!t.died)
			trace_kill(&t);
		wrong = t.died + look(false, before);
		if (wrong)
			printf("# %d wrong, killed at instruction %u\n", wrong,
				i);
		bad += wrong != 0;
		killed++;
		if (all && killed % 1000 == 0)
			printf("# %s: killed at %lu\n", scene->what, killed);
	}
	CHECK(!bad, "  killed at %lu of them: %lu did not survive", killed,
		bad);
	trace_path_free(&p);
}

int
main(int argc, char **argv)
{
	char text[128];
	uint64_t random;

	all = argc > 1 && !strcmp(argv[1], "all");
	tap_start(all ? 0 : 600);
	random = tap_seed();
	const char *why = SPLI_TSAN ? "it would step TSan" : trace_refused();
	if (why) {
		CHECK(1, "deaths at every instruction # SKIP %s", why);
		return tap_end();
	}
	snprintf(memory_name, sizeof memory_name, "splinter-names-test-%d",
		(int)getpid());
	/* Processes elsewhere, in a namespace of theirs, may have our id. */
	snprintf(directory, sizeof directory, "/tmp/%s-XXXXXX", memory_name);
	REQUIRE(mkdtemp(directory), "has a directory");
	snprintf(path, sizeof path, "%s/store", directory);
	snprintf(text, sizeof text, "/dev/shm/%s", memory_name);
	tidy_name(text);
	tidy_name(directory);
	tidy_name(path);
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(result != MAP_FAILED, "has memory for results");
	size_t count = sizeof scenes / sizeof *scenes;
	size_t always = tap_random(&random) % count;
	for (size_t i = 0; i < count; i++) {
		scene = &scenes[i];
		/* Some of them where all takes longer. */
		if (tap_random(&random) % tap_scale(1, 4) == 0 || i == always)
			play(&random);
	}
	CHECK(!rmdir(directory), "goes without a trace");
	return tap_end();
}
