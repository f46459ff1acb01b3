/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything beside everything, in threads (so that TSan sees all of it):
 * readers beside flat-out writers, turnover of other keys, auto-vacuum
 * switched back and forth, counters and records that must add up.
 */
#include <pthread.h>

#include "audit.h"
#include "stamped.h"
#include "tap.h"

TAP_MAIN

static spl_store *store;
static int stop; /* atomic */

static spl_store *
fresh(uint64_t slots, uint64_t max_value, uint32_t writers)
{
	struct spl_options o;
	spl_store *s = NULL;

	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = slots;
	o.max_value = max_value;
	o.writers = writers;
	int rc = spl_create("beside", &o, &s);
	REQUIRE(!rc, "makes a store of %u x %u", (unsigned)slots,
		(unsigned)max_value);
	__atomic_store_n(&stop, 0, __ATOMIC_SEQ_CST);
	return s;
}

static bool
stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void
stop_and_join(pthread_t *threads, unsigned count)
{
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* Overwrite one key for ever, every byte stamped. */
struct flat_out {
	const char *key;
	uint32_t len;
	unsigned long sets, errors;
};

static void *
write_flat_out(void *arg)
{
	struct flat_out *w = arg;
	uint8_t *bytes = malloc(w->len);

	for (uint64_t version = 1; !stopped(); version++) {
		stamped_make(bytes, 1, version, w->len);
		w->errors += spl_set(store, w->key, bytes, w->len) != 0;
		w->sets++;
	}
	free(bytes);
	return NULL;
}

static void
read_beside_writer(uint32_t len, bool vacuum)
{
	unsigned long reads = tap_scale(1000000, 20000);
	unsigned long torn = 0, failed = 0, back = 0;
	struct flat_out writer = {.key = "hot", .len = len};
	uint8_t *bytes = malloc(len);
	uint64_t last = 0, version = 0;
	size_t got;
	pthread_t thread;

	if (len > 10000)
		reads /= 20;
	store = fresh(4, len, 2);
	spl_set_auto_vacuum(store, vacuum, NULL);
	stamped_make(bytes, 1, 0, len);
	spl_set(store, "hot", bytes, len);
	pthread_create(&thread, NULL, write_flat_out, &writer);
	for (unsigned long i = 0; i < reads; i++) {
		int rc = spl_get(store, "hot", bytes, len, &got);
		failed += rc != 0;
		torn += !rc && !stamped_whole(bytes, got, 1, &version);
		back += !rc && version < last;
		last = version;
	}
	stop_and_join(&thread, 1);
	CHECK(!failed && !torn && !back && !writer.errors,
		"%lu reads of %u bytes beside %lu sets, auto-vacuum %s: "
		"%lu failed, %lu torn, %lu went back",
		reads, len, writer.sets, vacuum ? "on" : "off", failed, torn,
		back);
	CHECK(!audit(store), "and every block is in one place");
	spl_close(store);
	free(bytes);
}

/* Insert and remove other keys all the time, in a nearly full store. */
static void *
turn_over(void *arg)
{
	unsigned me = *(unsigned *)arg;
	char key[64];
	unsigned long errors = 0;

	for (unsigned i = 0; !stopped(); i++) {
		snprintf(key, sizeof key, "guest-%u-%u", me, i);
		int rc = spl_set(store, key, key, strlen(key));
		errors += rc && rc != -ENOSPC && rc != -EAGAIN;
		snprintf(key, sizeof key, "guest-%u-%u", me, i - 5);
		rc = (int)spl_unset(store, key);
		errors += rc < 0 && rc != -ENOENT && rc != -EAGAIN;
	}
	*(unsigned *)arg = errors != 0;
	return NULL;
}

static void
present_is_found(void)
{
	enum { KEYS = 8, TURNERS = 2 };
	unsigned long reads = tap_scale(2000000, 40000), missed = 0, torn = 0;
	unsigned ids[TURNERS] = {0, 1};
	struct flat_out writer = {.key = "resident-3", .len = 40};
	pthread_t threads[TURNERS + 1];
	uint8_t bytes[64];
	uint64_t version;
	size_t len;
	char key[64];

	store = fresh(KEYS + 2 * TURNERS, 64, 8);
	for (unsigned k = 0; k < KEYS; k++) {
		snprintf(key, sizeof key, "resident-%u", k);
		stamped_make(bytes, k == 3 ? 1 : k, 0, 40);
		spl_set(store, key, bytes, 40);
	}
	pthread_create(&threads[0], NULL, write_flat_out, &writer);
	for (unsigned i = 0; i < TURNERS; i++)
		pthread_create(&threads[i + 1], NULL, turn_over, &ids[i]);
	for (unsigned long i = 0; i < reads; i++) {
		unsigned k = (unsigned)(i % KEYS);
		snprintf(key, sizeof key, "resident-%u", k);
		int rc = spl_get(store, key, bytes, sizeof bytes, &len);
		missed += rc != 0;
		torn += !rc &&
			!stamped_whole(bytes, len, k == 3 ? 1 : k, &version);
	}
	stop_and_join(threads, TURNERS + 1);
	CHECK(!missed && !torn,
		"keys that stay are found in %lu reads beside turnover, one "
		"of them overwritten %lu times: %lu missed, %lu torn",
		reads, writer.sets, missed, torn);
	CHECK(!ids[0] && !ids[1] && !writer.errors, "and nobody failed");
	CHECK(!audit(store), "and every block is in one place");
	spl_close(store);
}

static void *
read_all(void *arg)
{
	unsigned long *wrong = arg;
	uint8_t bytes[512];
	uint64_t version;
	size_t len;

	while (!stopped()) {
		int rc = spl_get(store, "hot", bytes, sizeof bytes, &len);
		*wrong += rc || !stamped_whole(bytes, len, 1, &version);
	}
	return NULL;
}

static void
vacuum_switched(void)
{
	unsigned long rounds = tap_scale(3000, 100), wrong = 0, failed = 0;
	struct flat_out writer = {.key = "hot", .len = 512};
	unsigned id = 7;
	pthread_t threads[3];
	uint8_t bytes[512];
	unsigned stale = 0;

	store = fresh(12, 512, 8);
	stamped_make(bytes, 1, 0, sizeof bytes);
	spl_set(store, "hot", bytes, sizeof bytes);
	pthread_create(&threads[0], NULL, write_flat_out, &writer);
	pthread_create(&threads[1], NULL, read_all, &wrong);
	pthread_create(&threads[2], NULL, turn_over, &id);
	for (unsigned long i = 0; i < rounds; i++)
		failed += spl_set_auto_vacuum(store, i % 2, NULL) != 0;
	stop_and_join(threads, 3);
	/* Back on since the last round, beside all of them. */
	stale = audit(store) != 0;
	CHECK(!wrong && !failed && !id && !writer.errors,
		"auto-vacuum switched %lu times beside a reader and writers: "
		"%lu wrong reads, %lu failures",
		rounds, wrong, failed);
	CHECK(!stale, "and nothing stale was left by the last one");
	spl_close(store);
}

struct adder {
	unsigned long times, errors;
	unsigned id;
};

static void *
add_and_append(void *arg)
{
	struct adder *a = arg;
	char mark[2] = {(char)('a' + a->id), '\n'};

	for (unsigned long i = 0; i < a->times; i++) {
		a->errors += spl_add(store, "sum", 1, NULL) != 0;
		if (i % 16 == 0)
			a->errors +=
				spl_append(store, "log", mark, 2, NULL) != 0;
	}
	return NULL;
}

/* Compare-and-set as a counter: every round wins exactly once. */
static void *
count_by_cas(void *arg)
{
	struct adder *a = arg;

	for (unsigned long i = 0; i < a->times;) {
		struct spl_key_stat stat = {0};
		uint64_t n = 0;
		int rc = spl_stat(store, "cas", &stat);
		if (!rc)
			rc = spl_get(store, "cas", &n, sizeof n, NULL);
		n++;
		if (!rc || rc == -ENOENT)
			rc = spl_set_if(
				store, "cas", &n, sizeof n, stat.epoch, NULL);
		i += rc == 0;
		a->errors += rc && rc != -ESTALE;
	}
	return NULL;
}

static void
sums_add_up(void)
{
	enum {
		THREADS = 6 /* more than the process may own entries */
	};
	unsigned long times = tap_scale(40000, 2000), errors = 0;
	struct adder adders[THREADS], cas[THREADS];
	pthread_t threads[2 * THREADS];
	struct spl_key_stat log;
	uint64_t n = 0;
	int64_t sum = 0;

	store = fresh(8, 2 * THREADS * (times / 16 + 1), 8);
	for (unsigned i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){.times = times, .id = i};
		cas[i] = (struct adder){.times = times / 4, .id = i};
		pthread_create(
			&threads[2 * i], NULL, add_and_append, &adders[i]);
		pthread_create(
			&threads[2 * i + 1], NULL, count_by_cas, &cas[i]);
	}
	for (unsigned i = 0; i < 2 * THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		errors += adders[i].errors + cas[i].errors;
	CHECK(!errors, "%d threads on %d writer entries never failed",
		2 * THREADS, 4);
	spl_add(store, "sum", 0, &sum);
	CHECK(sum == (int64_t)(THREADS * times), "additions add up");
	spl_get(store, "cas", &n, sizeof n, NULL);
	CHECK(n == THREADS * (times / 4), "each compare-and-set won once");
	spl_stat(store, "log", &log);
	CHECK(log.len == 2 * THREADS * ((times + 15) / 16),
		"no appended record is lost");
	CHECK(!audit(store), "and every block is in one place");
	spl_close(store);
}

int
main(void)
{
	tap_start(600);
	for (int vacuum = 0; vacuum <= 1; vacuum++) {
		read_beside_writer(64, vacuum);
		read_beside_writer(4096, vacuum);
		read_beside_writer(65536, vacuum);
	}
	present_is_found();
	vacuum_switched();
	sums_add_up();
	return tap_end();
}
