/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.c - numbers as people type them, and nothing that merely begins
 * like one.
 */
#include <inttypes.h>

#include "message.h"

static bool
parse(const char *text, uint64_t *out)
{
	uint64_t number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		uint64_t digit = (uint64_t)(*text - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*out = number;
	return true;
}

int
cli_number(const struct cli *cli, const struct call *call, const char *what,
	const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t number;

	if (!parse(text, &number) || number < min || number > max)
		return cli_usage(cli,
			"%s: '%s' is no number of %s: give a whole "
			"number from %" PRIu64 " to %" PRIu64,
			call->command->name, text, what, min, max);
	*out = number;
	return EXIT_DONE;
}
