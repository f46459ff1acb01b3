/* SPDX-License-Identifier: Apache-2.0 */
#include "pattern.h"

#include <stdio.h>
#include <string.h>

#include "message.h"

enum { PATTERN_MAX = 1024 };

int
pattern_take(struct pattern *pattern, const struct cli *cli,
	const struct call *call, const char *text)
{
	char reason[128];
	int code;

	pattern->given = false;
	pattern->text = text;
	if (!text)
		return EXIT_DONE;
	/* regcomp() takes stack for each bracket in another. */
	if (strlen(text) > PATTERN_MAX)
		return cli_usage(cli,
			"%s: the pattern is too long, %zu bytes: use at most "
			"%d bytes",
			call->command->name, strlen(text), PATTERN_MAX);
	code = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB);
	pattern->given = !code;
	if (!code)
		return EXIT_DONE;
	if (code == REG_ESPACE)
		return cli_fail_text(cli,
			"%s: the pattern '%s' takes more memory than there is: "
			"repeat less in it",
			call->command->name, text);
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

int
pattern_no_file(
	const struct cli *cli, const struct call *call, const char *file)
{
	if (*file != '^')
		return EXIT_DONE;
	return cli_usage(cli,
		"%s: '%s' looks like a pattern: write '%s - %s', or './%s' for "
		"a file",
		call->command->name, file, call->command->name, file, file);
}

bool
pattern_is_like_a_shells(const struct pattern *pattern)
{
	const char *star = pattern->given ? strchr(pattern->text, '*') : NULL;

	return star && (star == pattern->text || !strchr(".)]", star[-1]));
}

void
pattern_free(struct pattern *pattern)
{
	if (pattern->given)
		regfree(&pattern->regex);
}
