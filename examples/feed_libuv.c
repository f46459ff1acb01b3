/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed_libuv.c - a store's changes in libuv's loop. Who connects to a Unix
 * socket is sent a line for each change, and one a second with the count, if
 * there were any.
 *
 *   cc feed_libuv.c -o feed_libuv $(pkg-config --cflags --libs splinter libuv)
 *   splinterctl init demo
 *   ./feed_libuv demo /tmp/demo.sock
 *   nc -U /tmp/demo.sock             in a second terminal
 *   splinterctl --use demo set greeting hello       in a third
 *
 * Ctrl-C ends it.
 */
#include <inttypes.h>
#include <signal.h>
#include <spl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { EVENTS = 32 };

struct client {
	uv_pipe_t pipe; /* first: the handle's address is the client's */
	struct client *next;
};

static uv_loop_t loop;
static uv_poll_t changes;
static uv_timer_t second;
static uv_signal_t interrupt;
static uv_pipe_t listener;
static spl_feed *feed;
static struct client *clients;
static uint64_t told; /* events, in this second */
static int failed; /* why the loop ended, 0: by Ctrl-C */

static void
freed(uv_handle_t *handle)
{
	free(handle);
}

static void
drop(struct client *gone)
{
	for (struct client **at = &clients; *at; at = &(*at)->next)
		if (*at == gone) {
			*at = gone->next;
			uv_close((uv_handle_t *)&gone->pipe, freed);
			return;
		}
}

/* To all. Who does not read fast enough is dropped, nobody waits for him. */
static void
tell(char *line, unsigned len)
{
	uv_buf_t buf = uv_buf_init(line, len);
	struct client *next;

	for (struct client *c = clients; c; c = next) {
		next = c->next;
		if (uv_try_write((uv_stream_t *)&c->pipe, &buf, 1) != (int)len)
			drop(c);
	}
}

/* Keys and values are any bytes; a line has to stay a line. */
static int
printable(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	return (int)len;
}

static void
tell_event(const struct spl_event *e)
{
	char line[256], key[64], value[64];
	size_t show = e->len < sizeof value ? e->len : sizeof value;
	const char *what = e->what == SPL_CREATED   ? "created"
			   : e->what == SPL_CHANGED ? "changed"
			   : e->what == SPL_PRESENT ? "present"
			   : e->what == SPL_UNSET   ? "removed"
			   : e->what == SPL_EXPIRED ? "expired"
			   : e->what == SPL_SYNCED  ? "synced"
						    : "missed";
	int key_len = printable(key, e->key, strlen(e->key));
	int value_len = e->value ? printable(value, e->value, show) : 0;
	int len =
		snprintf(line, sizeof line, "%s %.*s epoch %" PRIu64 ": %.*s\n",
			what, key_len, key, e->epoch, value_len, value);

	tell(line, (unsigned)len);
	told++;
}

/* Ends the loop: it has nothing left to do once all handles are closed. */
static void
end(int rc)
{
	failed = rc;
	while (clients)
		drop(clients);
	uv_close((uv_handle_t *)&changes, NULL);
	uv_close((uv_handle_t *)&second, NULL);
	uv_close((uv_handle_t *)&interrupt, NULL);
	uv_close((uv_handle_t *)&listener, NULL); /* removes the socket */
}

/* All there is, without waiting: the descriptor is readable while there is. */
static void
on_changes(uv_poll_t *handle, int status, int events)
{
	struct spl_event read[EVENTS];
	int n = status ? status : spl_feed_read(feed, read, EVENTS, 0);

	(void)handle;
	(void)events;
	for (int i = 0; i < n; i++)
		tell_event(&read[i]);
	if (n < 0)
		end(n);
}

static void
on_second(uv_timer_t *handle)
{
	char line[64];

	(void)handle;
	if (!told)
		return;
	int len = snprintf(line, sizeof line, "# %" PRIu64 " events\n", told);
	tell(line, (unsigned)len);
	told = 0;
}

static void
on_interrupt(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	end(0);
}

/* What a client sends is not for us, only that he goes. */
static void
on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char ignored[256];

	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(ignored, sizeof ignored);
}

static void
on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n < 0)
		drop((struct client *)stream);
}

static void
on_connection(uv_stream_t *stream, int status)
{
	struct client *c = status ? NULL : calloc(1, sizeof *c);

	if (!c)
		return;
	uv_pipe_init(&loop, &c->pipe, 0);
	c->next = clients;
	clients = c;
	if (uv_accept(stream, (uv_stream_t *)&c->pipe) ||
		uv_read_start((uv_stream_t *)&c->pipe, on_room, on_heard))
		drop(c);
}

static int
serve(const char *path)
{
	int fd = spl_feed_fd(feed);
	int rc = fd < 0 ? fd : uv_loop_init(&loop);

	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	uv_poll_init(&loop, &changes, fd);
	uv_timer_init(&loop, &second);
	uv_signal_init(&loop, &interrupt);
	uv_pipe_init(&loop, &listener, 0);
	rc = uv_pipe_bind(&listener, path);
	if (!rc)
		rc = uv_listen((uv_stream_t *)&listener, 16, on_connection);
	if (!rc)
		rc = uv_poll_start(&changes, UV_READABLE, on_changes);
	if (!rc)
		rc = uv_timer_start(&second, on_second, 1000, 1000);
	if (!rc)
		rc = uv_signal_start(&interrupt, on_interrupt, SIGINT);
	if (rc)
		end(rc);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return failed;
}

int
main(int argc, char **argv)
{
	struct spl_feed_options options;
	spl_store *store = NULL;

	if (argc != 3) {
		fprintf(stderr, "usage: feed_libuv STORE SOCKET\n");
		return 2;
	}
	spl_feed_options_init(&options);
	options.flags = SPL_FEED_VALUES;
	int rc = spl_open(argv[1], NULL, &store);
	if (!rc)
		rc = spl_feed_open(store, &options, &feed);
	if (!rc)
		rc = serve(argv[2]);
	if (rc)
		fprintf(stderr, "feed_libuv: %s\n", strerror(-rc));
	spl_feed_close(feed);
	spl_close(store);
	return rc != 0;
}
