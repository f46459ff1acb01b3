/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_top.c - a live view of a store: drawn again and again on a terminal, or
 * printed.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"
#include "top.h"

enum {
	USUAL_INTERVAL_MS = 1000,
	INTERVAL_LEAST_MS = 10,
	INTERVAL_MOST_MS = 24 * 3600 * 1000
};

struct live {
	struct top top;
	struct terminal terminal;
	const struct call *call;
	struct winsize size; /* of what was drawn last */
	uint64_t due_ns; /* the next sample */
	uint64_t left; /* blocks still to be printed */
	bool drawn; /* on a screen, not printed */
	bool stale; /* the screen is not what it should be */
	bool paused;
	bool leaving;
	bool deaf; /* nothing more comes from the keyboard */
};

/* --- Showing ------------------------------------------------------------- */

static struct winsize
screen_size(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col ||
		!size.ws_row)
		size = (struct winsize){.ws_col = 80, .ws_row = 24};
	return size;
}

/* What a signal interrupts is drawn again, if it did not end all. */
static int
write_all(struct live *live, const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(STDOUT_FILENO, text, len);

		if (done < 0) {
			live->stale = true;
			return errno == EINTR ? 0 : -errno;
		}
		text += done;
		len -= (size_t)done;
	}
	return 0;
}

/* In memory first, so that a screen is one write. */
static int
show(struct live *live, struct top_view *view)
{
	char *text = NULL;
	size_t len = 0;

	view->top = &live->top;
	view->out = open_memstream(&text, &len);
	if (!view->out)
		return -ENOMEM;
	top_show(view);
	bool failed = ferror(view->out);
	failed = fclose(view->out) || failed;
	int rc = failed ? -ENOMEM : 0;
	if (!failed && live->drawn)
		rc = write_all(live, text, len);
	else if (!failed)
		fwrite(text, 1, len, stdout);
	free(text);
	return rc;
}

static int
draw(struct live *live)
{
	/* Not while the terminal is another's. */
	live->stale = !terminal_screen(&live->terminal);
	if (live->stale)
		return 0;
	live->size = screen_size();
	struct top_view view = {
		.columns = live->size.ws_col,
		.rows = live->size.ws_row,
		.has_keys = live->terminal.present,
		.paused = live->paused,
	};
	return show(live, &view);
}

static int
print(struct live *live)
{
	static const size_t page_columns = 80;
	struct top_view view = {
		.columns = isatty(STDOUT_FILENO) ? screen_size().ws_col
						 : page_columns,
	};
	int rc = 0;

	/* What is asked for are rates. */
	if (!(live->top.elapsed_s > 0))
		return 0;
	if (live->call->given[OPTION_JSON])
		top_print_json(&live->top);
	else
		rc = show(live, &view);
	live->left -= live->left != UINT64_MAX;
	if (live->left && !live->call->given[OPTION_JSON])
		putchar('\n');
	/* A reader of stdout that has gone shows in main(). */
	if (fflush(stdout))
		live->leaving = true;
	return rc;
}

static int
next_sample(struct live *live)
{
	uint64_t interval_ns = live->top.interval_ms * 1000000;
	int rc = top_sample(&live->top);

	if (rc < 0)
		return rc;
	live->due_ns += interval_ns;
	/* After a stop, or where looking takes longer than that. */
	if (live->due_ns <= live->top.now_ns)
		live->due_ns = live->top.now_ns + interval_ns;
	return live->drawn ? draw(live) : print(live);
}

/* --- Keys ---------------------------------------------------------------- */

static void
on_key(void *context, char key)
{
	struct live *live = context;

	if (key == 'q' || key == 'Q')
		live->leaving = true;
	if (key == 'p' || key == 'P' || key == ' ') {
		live->paused = !live->paused;
		live->due_ns = live->paused ? live->due_ns : cli_now_ns();
		live->stale = true;
	}
	if (key == 's' || key == 'S') {
		live->top.sort = (live->top.sort + 1) % TOP_SORTS;
		live->stale = true;
	}
}

