/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_keys.c - several keys and patterns made one pattern for a feed.
 *
 * They are put together with | and without parentheses, which would give
 * other numbers to those that a pattern refers back to. In a namespace a
 * pattern is for the key without it, which a feed does not know: there the
 * feed tells the namespace's keys, and ours are picked out here.
 */
#define _POSIX_C_SOURCE 200809L

#include "watch_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* regcomp() takes stack for each alternative. */
enum { ALL_MAX = 16384 };

static bool
is_pattern(const char *word)
{
	return *word == '^';
}

static char *
in_namespace(const struct cli *cli, const char *word)
{
	char *key = malloc(strlen(cli->prefix) + strlen(word) + 1);

	/* An empty key stays one, and is refused. */
	if (key)
		memcpy(stpcpy(key, *word ? cli->prefix : ""), word,
			strlen(word) + 1);
	return key;
}

static int
check_key(const struct cli *cli, const struct call *call, const char *key)
{
	size_t len = strlen(key);

	if (len && len <= SPL_KEY_MAX)
		return EXIT_DONE;
	return cli_fail_key(cli, call, key, len ? -ENAMETOOLONG : -EINVAL);
}

/* Behind another with groups of its own it would refer to one of those. */
static bool
refers_back(const char *text)
{
	for (; (text = strchr(text, '\\')) && text[1]; text += 2)
		if (text[1] >= '1' && text[1] <= '9')
			return true;
	return false;
}

static int
check_pattern(const struct cli *cli, const struct call *call, const char *text,
	bool is_first)
{
	struct pattern pattern;
	int status = pattern_take(&pattern, cli, call, text);

	pattern_free(&pattern);
	if (status || is_first || !refers_back(text))
		return status;
	return cli_usage(cli,
		"%s: the pattern '%s' refers back to a part of itself, which "
		"only the first pattern may: give it alone",
		call->command->name, text);
}

/* Exactly this key, as a pattern. */
static void
put_key(FILE *file, const char *key)
{
	putc('^', file);
	for (; *key; key++) {
		if (strchr(".[\\()*+?{|^$", *key))
			putc('\\', file);
		putc(*key, file);
	}
	putc('$', file);
}

static int
put_word(FILE *file, const struct cli *cli, const struct call *call,
	const char *word)
{
	char *key = in_namespace(cli, word);

	if (!key)
		return cli_fail_key(cli, call, word, -ENOMEM);
	int status = check_key(cli, call, key);
	if (!status)
		put_key(file, word);
	free(key);
	return status;
}

/* All of them with | between; the patterns first, whose groups count. */
static int
put_all(FILE *file, const struct cli *cli, const struct call *call)
{
	const char *pattern = call->given[OPTION_PATTERN];
	const char *between = "";
	int status = EXIT_DONE;

	if (pattern) {
		status = check_pattern(cli, call, pattern, true);
		fputs(pattern, file);
		between = "|";
	}
	for (int i = 0; !status && i < call->argc; i++) {
		if (!is_pattern(call->argv[i]))
			continue;
		status = check_pattern(cli, call, call->argv[i], !*between);
		fprintf(file, "%s%s", between, call->argv[i]);
		between = "|";
	}
	for (int i = 0; !status && i < call->argc; i++) {
		if (is_pattern(call->argv[i]))
			continue;
		fputs(between, file);
		status = put_word(file, cli, call, call->argv[i]);
		between = "|";
	}
	return status;
}

static int
compile(struct watch_keys *keys, const struct call *call)
{
	struct pattern *compiled = &keys->compiled;
	int code = REG_ESPACE;

	compiled->text = keys->all;
	if (strlen(keys->all) <= ALL_MAX)
		code = regcomp(
			&compiled->regex, keys->all, REG_EXTENDED | REG_NOSUB);
	compiled->given = !code;
	if (!code)
		return EXIT_DONE;
	return cli_fail_text(keys->cli,
		"%s: these are too many keys and patterns for one watch: give "
		"a pattern that matches all of them, or fewer",
		call->command->name);
}

static int
take_many(struct watch_keys *keys, const struct call *call)
{
	size_t len;
	FILE *file = open_memstream(&keys->all, &len);

	if (!file)
		return cli_fail_key(keys->cli, call, NULL, -ENOMEM);
	int status = put_all(file, keys->cli, call);
	bool failed = ferror(file);
	if (fclose(file) || failed) {
		free(keys->all);
		keys->all = NULL;
	}
	if (status)
		return status;
	return keys->all ? compile(keys, call)
			 : cli_fail_key(keys->cli, call, NULL, -ENOMEM);
}

int
watch_keys_take(
	struct watch_keys *keys, const struct cli *cli, const struct call *call)
{
	bool has_pattern = call->given[OPTION_PATTERN];

	*keys = (struct watch_keys){.cli = cli};
	if (!call->argc && !has_pattern)
		return cli_usage(cli,
			"%s: too few words: give a KEY, a word that begins "
			"with ^ for a pattern, or --pattern PATTERN",
			call->command->name);
	if (has_pattern || call->argc > 1 || is_pattern(call->argv[0]))
		return take_many(keys, call);
	keys->one = in_namespace(cli, call->argv[0]);
	if (!keys->one)
		return cli_fail_key(cli, call, call->argv[0], -ENOMEM);
	return check_key(cli, call, keys->one);
}

void
watch_keys_follow(
	const struct watch_keys *keys, struct spl_feed_options *options)
{
	options->key = keys->one;
	if (keys->one)
		return;
	if (*keys->cli->prefix)
		options->prefix = keys->cli->prefix;
	else
		options->pattern = keys->all;
}

const char *
watch_keys_shown(const struct watch_keys *keys, const char *key)
{
	const char *shown = cli_key_shown(keys->cli, key);

	if (keys->one || !*keys->cli->prefix)
		return shown;
	return *shown && pattern_matches(&keys->compiled, shown) ? shown : NULL;
}

void
watch_keys_free(struct watch_keys *keys)
{
	free(keys->one);
	free(keys->all);
	pattern_free(&keys->compiled);
}
