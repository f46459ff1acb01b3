/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a read has to begin again because it met a writer who never
 * rests: through Splinter, and through a bare seqlock around memcpy().
 *
 *   bench_retries [--rounds N] [--json]
 *
 * One key that everybody uses, or a thousand at random; values of three
 * sizes; auto-vacuum off and on. A writer and a reader, two where there are
 * CPUs for them, each on a CPU of its own. In each round every case has its
 * turn, Splinter and the seqlock one after the other, so that all of them
 * meet the same machine.
 *
 * The library counts no retries, so the readers here are spli_get() written
 * out, from the word on, with a count where it goes round again. A seqlock's
 * reader also has to wait while the writer is at it: each such wait, however
 * long, is one retry.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "bench.h"
#include "swap.h"

const char *const bench_name = "bench_retries";

enum {
	ROUNDS = 100,
	SLICE_NS = 2000000, /* of one case in one round */
	KEYS = 1000,
	READERS_MOST = 2,
	SIZES = 3,
	CASES = 2 * SIZES * 2
};

static const size_t sizes[SIZES] = {64, 4096, 65536};

/* What readers and the writer have counted, of one case and kind. */
struct counts {
	uint64_t reads, writes;
	uint64_t retries;
	uint64_t again; /* gave up after the library's number of tries */
	uint64_t most; /* retries of one read */
	uint64_t longest_ns; /* of one read, from its first retry on */
};

/* A seqlock in front of its value. */
struct seqlock {
	_Alignas(64) uint64_t seq;
	_Alignas(64) uint8_t value[];
};

/* A store and the seqlocks of one size. */
struct field {
	size_t size;
	spl_store *store;
	spl_ref *refs[KEYS];
	uint64_t slots[KEYS];
	uint8_t *locks;
};

static struct field fields[SIZES];

struct turn {
	const struct field *field;
	uint64_t keys;
	bool vacuum;
	bool seqlock;
};

static struct turn turns[CASES][2];

/* The turn that is on; the barrier publishes it, stop ends it. */
static const struct turn *now_on;
static pthread_barrier_t barrier;
static uint32_t stop;

/* By turn, then by thread: readers, then the writer. */
struct runner {
	pthread_t thread;
	size_t cpu;
	bool writes;
	uint64_t random;
	uint8_t *value;
	_Alignas(64) struct counts counts[CASES][2];
};

static struct runner *runners;
static size_t readers;

static bool
stopped(void)
{
	return spli_load(&stop);
}

static uint64_t
some_key(struct runner *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random % now_on->keys;
}

static struct seqlock *
seqlock_of(const struct field *f, uint64_t key)
{
	size_t stride = sizeof(struct seqlock) + f->size;

	return (struct seqlock *)(void *)(f->locks + key * stride);
}

/*
 * Reading: true when the value was had; false: begin again.
 */
static bool
seqlock_try(struct runner *r, const struct field *f, uint64_t key)
{
	struct seqlock *lock = seqlock_of(f, key);
	uint64_t seq = spli_load_acquire(&lock->seq);

	if (seq & 1) {
		while (spli_load(&lock->seq) == seq && !stopped())
			spli_pause();
		return false;
	}
	spli_copy(r->value, lock->value, f->size);
	spli_fence_acquire();
	return spli_load(&lock->seq) == seq;
}

static bool
splinter_try(struct runner *r, const struct field *f, uint64_t key)
{
	const spl_store *s = f->store;
	struct spli_read read = {.buf = r->value, .cap = f->size};
	struct spli_spot spot = {.slot = f->slots[key]};

	/* R1, R2: as spli_table_look(). */
	spot.word = spli_load_acquire(&s->table[spot.slot].word);
	spot.block = spli_block(s, spli_word_block(s, spot.word));
	if (!spot.block ||
		!spli_block_holds(s, spot.block, spot.slot, spot.word))
		return false;
	int rc = spli_block_copy(s, &spot, &read);
	if (rc && rc != -ESTALE)
		die("a read", rc);
	return !rc;
}

/* The writer has put the same number in front and at the end. */
static void
verify(const struct runner *r, size_t size)
{
	if (memcmp(r->value, r->value + size - 8, 8) != 0)
		die("a value is torn", -EBADMSG);
}

static void
read_once(struct runner *r, const struct turn *t, struct counts *c)
{
	uint64_t key = some_key(r), tries = 0, began_ns = 0;
	bool done;

	while (!(done = t->seqlock ? seqlock_try(r, t->field, key)
				   : splinter_try(r, t->field, key)) &&
		!stopped()) {
		if (!tries++)
			began_ns = now_ns();
		if (!t->seqlock && tries % SPLI_TRIES == 0)
			c->again++;
	}
	if (done)
		verify(r, t->field->size);
	c->reads += done;
	c->retries += tries;
	if (!tries)
		return;
	uint64_t took_ns = now_ns() - began_ns;
	if (tries > c->most)
		c->most = tries;
	if (took_ns > c->longest_ns)
		c->longest_ns = took_ns;
}