/* Until the feed has to be read, a sample is due, a key or a signal comes. */
static void
rest(struct live *live)
{
	uint64_t now = cli_now_ns();
	uint64_t wait = live->top.slice_ns;
	/* Another's terminal may be full of what is not for us. */
	bool hears = live->terminal.raw && !live->deaf;
	struct pollfd in = {
		.fd = hears ? STDIN_FILENO : -1,
		.events = POLLIN,
	};

	if (!live->paused && live->due_ns < now + wait)
		wait = live->due_ns > now ? live->due_ns - now : 0;
	const struct timespec time = {
		.tv_sec = (time_t)(wait / 1000000000),
		.tv_nsec = (long)(wait % 1000000000),
	};
	if (ppoll(&in, 1, &time, NULL) > 0 && !(in.revents & POLLIN))
		live->deaf = true;
}

/* --- From the first sample to the end ------------------------------------ */

/* Whoever read a pipe on stdout has gone. */
static bool
is_unread(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLHUP);
}

static bool
is_resized(const struct live *live)
{
	struct winsize size = screen_size();

	return size.ws_col != live->size.ws_col ||
	       size.ws_row != live->size.ws_row;
}

static int
draw_again(struct live *live)
{
	top_look_at_keys(&live->top);
	return draw(live);
}

static int
look(struct live *live)
{
	int rc = top_go_on(&live->top);

	if (rc < 0)
		return rc;
	if (!live->paused && cli_now_ns() >= live->due_ns)
		return next_sample(live);
	if (!live->drawn)
		return 0;
	/* Also after Ctrl-Z. */
	if (live->stale || !live->terminal.screen || is_resized(live))
		return draw_again(live);
	return 0;
}

/* Until something ends it: 0, or why. */
static int
go_on(struct live *live)
{
	int rc = 0;

	while (!terminal_stop(&live->terminal) && !live->leaving &&
		live->left) {
		if ((rc = look(live)) < 0)
			return rc;
		if (is_unread()) {
			/* What a write would have raised. */
			raise(SIGPIPE);
			return -EPIPE;
		}
		if (cli_store_is_removed(live->top.cli))
			return -EIDRM;
		if (live->left)
			rest(live);
	}
	return 0;
}

static int
run(struct live *live)
{
	terminal_begin(&live->terminal);
	live->terminal.typed = on_key;
	live->terminal.context = live;
	if (live->terminal.present && !live->drawn && live->left == UINT64_MAX)
		cli_note("Press Ctrl-] To Stop ...");
	int rc = top_open(&live->top);
	live->due_ns = cli_now_ns();
	if (rc >= 0)
		rc = go_on(live);
	terminal_end(&live->terminal);
	top_close(&live->top);
	return rc;
}

static int
finish(const struct live *live, int rc)
{
	const struct cli *cli = live->top.cli;

	if (rc == -EIDRM)
		return cli_fail_text(cli,
			"top: store '%s' was removed: look again once there "
			"is a new one",
			cli->store_name);
	if (rc == -EPIPE)
		return cli_fail_text(cli, "top: nobody reads the output any "
					  "more: look again");
	if (rc == -ENOMEM)
		return cli_fail_text(cli, "top: no memory: free some");
	return rc < 0 ? cli_fail_key(cli, live->call, NULL, rc) : EXIT_DONE;
}

/* --- Options ------------------------------------------------------------- */

static int
take_interval(struct live *live)
{
	const struct cli *cli = live->top.cli;
	const char *text = live->call->given[OPTION_INTERVAL];
	uint64_t *ms = &live->top.interval_ms;

	*ms = USUAL_INTERVAL_MS;
	if (!text)
		return EXIT_DONE;
	int status = cli_duration(cli, live->call, "interval", text, ms);
	if (status)
		return status;
	if (*ms < INTERVAL_LEAST_MS || *ms > INTERVAL_MOST_MS)
		return cli_usage(cli,
			"top: the interval '%s' cannot be used: give 10ms to "
			"24h",
			text);
	return EXIT_DONE;
}

/* A terminal that knows what it is told to do. */
static bool
can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

/* Blocks to print; without a limit at a terminal. */
static int
take_count(struct live *live)
{
	const char *text = live->call->given[OPTION_BLOCKS];

	live->left = isatty(STDOUT_FILENO) ? UINT64_MAX : 1;
	live->drawn = !text && !live->call->given[OPTION_JSON] && can_draw();
	if (!text)
		return EXIT_DONE;
	return cli_number(live->top.cli, live->call, "count", text, 1,
		UINT32_MAX, &live->left);
}

int
cmd_top(struct cli *cli, const struct call *call)
{
	struct live live = {.top.cli = cli, .call = call};
	int status = take_interval(&live);

	if (!status)
		status = take_count(&live);
	return status ? status : finish(&live, run(&live));
}
