/* SPDX-License-Identifier: Apache-2.0 */
#include "pattern.h"

#include <stdio.h>

#include "message.h"

int
pattern_take(struct pattern *pattern, const struct cli *cli,
	const struct call *call, const char *text)
{
	char reason[128];
	int code;

	pattern->given = false;
	if (!text)
		return EXIT_DONE;
	code = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB);
	pattern->given = !code;
	if (!code)
		return EXIT_DONE;
	regerror(code, &pattern->regex, reason, sizeof(reason));
	return cli_usage(cli,
		"%s: '%s' is no regular expression, %s: write a "
		"backslash before a character that stands for "
		"itself, and .* for any text",
		call->command->name, text, reason);
}

bool
pattern_matches(const struct pattern *pattern, const char *text)
{
	return !pattern->given || !regexec(&pattern->regex, text, 0, NULL, 0);
}

void
pattern_free(struct pattern *pattern)
{
	if (pattern->given)
		regfree(&pattern->regex);
}
