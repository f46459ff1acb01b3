/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "command.h"
#include "fuzz.h"
#include "words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- Words -------------------------------------------------------------- */

static const char *const keys[] = {"foo", "bar", "number", "ns:x", "a b",
	"it's", "\033[2J", "\377\376", "new", "f", "\303\251", "\"", "\\",
	"--"};
static const char *const stores[] = {"main", "second", "third", "gone", "main",
	"splinter_debug", "with space", "a/b", ".", "..", "", "\033c"};
static const char *const values[] = {"value", "41", "-", "--", "@",
	"@/dev/null", "@/nonexistent", "@/", "two words", "\377", "--literal",
	"@@", ""};
static const char *const patterns[] = {"^f", "o{2}$", "(a|b)*", "[", "(", "*",
	"a{1,2", "[[:alpha:]]+", "[z-a]", "\\", "(.)\\1", "()", "a**", "^$",
	"[\377]", "\303\251", "x{99}", ".*.*.*=", "[[.x.]]", "a{2}{2}"};
static const char *const numbers[] = {"0", "1", "2", "8", "64", "1K", "1k",
	"4M", "1G", "-1", "+5", "-3", "1073741824", "1073741825", "4294967295",
	"4294967296", "9223372036854775807", "9223372036854775808",
	"-9223372036854775808", "-9223372036854775809", "17179869183G",
	"18446744073709551615", "18446744073709551616", "007", "0x10", "1e3",
	"1KK", "K", "-", "+", "--1", "1 ", " 1", ""};
static const char *const times[] = {"0", "1", "1ms", "0s", "0h", "2s", "1x",
	"m", "ms", "", "-1", "99999999999999999999999h", "1.5s"};
static const char *const modes[] = {"600", "660", "666", "0640", "777", "8", "",
	"-600", "4600", "77777777777777777777777", "6 0"};
static const char *const files[] = {
	"-", "/dev/null", "/nonexistent/file", "^f", "/"};
static const char *const policies[] = {
	"source", "destination", "newest", "fail", "new", ""};
static const char *const settings[] = {"av", "keys", "auto_vacuum", "magic",
	"id", "created", "kyes", "", "epoch"};
static const char *const switches[] = {"0", "1", "on", "off", "2", ""};
static const char *const hostile[] = {"", "-", "--", "---", "-h", "--help",
	"--json", "--json=1", "--no-such", "--names", "--use", "=", "--=", "@",
	"@/dev/null", "'", "\"", "\\", "''", "it's", "#", "#x", "a#b", "$HOME",
	"`id`", "$(id)", "%s%n%d", "%", "{store}", "*", "~", "\t", " ", "\r",
	"\001", "\177", "\302\233", "\342\200\256", "\355\240\200",
	"\364\220\200\200", "\346\227\245\346\234\254", "e\314\201",
	"\360\237\230\200", "\357\273\277"};

/* What may stand where a synopsis or an option has this word. */
static const struct pool {
	const char *name;
	const char *const *words;
	size_t count;
} pools[] = {
	{"KEY", keys, COUNT(keys)},
	{"STORE", stores, COUNT(stores)},
	{"VALUE", values, COUNT(values)},
	{"PATTERN", patterns, COUNT(patterns)},
	{"DELTA", numbers, COUNT(numbers)},
	{"EPOCH", numbers, COUNT(numbers)},
	{"SEQUENCE", numbers, COUNT(numbers)},
	{"SLOTS", numbers, COUNT(numbers)},
	{"MAX_VALUE", numbers, COUNT(numbers)},
	{"COUNT", numbers, COUNT(numbers)},
	{"TIME", times, COUNT(times)},
	{"TIME|never", times, COUNT(times)},
	{"MODE", modes, COUNT(modes)},
	{"FILE", files, COUNT(files)},
	{"LINE", numbers, COUNT(numbers)},
	{"POLICY", policies, COUNT(policies)},
	{"SETTING", settings, COUNT(settings)},
	{"0|1", switches, COUNT(switches)},
};

/* --- Choosing ----------------------------------------------------------- */

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003). */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t
below(uint64_t *state, size_t limit)
{
	return next_random(state) % limit;
}

static bool
one_in(uint64_t *state, size_t limit)
{
	return !below(state, limit);
}

static const char *
any_of(uint64_t *state, const char *const *words, size_t count)
{
	return words[below(state, count)];
}

static const struct command *
any_command(uint64_t *state)
{
	size_t count = 0;

	while (cli_command_at(count))
		count++;
	return cli_command_at(below(state, count));
}

/* --- Making lines ------------------------------------------------------- */

