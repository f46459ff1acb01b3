/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

#define MOMENT_NS UINT64_C(500000000)
#define BETWEEN_NS UINT64_C(200000000)

#define MUCH UINT64_C(16384) /* bytes that take a look at the clock at once */

enum { BAR = 20, LOOK_EVERY = 16 };

void
progress_begin(struct progress *progress, const struct call *call,
	const char *unit, uint64_t total)
{
	*progress = (struct progress){
		.name = call->command->name,
		.unit = unit,
		.total = total,
		.began_ns = cli_now_ns(),
		.on = !call->given[OPTION_QUIET] && isatty(STDERR_FILENO),
	};
	progress->drawn_ns = progress->began_ns;
}

/* "[=====>        ] 37%  ", or nothing. */
static void
bar_text(char *text, size_t size, const struct progress *progress)
{
	char bar[BAR + 1];

	*text = '\0';
	if (!progress->total)
		return;
	uint64_t done = progress->done < progress->total ? progress->done
							 : progress->total;
	size_t filled = (size_t)(done * BAR / progress->total);
	memset(bar, ' ', BAR);
	memset(bar, '=', filled);
	if (filled < BAR)
		bar[filled] = '>';
	bar[BAR] = '\0';
	snprintf(text, size, "[%s] %" PRIu64 "%%  ", bar,
		done * 100 / progress->total);
}

static void
draw(struct progress *progress, uint64_t now)
{
	double seconds = (double)(now - progress->began_ns) / 1e9;
	char bar[BAR + 16];
	char bytes[TOP_TEXT];
	char rate[TOP_TEXT];
	char line[160];

	bar_text(bar, sizeof(bar), progress);
	top_size_text(bytes, progress->bytes);
	top_size_text(rate, (uint64_t)((double)progress->bytes / seconds));
	int width = snprintf(line, sizeof(line),
		"%s: %s%" PRIu64 " %s, %sB, %sB/s", progress->name, bar,
		progress->done, progress->unit, bytes, rate);
	/* One write, and what was longer before is covered. */
	fprintf(stderr, "\r%-*s", progress->width, line);
	fflush(stderr);
	progress->width = width;
	progress->drawn_ns = now;
}

void
progress_add(struct progress *progress, uint64_t bytes)
{
	progress->done++;
	progress->bytes += bytes;
	if (!progress->on || (progress->done % LOOK_EVERY && bytes < MUCH))
		return;
	uint64_t now = cli_now_ns();
	if (now - progress->began_ns >= MOMENT_NS &&
		now - progress->drawn_ns >= BETWEEN_NS)
		draw(progress, now);
}

void
progress_end(struct progress *progress)
{
	if (progress->width) {
		fprintf(stderr, "\r%*s\r", progress->width, "");
		fflush(stderr);
	}
	progress->on = false;
	progress->width = 0;
}
