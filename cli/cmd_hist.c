/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "history.h"
#include "message.h"
#include "pattern.h"
#include "terminal.h"
#include "text.h"

static void
print_line(const struct call *call, size_t number, const char *line)
{
	struct json json;

	if (call->given[OPTION_JSON]) {
		json_begin(&json);
		json_number(&json, "number", number);
		json_string(&json, "line", line);
		json_end(&json);
		return;
	}
	printf("%5zu  ", number);
	text_show(stdout, line, strlen(line), false);
	putchar('\n');
}

int
cmd_hist(struct cli *cli, const struct call *call)
{
	struct pattern pattern;
	int status = pattern_take(
		&pattern, cli, call, call->argc ? call->argv[0] : NULL);

	if (!status)
		status = cli_need_history(cli);
	if (!status) {
		const struct history *history = cli->history;

		for (size_t i = 0; i < history->count; i++)
			if (!terminal_interrupted() &&
				pattern_matches(&pattern, history->lines[i]))
				print_line(call, i + 1, history->lines[i]);
	}
	pattern_free(&pattern);
	return status;
}
