/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubsub.c - one process publishes under a key, two subscribe to it.
 *
 * A subscriber hands in the epoch that it saw last, so it misses no change;
 * when it is slower than the publisher, several show as one. It sees by the
 * epochs how many: each set adds 2.
 *
 *   cc pubsub.c -o pubsub $(pkg-config --cflags --libs splinter)
 */
#include <errno.h>
#include <inttypes.h>
#include <spl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SUBSCRIBERS = 2,
	PACED = 5, /* messages with a pause between them, */
	BURST = 5, /* then these without one */
	PAUSE_MS = 20,
	TIMEOUT_MS = 5000
};

static const char *const TOPIC = "news";
static const char *const LAST = "goodbye";

/*
 * Wait for a change after epoch @seen; copy the value and the epoch that it
 * has. A get() after the wait could return a later value than the wait's epoch.
 */
static int
receive(spl_store *store, uint64_t *seen, char *text, size_t cap)
{
	struct spl_peek peek;
	int rc = spl_wait(store, TOPIC, *seen, TIMEOUT_MS, NULL);

	while (!rc) {
		rc = spl_peek_begin(store, TOPIC, &peek);
		if (rc)
			break;
		size_t len = peek.len < cap ? (size_t)peek.len : cap - 1;
		memcpy(text, peek.data, len);
		text[len] = '\0';
		/* Only now are these bytes known to be a whole value. */
		rc = spl_peek_stable(store, &peek);
		if (!rc) {
			*seen = peek.epoch;
			return 0;
		}
		if (rc == -ESTALE)
			rc = 0; /* overwritten meanwhile: look again */
	}
	return rc;
}

static int
subscribe(spl_store *store, int number)
{
	char text[64] = "";
	uint64_t seen = 0, received = 0, merged = 0;
	/* The publisher starts when all are there. */
	int rc = spl_add(store, "subscribers", 1, NULL);

	while (!rc && strcmp(text, LAST) != 0) {
		uint64_t before = seen;
		rc = receive(store, &seen, text, sizeof text);
		if (rc)
			break;
		received++;
		merged += (seen - before) / 2 - 1;
		printf("subscriber %d: epoch %2" PRIu64 ": %s\n", number, seen,
			text);
	}
	if (!rc)
		printf("subscriber %d: %" PRIu64 " received, %" PRIu64
		       " merged into later ones\n",
			number, received, merged);
	return rc;
}

static int
wait_for_subscribers(spl_store *store)
{
	uint64_t epoch = 0;
	int rc = 0;

	/* Their counter has epoch 2 after the first, 4 after the second. */
	while (!rc && epoch < 2 * SUBSCRIBERS)
		rc = spl_wait(store, "subscribers", epoch, TIMEOUT_MS, &epoch);
	return rc;
}

static int
publish(spl_store *store)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	char text[64];
	int rc = wait_for_subscribers(store);

	for (int i = 1; !rc && i <= PACED + BURST; i++) {
		int len = snprintf(text, sizeof text, "message %d of %d", i,
			PACED + BURST);
		rc = spl_set(store, TOPIC, text, (size_t)len);
		if (i < PACED)
			nanosleep(&pause, NULL);
	}
	return rc ? rc : spl_set(store, TOPIC, LAST, strlen(LAST));
}

int
main(void)
{
	struct spl_options options;
	spl_store *store = NULL;
	int rc, number = 0, status, failed = 0;
	pid_t pid = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	spl_options_init(&options);
	options.kind = SPL_MEMFD;
	rc = spl_create("pubsub", &options, &store);
	while (!rc && pid > 0 && number < SUBSCRIBERS) {
		number++;
		pid = fork();
	}
	if (pid < 0)
		rc = -errno;
	else if (!rc)
		rc = pid ? publish(store) : subscribe(store, number);
	if (rc)
		fprintf(stderr, "pubsub: %s\n", strerror(-rc));
	while (pid && wait(&status) > 0)
		failed |= status;
	spl_close(store);
	return rc || failed;
}
