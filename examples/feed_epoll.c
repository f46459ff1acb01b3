/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed_epoll.c - a store's changes in an event loop. Who connects to a Unix
 * socket is sent a line for each change, and one a second with the count, if
 * there were any.
 *
 *   cc feed_epoll.c -o feed_epoll $(pkg-config --cflags --libs splinter)
 *   splinterctl init demo
 *   ./feed_epoll demo /tmp/demo.sock
 *   nc -U /tmp/demo.sock             in a second terminal
 *   splinterctl --use demo set greeting hello       in a third
 *
 * Ctrl-C ends it.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 64, EVENTS = 32 };

static int clients[CLIENTS];
static int count; /* of clients */
static uint64_t told; /* events, in this second */

static void
drop(int client)
{
	for (int i = 0; i < count; i++)
		if (clients[i] == client) {
			clients[i] = clients[--count];
			close(client); /* takes it out of the epoll set, too */
		}
}

/* To all. Who does not read fast enough is dropped, nobody waits for him. */
static void
tell(const char *line, size_t len)
{
	for (int i = count - 1; i >= 0; i--)
		if (send(clients[i], line, len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
			(ssize_t)len)
			drop(clients[i]);
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

	tell(line, (size_t)len);
	told++;
}

/* All there is, without waiting: the descriptor is readable while there is. */
static int
tell_changes(spl_feed *feed)
{
	struct spl_event events[EVENTS];
	int n = spl_feed_read(feed, events, EVENTS, 0);

	for (int i = 0; i < n; i++)
		tell_event(&events[i]);
	return n < 0 ? n : 0;
}

static void
tell_count(int timer)
{
	char line[64];
	uint64_t ticks;

	if (read(timer, &ticks, sizeof ticks) < 0 || !told)
		return;
	int len = snprintf(line, sizeof line, "# %" PRIu64 " events\n", told);
	tell(line, (size_t)len);
	told = 0;
}

static int
watch(int set, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 ? fd : epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void
welcome(int set, int listener)
{
	int client = accept(listener, NULL, NULL);

	if (client < 0)
		return;
	if (count == CLIENTS || watch(set, client))
		close(client);
	else
		clients[count++] = client;
}

/* What a client sends is not for us, only that he goes. */
static void
hear(int client)
{
	char ignored[256];
	ssize_t n = recv(client, ignored, sizeof ignored, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		drop(client);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) ||
		listen(fd, 16))
		return -1;
	return fd;
}

static int
serve(spl_feed *feed, int listener)
{
	struct itimerspec second = {{1, 0}, {1, 0}};
	struct epoll_event event;
	sigset_t ends;
	int rc = 0;

	/* Before spl_feed_fd(), whose thread inherits what is blocked. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	int signals = signalfd(-1, &ends, SFD_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(timer, 0, &second, NULL);
	int changes = spl_feed_fd(feed);
	if (changes < 0)
		return changes;
	int set = epoll_create1(EPOLL_CLOEXEC);
	if (watch(set, changes) || watch(set, listener) || watch(set, timer) ||
		watch(set, signals))
		return -errno;
	while (!rc) {
		/* One at a time: none is of a client dropped a moment ago. */
		if (epoll_wait(set, &event, 1, -1) < 0)
			continue;
		if (event.data.fd == changes)
			rc = tell_changes(feed);
		else if (event.data.fd == listener)
			welcome(set, listener);
		else if (event.data.fd == timer)
			tell_count(timer);
		else if (event.data.fd == signals)
			break;
		else
			hear(event.data.fd);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct spl_feed_options options;
	spl_store *store = NULL;
	spl_feed *feed = NULL;

	if (argc != 3) {
		fprintf(stderr, "usage: feed_epoll STORE SOCKET\n");
		return 2;
	}
	spl_feed_options_init(&options);
	options.flags = SPL_FEED_VALUES;
	int rc = spl_open(argv[1], NULL, &store);
	if (!rc)
		rc = spl_feed_open(store, &options, &feed);
	int listener = rc ? -1 : listen_at(argv[2]);
	if (!rc && listener < 0)
		rc = -errno;
	if (!rc) {
		rc = serve(feed, listener);
		unlink(argv[2]);
	}
	if (rc)
		fprintf(stderr, "feed_epoll: %s\n", strerror(-rc));
	spl_feed_close(feed);
	spl_close(store);
	return rc != 0;
}