/*
 * Writing.
 */
static void
seqlock_put(const struct field *f, uint64_t key, const uint8_t *value)
{
	struct seqlock *lock = seqlock_of(f, key);
	uint64_t seq = spli_load(&lock->seq);

	spli_store(&lock->seq, seq + 1);
	spli_fence_release();
	spli_copy(lock->value, value, f->size);
	spli_store_release(&lock->seq, seq + 2);
}

static void
write_once(struct runner *r, const struct turn *t, struct counts *c)
{
	const struct field *f = t->field;
	uint64_t key = some_key(r);

	c->writes++;
	memcpy(r->value, &c->writes, 8);
	memcpy(r->value + f->size - 8, &c->writes, 8);
	if (t->seqlock) {
		seqlock_put(f, key, r->value);
		return;
	}
	int rc = spl_ref_set(f->refs[key], r->value, f->size);
	if (rc)
		die("spl_ref_set", rc);
}

/*
 * Turns.
 */
static void *
run(void *arg)
{
	struct runner *r = arg;

	pin(r->cpu);
	for (;;) {
		pthread_barrier_wait(&barrier);
		const struct turn *t = now_on;
		if (!t)
			return NULL;
		size_t number = (size_t)(t - &turns[0][0]);
		struct counts *c = &r->counts[number / 2][number % 2];
		while (!stopped())
			r->writes ? write_once(r, t, c) : read_once(r, t, c);
		pthread_barrier_wait(&barrier);
	}
}

static void
play(const struct turn *t)
{
	int rc = spl_set_auto_vacuum(t->field->store, t->vacuum, NULL);

	if (rc)
		die("spl_set_auto_vacuum", rc);
	spli_store(&stop, 0);
	now_on = t;
	pthread_barrier_wait(&barrier);
	nanosleep(&(struct timespec){.tv_nsec = SLICE_NS}, NULL);
	spli_store(&stop, 1);
	pthread_barrier_wait(&barrier);
}

static void
play_all(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		for (size_t c = 0; c < CASES; c++)
			for (size_t kind = 0; kind < 2; kind++)
				play(&turns[c][kind]);
	now_on = NULL;
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i <= readers; i++)
		pthread_join(runners[i].thread, NULL);
}

/*
 * Making.
 */
static void *
zeros(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) / 64 * 64);

	if (!p)
		die("memory", -ENOMEM);
	memset(p, 0, size);
	return p;
}

static void
field_make(struct field *f, size_t size)
{
	struct spl_options o;
	struct spli_spot spot;
	char name[16];
	uint8_t *value = zeros(size);

	f->size = size;
	f->locks = zeros((sizeof(struct seqlock) + size) * KEYS);
	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.max_value = size;
	int rc = spl_create("bench", &o, &f->store);
	for (size_t i = 0; i < KEYS && !rc; i++) {
		struct spli_key key;
		snprintf(name, sizeof name, "%zu", i);
		rc = spl_set(f->store, name, value, size);
		rc = rc ? rc : spl_ref_open(f->store, name, &f->refs[i]);
		rc = rc ? rc : spli_key_make(&key, name);
		rc = rc ? rc : spli_table_find(f->store, &key, &spot);
		f->slots[i] = spot.slot;
	}
	if (rc)
		die("a store", rc);
	free(value);
}

static void
turns_make(void)
{
	for (size_t i = 0; i < SIZES; i++)
		field_make(&fields[i], sizes[i]);
	for (size_t c = 0; c < CASES; c++)
		for (size_t kind = 0; kind < 2; kind++)
			turns[c][kind] = (struct turn){
				.field = &fields[c / 2 % SIZES],
				.keys = c / 2 / SIZES ? KEYS : 1,
				.vacuum = c % 2,
				.seqlock = kind,
			};
}

static void
runners_start(const size_t *cpus)
{
	runners = zeros((readers + 1) * sizeof *runners);
	pthread_barrier_init(&barrier, NULL, (unsigned)readers + 2);
	for (size_t i = 0; i <= readers; i++) {
		struct runner *r = &runners[i];
		r->cpu = cpus[i];
		r->writes = i == readers;
		r->random = i + 1;
		r->value = zeros(sizes[SIZES - 1]);
		int rc = pthread_create(&r->thread, NULL, run, r);
		if (rc)
			die("pthread_create", -rc);
	}
}

