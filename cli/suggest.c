/* SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <string.h>

#include "options.h"

enum { LONGEST = 32, FAR = LONGEST };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Damerau's edit distance with Levenshtein's operations, restricted to
 * neighbours that are swapped once ("optimal string alignment"): Damerau,
 * Communications of the ACM 7 (1964), 171-176.
 */
static size_t
distance(const char *a, size_t a_len, const char *b)
{
	size_t rows[LONGEST + 1][LONGEST + 1];
	size_t b_len = strlen(b);

	if (a_len > LONGEST || b_len > LONGEST)
		return FAR;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		rows[i][0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = a[i - 1] != b[j - 1];
			size_t best = least(rows[i - 1][j], rows[i][j - 1]) + 1;

			best = least(best, rows[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1])
				best = least(best, rows[i - 2][j - 2] + 1);
			rows[i][j] = best;
		}
	}
	return rows[a_len][b_len];
}

/* The nearest so far. */
struct nearest {
	const char *word;
	size_t len; /* of it, up to a '=' */
	const char *found;
	size_t distance;
};

static struct nearest
look_for(const char *word)
{
	size_t len = strcspn(word, "=");

	/* What is too far: half of it, or more than two changes. */
	return (struct nearest){
		.word = word,
		.len = len,
		.distance = least((len + 1) / 2, 3),
	};
}

static void
consider(struct nearest *nearest, const char *candidate)
{
	if (!candidate)
		return;
	size_t far = distance(nearest->word, nearest->len, candidate);
	if (far < nearest->distance) {
		nearest->distance = far;
		nearest->found = candidate;
	}
}

/* What other programs call the same. */
static const struct {
	const char *theirs;
	const char *ours;
} synonyms[] = {
	{"?", "help"},
	{"create", "init"},
	{"del", "unset"},
	{"delete", "unset"},
	{"drop", "destroy"},
	{"keys", "list"},
	{"ls", "list"},
	{"open", "use"},
	{"put", "set"},
	{"rm", "unset"},
	{"stat", "head"},
	{"subscribe", "watch"},
};

const char *
suggest_command(const char *word)
{
	struct nearest nearest = look_for(word);
	const struct command *command;

	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (!strcmp(synonyms[i].theirs, word))
			return synonyms[i].ours;

	for (size_t i = 0; (command = cli_command_at(i)); i++) {
		consider(&nearest, command->name);
		consider(&nearest, command->alias);
	}
	return nearest.found;
}

const char *
suggest_option(const struct command *command, const char *word)
{
	struct nearest nearest = look_for(word);
	const struct option_row *option;

	for (size_t i = 0; (option = cli_option_at(i)); i++)
		if (cli_takes(command, i))
			consider(&nearest, option->name);
	return nearest.found;
}

const char *
suggest_program_option(const char *word)
{
	struct nearest nearest = look_for(word);
	const struct program_option *option;

	for (size_t i = 0; (option = options_at(i)); i++)
		consider(&nearest, option->name);
	return nearest.found;
}

const char *
suggest_setting(const char *word)
{
	struct nearest nearest = look_for(word);
	const char *name;

	for (size_t i = 0; (name = cli_setting_at(i)); i++)
		consider(&nearest, name);
	return nearest.found;
}
