/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_words.c - lines into words and words into lines. Compared with a
 * splitter that is a table of states, and with itself: what is quoted and
 * split again is the same.
 */
#include "fuzz.h"
#include "words.h"

/* The line is too long for all of its prefixes beyond this. */
enum { PREFIXES = 200 };

/* --- The reference ------------------------------------------------------ */

enum state { BETWEEN, BARE, SINGLE, DOUBLE, BARE_ESCAPE, DOUBLE_ESCAPE, END };

/* Of "$`\"\\" in double quotes; all others keep their backslash. */
static bool
loses_backslash(char c)
{
	return c == '$' || c == '`' || c == '"' || c == '\\';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What a character is outside of quotes, be it the first of a word. */
static enum state
bare(char c, char **out)
{
	if (c == '\'')
		return SINGLE;
	if (c == '"')
		return DOUBLE;
	if (c == '\\')
		return BARE_ESCAPE;
	*(*out)++ = c;
	return BARE;
}

static enum state
quoted(enum state state, char c, char **out)
{
	if (c == (state == SINGLE ? '\'' : '"'))
		return BARE;
	if (state == DOUBLE && c == '\\')
		return DOUBLE_ESCAPE;
	*(*out)++ = c;
	return state;
}

static enum state
escaped(enum state state, char c, char **out)
{
	if (state == DOUBLE_ESCAPE && !loses_backslash(c))
		*(*out)++ = '\\';
	*(*out)++ = c;
	return state == DOUBLE_ESCAPE ? DOUBLE : BARE;
}

static enum state
step(enum state state, char c, char **out)
{
	if (state == BARE_ESCAPE || state == DOUBLE_ESCAPE)
		return escaped(state, c, out);
	if (state == SINGLE || state == DOUBLE)
		return quoted(state, c, out);
	if (state == BETWEEN && is_blank(c))
		return BETWEEN;
	if (state == BETWEEN && c == '#')
		return END;
	if (state == BARE && is_blank(c)) {
		*(*out)++ = '\0';
		return BETWEEN;
	}
	return bare(c, out);
}

/* The words, each with a NUL behind it; returns where the line left us. */
static enum state
reference_split(const char *line, size_t len, char *bytes, size_t *used)
{
	enum state state = BETWEEN;
	char *out = bytes;

	for (size_t i = 0; i < len && state != END; i++)
		state = step(state, line[i], &out);
	if (state == DOUBLE_ESCAPE)
		*out++ = '\\';
	if (state != BETWEEN && state != END)
		*out++ = '\0';
	*used = (size_t)(out - bytes);
	return state;
}

static enum words_result
result_of(enum state state)
{
	if (state == BARE_ESCAPE)
		return WORDS_OPEN_BACKSLASH;
	return state == SINGLE || state == DOUBLE || state == DOUBLE_ESCAPE
		       ? WORDS_OPEN_QUOTE
		       : WORDS_DONE;
}

/* --- Properties --------------------------------------------------------- */

/* The same words as those in @bytes; @more of them may follow. */
static void
expect_words(
	const struct words *words, const char *bytes, size_t used, size_t more)
{
	size_t i = 0;

	for (size_t at = 0; at < used; at += strlen(bytes + at) + 1, i++) {
		EXPECT(i < words->count);
		EXPECT(!strcmp(words->all[i], bytes + at));
	}
	EXPECT(words->count == i + more);
	EXPECT(!words->all[words->count]);
}

/* Nothing comes up in a word that the line does not have, in that order. */
static void
expect_from_line(const struct words *words, const char *line, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < words->count; i++)
		for (const char *c = words->all[i]; *c; c++, at++) {
			while (at < len && line[at] != *c)
				at++;
			EXPECT(at < len);
		}
}