/*
 * Reporting.
 */
static struct counts
sum_up(size_t number, size_t kind)
{
	struct counts sum = {0};

	for (size_t i = 0; i <= readers; i++) {
		const struct counts *c = &runners[i].counts[number][kind];
		sum.reads += c->reads;
		sum.writes += c->writes;
		sum.retries += c->retries;
		sum.again += c->again;
		sum.most = c->most > sum.most ? c->most : sum.most;
		if (c->longest_ns > sum.longest_ns)
			sum.longest_ns = c->longest_ns;
	}
	return sum;
}

static double
per_thousand(const struct counts *c)
{
	return (double)c->retries * 1e3 / (c->reads ? (double)c->reads : 1);
}

static void
print_counts_json(const char *name, const struct counts *c)
{
	printf(", \"%s\": {\"reads\": %" PRIu64 ", \"writes\": %" PRIu64
	       ", \"retries\": %" PRIu64 ", \"retries_per_1000\": %.3f"
	       ", \"most_retries\": %" PRIu64 ", \"longest_us\": %.1f"
	       ", \"eagain\": %" PRIu64 "}",
		name, c->reads, c->writes, c->retries, per_thousand(c), c->most,
		(double)c->longest_ns / 1e3, c->again);
}

static void
print_counts(const struct counts *c, bool eagain)
{
	printf(" %8.0f %8.0f %10.3f %7" PRIu64, (double)c->reads / 1e3,
		(double)c->writes / 1e3, per_thousand(c), c->most);
	if (eagain)
		printf(" %6" PRIu64, c->again);
}

static void
print_head(const size_t *cpus, uint64_t rounds, bool json)
{
	char model[200];
	struct utsname un;

	uname(&un);
	cpu_model(model, sizeof model);
	if (json) {
		printf("{\n  \"splinter\": \"%s\", \"cpu\": \"%s\", "
		       "\"system\": \"%s %s %s\", \"readers\": %zu, "
		       "\"shared_cpu\": %s, \"rounds\": %" PRIu64
		       ", \"slice_ns\": %d,\n  \"cases\": [",
			spl_version(), model, un.sysname, un.release,
			un.machine, readers,
			cpus[0] == cpus[readers] ? "true" : "false", rounds,
			SLICE_NS);
		return;
	}
	printf("Splinter %s on %s; %s %s %s\n"
	       "A writer without a rest, readers: %zu, %s; "
	       "%" PRIu64 " rounds of %d ms for each case.\n"
	       "Thousands of reads and writes; retries for a thousand reads; "
	       "most retries of one\nread; EAGAIN: once in %d retries of one "
	       "read.\n\n"
	       "                    | Splinter                              "
	       "          | seqlock, bare\n"
	       " keys  bytes vacuum |    reads   writes retries/1k    most "
	       "EAGAIN |    reads   writes retries/1k    most\n",
		spl_version(), model, un.sysname, un.release, un.machine,
		readers,
		cpus[0] == cpus[readers] ? "all on one CPU"
					 : "each on its own CPU",
		rounds, SLICE_NS / 1000000, SPLI_TRIES);
}

static void
report(const size_t *cpus, uint64_t rounds, bool json)
{
	print_head(cpus, rounds, json);
	for (size_t i = 0; i < CASES; i++) {
		const struct turn *t = &turns[i][0];
		struct counts splinter = sum_up(i, 0), seqlock = sum_up(i, 1);
		if (json) {
			printf("%s\n    {\"keys\": %" PRIu64
			       ", \"bytes\": %zu, \"auto_vacuum\": %d",
				i ? "," : "", t->keys, t->field->size,
				t->vacuum);
			print_counts_json("splinter", &splinter);
			print_counts_json("seqlock", &seqlock);
			printf("}");
		} else {
			printf("%5" PRIu64 " %6zu %6s |", t->keys,
				t->field->size, t->vacuum ? "on" : "off");
			print_counts(&splinter, true);
			printf(" |");
			print_counts(&seqlock, false);
			puts("");
		}
	}
	if (json)
		printf("\n  ]\n}\n");
}

int
main(int argc, char **argv)
{
	uint64_t rounds = ROUNDS;
	size_t cpus[READERS_MOST + 1];
	bool json = false;

	options_read(
		argc, argv, "turns of each case, 2 ms each", &rounds, &json);
	size_t found = cpus_find(cpus, READERS_MOST + 1);
	readers = found > 1 ? found - 1 : 1;
	if (found == 1)
		cpus[1] = cpus[0];
	turns_make();
	runners_start(cpus);
	play_all(rounds);
	report(cpus, rounds, json);
	return 0;
}