static void
put_escaped(FILE *file, const char *word, const char *special)
{
	for (; *word; word++) {
		if (!special || strchr(special, *word))
			fputc('\\', file);
		fputc(*word, file);
	}
}

/* In one of the ways to write it, or as it stands, which may be another. */
static void
put_word(FILE *file, uint64_t *state, const char *word)
{
	char *quoted;

	switch (below(state, 6)) {
	case 0:
		fputs(word, file);
		break;
	case 1:
		fputc('"', file);
		put_escaped(file, word, "$`\"\\");
		fputc('"', file);
		break;
	case 2:
		put_escaped(file, word, NULL);
		break;
	default:
		quoted = words_quote(word);
		fputs(quoted ? quoted : "", file);
		free(quoted);
	}
}

/* About as long as a key, a store's name or a message may be. */
static void
put_long_word(FILE *file, uint64_t *state)
{
	static const size_t sizes[] = {
		31, 62, 63, 64, 65, 127, 255, 256, 257, 300};
	size_t size = sizes[below(state, COUNT(sizes))];
	const char *part = any_of(state, hostile, COUNT(hostile));
	bool plain = one_in(state, 2);

	for (size_t i = 0; i < size; i++)
		fputc(plain || !*part ? 'x' : part[i % strlen(part)], file);
}

static void
put_word_for(FILE *file, uint64_t *state, const char *name)
{
	const struct pool *pool = NULL;

	fputc(' ', file);
	for (size_t i = 0; i < COUNT(pools); i++)
		if (!strcmp(pools[i].name, name))
			pool = &pools[i];
	if (one_in(state, 16))
		put_long_word(file, state);
	else if (!strcmp(name, "COMMAND"))
		put_word(file, state, any_command(state)->name);
	else if (!strcmp(name, "ext") && one_in(state, 2))
		fputs("ext", file);
	else if (!pool || one_in(state, 8))
		put_word(file, state, any_of(state, hostile, COUNT(hostile)));
	else
		put_word(file, state, any_of(state, pool->words, pool->count));
}

/* Mostly one that the command takes. */
static void
put_option(FILE *file, uint64_t *state, const struct command *command)
{
	size_t index = below(state, OPTION_COUNT);
	const struct option_row *option = cli_option_at(index);

	if (!cli_takes(command, index) && !one_in(state, 8))
		return;
	fprintf(file, " %s", option->name);
	if (option->word && !one_in(state, 8)) {
		put_word_for(file, state, option->word);
	} else if (one_in(state, 8)) {
		fputc('=', file);
		put_word(file, state, any_of(state, times, COUNT(times)));
	}
}

static void
put_options(FILE *file, uint64_t *state, const struct command *command)
{
	while (one_in(state, 4))
		put_option(file, state, command);
	if (one_in(state, 16))
		fputs(" --", file);
}

static void
put_line(FILE *file, uint64_t *state)
{
	const struct command *command = any_command(state);
	char name[CLI_WORD_MAX];

	if (command->alias && one_in(state, 2))
		fputs(command->alias, file);
	else if (one_in(state, 32))
		put_word(file, state, any_of(state, hostile, COUNT(hostile)));
	else
		fputs(command->name, file);
	if (one_in(state, 32))
		fputc('x', file);
	for (int i = 0; cli_word(command, i, name); i++) {
		put_options(file, state, command);
		if (!one_in(state, 12))
			put_word_for(file, state, name);
	}
	put_options(file, state, command);
	while (one_in(state, 24))
		put_word_for(file, state, "");
	if (one_in(state, 24))
		fputs(" # comment '", file);
}

/* --- Mutating ----------------------------------------------------------- */

/* Where a word or a line, of those that @ends ends, begins at or before @at. */
static size_t
start_of(const char *text, size_t at, const char *ends)
{
	while (at && !strchr(ends, text[at - 1]))
		at--;
	return at;
}

static size_t
end_of(const char *text, size_t at, size_t size, const char *ends)
{
	while (at < size && (!text[at] || !strchr(ends, text[at])))
		at++;
	return at;
}

/* @data between @from and @to becomes what @file has been given. */
static size_t
replace(uint8_t *data, size_t size, size_t max_size, size_t from, size_t to,
	const char *text, size_t len)
{
	if (size - (to - from) + len > max_size)
		return size;
	memmove(data + from + len, data + to, size - to);
	memcpy(data + from, text, len);
	return size - (to - from) + len;
}

