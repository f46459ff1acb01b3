/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.c - two processes share a store: the child waits for a key, the
 * parent sets it. The store is a memfd, so it goes when both have ended.
 *
 *   cc hello.c -o hello $(pkg-config --cflags --libs splinter)
 */
#include <errno.h>
#include <spl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int
listen_once(spl_store *store)
{
	char text[64];
	size_t len = 0;
	/* 0 stands for "not there yet". Woken when it is. */
	int rc = spl_wait(store, "greeting", 0, 5000, NULL);

	if (!rc)
		rc = spl_get(store, "greeting", text, sizeof text, &len);
	if (!rc)
		printf("child: the parent says \"%.*s\"\n", (int)len, text);
	return rc;
}

static int
speak(spl_store *store)
{
	const char *text = "hello, world";

	return spl_set(store, "greeting", text, strlen(text));
}

int
main(void)
{
	struct spl_options options;
	spl_store *store = NULL;
	int rc, status = 0;

	spl_options_init(&options);
	options.kind = SPL_MEMFD;
	rc = spl_create("hello", &options, &store);
	if (!rc) {
		pid_t child = fork();
		/* Both may go on using the handle. */
		if (child < 0)
			rc = -errno;
		else
			rc = child ? speak(store) : listen_once(store);
		if (child > 0)
			waitpid(child, &status, 0);
	}
	if (rc)
		fprintf(stderr, "hello: %s\n", strerror(-rc));
	spl_close(store);
	return rc || status;
}