/* All words quoted, with spaces between, are the same words. */
static void
expect_joins(const struct words *words)
{
	struct words again = {0};
	char *line = NULL;
	size_t len;
	FILE *file = open_memstream(&line, &len);

	EXPECT(file);
	for (size_t i = 0; i < words->count; i++) {
		char *word = words_quote(words->all[i]);

		EXPECT(word);
		fprintf(file, "%s ", word);
		free(word);
	}
	fclose(file);
	EXPECT(words_split(&again, line, len) == WORDS_DONE);
	EXPECT(again.count == words->count);
	for (size_t i = 0; i < words->count; i++)
		EXPECT(!strcmp(again.all[i], words->all[i]));
	words_free(&again);
	free(line);
}

/* Without a special character words are what stands between spaces. */
static void
expect_plain(const struct words *words, const char *line, size_t len)
{
	size_t count = 0;
	size_t at = 0;

	if (len && strcspn(line, "'\"\\#") < len)
		return;
	while (at += strspn(line + at, " \t\r\n"), at < len) {
		size_t size = strcspn(line + at, " \t\r\n");

		EXPECT(count < words->count);
		EXPECT(strlen(words->all[count]) == size);
		EXPECT(!memcmp(words->all[count], line + at, size));
		count++;
		at += size;
	}
	EXPECT(words->count == count);
}

static void
check_split(const char *text, const char *line, size_t len)
{
	char *bytes = malloc(2 * len + 2);
	struct words words = {0};
	size_t used;

	EXPECT(bytes);
	enum state state = reference_split(line, len, bytes, &used);
	enum words_result result = words_split(&words, line, len);

	EXPECT(result == result_of(state));
	expect_words(&words, bytes, used, 0);
	expect_from_line(&words, line, len);
	expect_plain(&words, text, len);
	expect_joins(&words);
	if (result == WORDS_OPEN_QUOTE) {
		EXPECT(words.at < len);
		EXPECT(line[words.at] == (state == SINGLE ? '\'' : '"'));
	}
	words_free(&words);
	EXPECT(!words.all && !words.bytes && !words.count);
	free(bytes);
}

/*
 * The last word of what is still being typed is the one that the cursor is
 * in, or an empty one at the end; the others are as they always are.
 */
static void
check_partly(const char *line, size_t len)
{
	char *prefix = fuzz_copy(line, len);
	char *bytes = malloc(2 * len + 2);
	struct words words = {0};
	size_t used;

	EXPECT(bytes);
	enum state state = reference_split(prefix, len, bytes, &used);
	bool between = state == BETWEEN || state == END;

	EXPECT(words_split_partly(&words, prefix, len) == WORDS_DONE);
	expect_words(&words, bytes, used, between);
	EXPECT(words.count && words.at <= len);
	if (between) {
		EXPECT(!*words.all[words.count - 1]);
		EXPECT(words.at == len);
	} else {
		EXPECT(words.at < len && !is_blank(prefix[words.at]));
		EXPECT(!words.at || is_blank(prefix[words.at - 1]));
	}
	words_free(&words);
	free(bytes);
	free(prefix);
}

static void
check_quote(const char *text)
{
	struct words words = {0};
	char *quoted_text = words_quote(text);

	EXPECT(quoted_text);
	size_t len = strlen(quoted_text);
	char *line = fuzz_copy(quoted_text, len);
	EXPECT(words_split(&words, line, len) == WORDS_DONE);
	EXPECT(words.count == 1 && !strcmp(words.all[0], text));
	EXPECT(words_split_partly(&words, line, len) == WORDS_DONE);
	EXPECT(words.count == 1 && !strcmp(words.all[0], text));
	EXPECT(words.at == 0);
	words_free(&words);
	free(line);
	free(quoted_text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	size_t len = strlen(text);
	char *line = fuzz_copy(text, len);

	check_split(text, line, len);
	for (size_t i = 0; i <= len && i <= PREFIXES; i++)
		check_partly(line, i);
	check_partly(line, len);
	check_quote(text);
	free(line);
	free(text);
	return 0;
}