size_t
lines_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	const char *bytes = (const char *)data;
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	bool line = !one_in(&state, 3);
	const char *ends = line ? "\n" : "\n ";
	size_t from = start_of(bytes, below(&state, size + 1), ends);
	size_t to = end_of(bytes, from, size, ends);
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	EXPECT(file);
	/* Before it, instead of it, or nothing instead of it. */
	switch (below(&state, 4)) {
	case 0:
		break;
	case 1:
		to = to < size ? to + 1 : to;
		break;
	default:
		to = from;
	}
	if (line && (to == from || one_in(&state, 2))) {
		put_line(file, &state);
		fputc('\n', file);
	} else if (!line) {
		put_word_for(file, &state, "");
		fputc(' ', file);
	}
	fclose(file);
	size = replace(data, size, max_size, from, to, text, len);
	free(text);
	return size;
}

/* --- Taming ------------------------------------------------------------- */

static bool
has_word(const struct command *command, const char *wanted)
{
	char name[CLI_WORD_MAX];

	for (int i = 0; cli_word(command, i, name); i++)
		if (!strcmp(name, wanted))
			return true;
	return false;
}

/* One that takes minutes, or gigabytes, is regcomp()'s own affair. */
static bool
is_wild_pattern(const char *word)
{
	size_t many = 0;
	size_t digits = 0;

	for (const char *c = word; *c; c++) {
		bool digit = *c >= '0' && *c <= '9';

		many += *c == '{' || (digit && c > word && c[-1] == '\\');
		digits = digit ? digits + 1 : 0;
		if (many > 1 || digits > 2)
			return true;
	}
	return strlen(word) > 64;
}

/* Only files that are there for everybody and have an end. */
static bool
is_foreign_file(const char *word)
{
	static const char *const ours[] = {
		"@", "@/dev/null", "@/nonexistent", "@/", "@@"};

	if (*word != '@')
		return false;
	for (size_t i = 0; i < COUNT(ours); i++)
		if (!strcmp(ours[i], word))
			return false;
	return true;
}

/* A word that a command which writes files could take for one of others. Of
 * options none begins so, as long as nothing ends them. */
static bool
is_foreign_path(const char *word)
{
	if (!strncmp(word, "--", 2))
		return !word[2];
	if (*word == '^')
		return false;
	for (size_t i = 0; i < COUNT(files); i++)
		if (!strcmp(files[i], word))
			return false;
	return true;
}

/* Neither a mistake nor at most a millisecond. */
static bool
is_long_time(const char *word)
{
	size_t digits = strspn(word, "0123456789");

	/* 2 to the 64th has 20. */
	if (!digits || digits > 20 || strspn(word, "0") == digits)
		return false;
	return strcmp(word, "1") != 0 && strcmp(word, "1ms") != 0;
}

static const char *
tame_word(const struct command *command, const char *word)
{
	if (has_word(command, "VALUE") && is_foreign_file(word))
		return "@/dev/null";
	if (has_word(command, "FILE") && is_foreign_path(word))
		return "-";
	if (has_word(command, "PATTERN") && is_wild_pattern(word))
		return "^f";
	if (cli_takes(command, OPTION_TIMEOUT)) {
		if (is_long_time(word))
			return "1";
		if (!strncmp(word, "--timeout=", 10) && is_long_time(word + 10))
			return "--timeout=1";
	}
	/* Each block of `top` takes its time. */
	if (cli_takes(command, OPTION_BLOCKS)) {
		if (is_long_time(word))
			return "1";
		if (!strncmp(word, "--count=", 8) && is_long_time(word + 8))
			return "--count=1";
		if (!strncmp(word, "--interval=", 11))
			return "--interval=10ms";
	}
	return word;
}

static void
put_tame(FILE *file, const struct command *command, const char *word)
{
	char *quoted = words_quote(tame_word(command, word));

	EXPECT(quoted);
	fprintf(file, " %s", quoted);
	free(quoted);
}

char *
lines_tame(const char *line)
{
	struct words words = {0};
	char *tamed = NULL;
	size_t len;
	enum words_result result = words_split(&words, line, strlen(line));
	const struct command *command =
		result || !words.count ? NULL : cli_command_find(words.all[0]);
	bool harmless = !command || !cli_takes(command, OPTION_TIMEOUT);

	for (size_t i = 1; command && harmless && i < words.count; i++)
		harmless = tame_word(command, words.all[i]) == words.all[i];
	FILE *file = open_memstream(&tamed, &len);
	EXPECT(file);
	if (harmless) {
		fputs(line, file);
	} else {
		fputs(words.all[0], file);
		if (cli_takes(command, OPTION_TIMEOUT))
			fputs(" --timeout=1", file);
		for (size_t i = 1; i < words.count; i++)
			put_tame(file, command, words.all[i]);
	}
	fclose(file);
	words_free(&words);
	return tamed;
}
