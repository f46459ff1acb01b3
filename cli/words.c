/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A line being split, and where the next byte of a word goes. */
struct split {
	const char *line;
	size_t len;
	size_t pos;
	char *out;
	size_t quote; /* where the one that is open was opened */
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
at_end(const struct split *split)
{
	return split->pos == split->len;
}

static char
next(struct split *split)
{
	return split->line[split->pos++];
}

/* Behind the opening quote. Inside '' nothing is special but its end. */
static enum words_result
take_quoted(struct split *split, char quote)
{
	split->quote = split->pos - 1;
	while (!at_end(split)) {
		char c = next(split);

		if (c == quote)
			return WORDS_DONE;
		if (c == '\\' && quote == '"' && !at_end(split) &&
			strchr("$`\"\\", split->line[split->pos]))
			c = next(split);
		*split->out++ = c;
	}
	return WORDS_OPEN_QUOTE;
}

static enum words_result
take_word(struct split *split)
{
	enum words_result result = WORDS_DONE;

	while (!result && !at_end(split) &&
		!is_space(split->line[split->pos])) {
		char c = next(split);

		if (c == '\'' || c == '"')
			result = take_quoted(split, c);
		else if (c != '\\')
			*split->out++ = c;
		else if (at_end(split))
			result = WORDS_OPEN_BACKSLASH;
		else
			*split->out++ = next(split);
	}
	*split->out++ = '\0';
	return result;
}

static void
skip_space(struct split *split)
{
	while (!at_end(split) && is_space(split->line[split->pos]))
		split->pos++;
	if (!at_end(split) && split->line[split->pos] == '#')
		split->pos = split->len;
}

/* No word takes more than its bytes and a NUL, nor less than two of them. */
static bool
make_room(struct words *words, size_t len)
{
	words_free(words);
	words->bytes = malloc(len + 2);
	words->all = calloc(len / 2 + 3, sizeof(*words->all));
	return words->bytes && words->all;
}

static void
add(struct words *words, struct split *split)
{
	words->at = split->pos;
	words->all[words->count++] = split->out;
}

enum words_result
words_split(struct words *words, const char *line, size_t len)
{
	struct split split = {.line = line, .len = len};
	enum words_result result = WORDS_DONE;

	if (!make_room(words, len))
		return WORDS_NO_MEMORY;
	split.out = words->bytes;
	for (skip_space(&split); !result && !at_end(&split);
		skip_space(&split)) {
		add(words, &split);
		result = take_word(&split);
		if (result)
			break;
	}
	if (result == WORDS_OPEN_QUOTE)
		words->at = split.quote;
	return result;
}

enum words_result
words_split_partly(struct words *words, const char *line, size_t len)
{
	struct split split = {.line = line, .len = len};
	bool open = false;

	if (!make_room(words, len))
		return WORDS_NO_MEMORY;
	split.out = words->bytes;
	for (skip_space(&split); !at_end(&split); skip_space(&split)) {
		add(words, &split);
		take_word(&split);
		/* The word goes on as long as nothing stands behind it. */
		open = at_end(&split);
		if (open)
			break;
	}
	if (!open) {
		add(words, &split);
		*split.out = '\0';
	}
	return WORDS_DONE;
}

void
words_free(struct words *words)
{
	free(words->all);
	free(words->bytes);
	*words = (struct words){0};
}

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       strchr("%+,-./:=@_^", c);
}

char *
words_quote(const char *text)
{
	char *quoted = malloc(4 * strlen(text) + 3);
	char *out = quoted;
	bool plain = *text;

	if (!quoted)
		return NULL;
	for (const char *c = text; *c; c++)
		plain = plain && is_plain(*c);
	if (!plain)
		*out++ = '\'';
	for (const char *c = text; *c; c++) {
		if (!plain && *c == '\'') {
			memcpy(out, "'\\''", 4);
			out += 4;
		} else {
			*out++ = *c;
		}
	}
	if (!plain)
		*out++ = '\'';
	*out = '\0';
	return quoted;
}
