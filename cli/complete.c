/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "complete.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options.h"
#include "text.h"
#include "words.h"

enum { CHOICES_MAX = 500 };

/* A line taken apart: the word being typed, and what it is a word of. */
struct place {
	struct cli *cli;
	struct words words;
	const char *word; /* the one being typed */
	size_t glued; /* bytes of it in front, as "--use=" */
	const char *previous; /* the command's word before; null: none */
	const struct command *command; /* null: the word is to be one */
	int index; /* of the word among the command's, without options */
	bool options_ended; /* "--", or a VALUE comes */
	const struct option_row *option; /* whose word this is; null: none */
	const struct program_option *program; /* the same, of the program */
	bool is_first; /* the command's name, or an option of the program */
	bool in_options; /* an option may be of the program */
	struct editor_choices *choices;
	size_t shared; /* bytes that all choices begin with, once there are
			* too many */
	int code;
};

static const struct option_row *
option_named(const struct command *command, const char *word)
{
	const struct option_row *option;

	for (size_t i = 0; (option = cli_option_at(i)); i++)
		if (cli_takes(command, i) && !strcmp(option->name, word))
			return option;
	return NULL;
}

/* The command's word at the place is a VALUE, or one comes right behind. */
static bool
value_is_near(const struct place *place)
{
	char name[CLI_WORD_MAX];

	return cli_word(place->command, place->index, name) &&
	       !strcmp(name, "VALUE");
}

static void
pass_word(struct place *place, const char *word)
{
	if (place->option) {
		place->option = NULL;
	} else if (!place->options_ended && !strcmp(word, "--")) {
		place->options_ended = true;
	} else if (!place->options_ended && !strncmp(word, "--", 2)) {
		const struct option_row *option =
			option_named(place->command, word);

		place->option = option && option->word ? option : NULL;
	} else {
		place->index += !cli_repeats(place->command, place->index);
		place->previous = word;
		place->options_ended =
			place->options_ended || value_is_near(place);
	}
}

/*
 * The option of the program that a word is; null: none, or letters that take
 * no word. @glued is the option's own word if that stands behind it in the
 * same one (--use=STORE, -uSTORE), else null.
 */
static const struct program_option *
find_program_option(const char *word, const char **glued)
{
	const struct program_option *option;

	if (word[1] == '-') {
		*glued = strchr(word, '=');
		if (*glued)
			++*glued;
		return options_find(word);
	}
	do
		option = *++word ? options_find_letter(*word) : NULL;
	while (option && !option->word);
	*glued = option && word[1] ? word + 1 : NULL;
	return option;
}

static void
apply_program_option(
	struct cli *cli, const struct program_option *option, const char *word)
{
	if (option->letter == 'u')
		cli_select(cli, word);
	else if (!strcmp(option->name, "--prefix"))
		cli->prefix = word;
	else if (!strcmp(option->name, "--any-owner"))
		cli->any_owner = true;
}

/* Of a shell's line: what stands before the command. Returns where that is. */
static size_t
pass_program(struct place *place, size_t last)
{
	size_t i;

	for (i = 1; i < last; i++) {
		const char *word = place->words.all[i];
		const struct program_option *option = place->program;

		if (!option && (*word != '-' || !word[1]))
			break;
		if (!option && !strcmp(word, "--")) {
			place->in_options = false;
			return i + 1;
		}
		place->program = NULL;
		if (!option) {
			option = find_program_option(word, &word);
			if (option && option->word && !word) {
				place->program = option;
				continue;
			}
		}
		if (option)
			apply_program_option(place->cli, option, word);
	}
	return i;
}

/* Of a shell's line: an option being typed together with its word. */
static void
unglue(struct place *place)
{
	const struct program_option *option;
	const char *glued;

	if (place->program || *place->word != '-')
		return;
	option = find_program_option(place->word, &glued);
	if (!option || !option->word || !glued)
		return;
	place->program = option;
	place->glued = (size_t)(glued - place->word);
	place->word = glued;
}

/* Whether what is typed next is part of a comment. */
static bool
in_comment(const char *line, size_t cursor)
{
	struct words words = {0};
	char *longer = malloc(cursor + 1);
	bool comment = false;

	if (longer) {
		memcpy(longer, line, cursor);
		longer[cursor] = '.';
		comment = !words_split_partly(&words, longer, cursor + 1) &&
			  !*words.all[words.count - 1];
	}
	words_free(&words);
	free(longer);
	return comment;
}

/* false: no memory. place_free() is due in any case. */
static bool
find_place(struct place *place, struct cli *cli, const char *line,
	size_t cursor, bool in_shell)
{
	size_t first = 0;

	*place = (struct place){.cli = cli};
	if (words_split_partly(&place->words, line, cursor))
		return false;
	size_t last = place->words.count - 1;
	place->word = place->words.all[last];
	if (!*place->word && in_comment(line, cursor))
		return true;
	place->in_options = in_shell;
	if (in_shell)
		first = pass_program(place, last);
	place->in_options = place->in_options && first == last;
	if (place->in_options)
		unglue(place);
	if (first < last)
		place->command = cli_command_find(place->words.all[first]);
	for (size_t i = first + 1; place->command && i < last; i++)
		pass_word(place, place->words.all[i]);
	place->is_first = first == last;
	return true;
}

static void
place_free(struct place *place)
{
	words_free(&place->words);
}

/* --- Candidates --------------------------------------------------------- */

/* Characters, and none that would control the terminal. */
static bool
is_typeable(const char *text)
{
	if (!text_is_utf8(text, strlen(text)))
		return false;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		/* ECMA-48's C1, U+0080 to U+009F in UTF-8. */
		if (c < ' ' || c == 0x7f ||
			(c == 0xc2 && (unsigned char)text[1] < 0xa0))
			return false;
	}
	return true;
}

static bool
make_choice(const struct place *place, struct editor_choice *choice,
	const char *text)
{
	size_t size = strlen(text) + 1;

	choice->text = NULL;
	choice->shown = malloc(place->glued + size);
	if (choice->shown) {
		memcpy(choice->shown, place->word - place->glued, place->glued);
		memcpy(choice->shown + place->glued, text, size);
		choice->text = words_quote(choice->shown);
	}
	if (choice->text)
		return true;
	free(choice->shown);
	return false;
}

static size_t
shared_len(const char *a, const char *b)
{
	size_t len = 0;

	while (a[len] && a[len] == b[len])
		len++;
	return len;
}

/*
 * One choice too many. What all have in common is inserted, so the choices
 * that are kept must not have more in common than all: one that has less
 * than those before takes the last one's place.
 */
static bool
pass_over(struct place *place, const char *text)
{
	struct editor_choices *choices = place->choices;
	const char *first = choices->all[0].shown + place->glued;
	size_t shared = shared_len(first, text);
	struct editor_choice other;

	if (choices->more && shared >= place->shared)
		return true;
	for (size_t i = 1; !choices->more && i < choices->count; i++) {
		size_t own =
			shared_len(first, choices->all[i].shown + place->glued);

		if (i == 1 || own < place->shared)
			place->shared = own;
	}
	choices->more = true;
	if (shared >= place->shared)
		return true;
	if (!make_choice(place, &other, text))
		return false;
	place->shared = shared;
	free(choices->all[CHOICES_MAX - 1].text);
	free(choices->all[CHOICES_MAX - 1].shown);
	choices->all[CHOICES_MAX - 1] = other;
	return true;
}

/* false: no memory for more. */
static bool
offer(struct place *place, const char *text)
{
	struct editor_choices *choices = place->choices;

	if (!text || !*text ||
		strncmp(text, place->word, strlen(place->word)) != 0 ||
		!is_typeable(text))
		return true;
	if (choices->count == CHOICES_MAX)
		return pass_over(place, text);
	struct editor_choice *all = realloc(
		choices->all, (choices->count + 1) * sizeof(*choices->all));
	if (all)
		choices->all = all;
	if (!all || !make_choice(place, &all[choices->count], text)) {
		place->code = -ENOMEM;
		return false;
	}
	choices->count++;
	return true;
}

/* The same for what would be taken for an option where those may be. */
static bool
offer_word(struct place *place, const char *text)
{
	bool is_option = !strncmp(text, "--", 2);

	if (is_option && !place->program && !place->options_ended)
		return true;
	return offer(place, text);
}

static void
offer_commands(struct place *place)
{
	const struct command *command;

	for (size_t i = 0; (command = cli_command_at(i)); i++)
		offer(place, command->name);
	/* An alias only when it is being typed. */
	for (size_t i = 0; *place->word && (command = cli_command_at(i)); i++)
		offer(place, command->alias);
}

static void
offer_options(struct place *place)
{
	const struct option_row *option;

	for (size_t i = 0; (option = cli_option_at(i)); i++)
		if (cli_takes(place->command, i))
			offer(place, option->name);
}

static bool
offer_store(void *context, const char *name, spl_store *store)
{
	(void)store;
	return offer_word(context, name);
}

/* A store that cannot be opened has no keys to offer. */
static bool
open_quietly(struct cli *cli)
{
	struct spl_options options;

	cli_open_options(cli, false, &options);
	return cli->store ||
	       (cli->store_name &&
		       spl_open(cli->store_name, &options, &cli->store) >= 0);
}

static void
offer_program_options(struct place *place)
{
	const struct program_option *option;

	for (size_t i = 0; (option = options_at(i)); i++)
		offer(place, option->name);
}

static void
offer_keys(struct place *place)
{
	struct cli *cli = place->cli;
	size_t prefix_len = strlen(cli->prefix);
	struct spl_key_stat stat;
	char prefix[2 * sizeof(stat.key)];
	spl_list *list;
	int rc;

	if (prefix_len + strlen(place->word) >= sizeof(prefix) ||
		!open_quietly(cli))
		return;
	snprintf(prefix, sizeof(prefix), "%s%s", cli->prefix, place->word);
	if (spl_list_begin(cli->store, prefix, NULL, &list) < 0)
		return;
	while ((rc = spl_list_next(list, &stat)))
		if (rc > 0 && !offer_word(place, stat.key + prefix_len))
			break;
	spl_list_end(list);
}

static void
offer_settings(struct place *place)
{
	const char *name;

	offer(place, "av");
	for (size_t i = 0; (name = cli_setting_at(i)); i++)
		offer(place, name);
}

/* What "config av" takes; other settings take nothing. */
static void
offer_switch(struct place *place)
{
	if (strcmp(place->previous, "av") != 0 &&
		strcmp(place->previous, "auto_vacuum") != 0)
		return;
	offer(place, "0");
	offer(place, "1");
}

static void
offer_policies(struct place *place)
{
	const char *name;

	for (size_t i = 0; (name = cli_policy_at(i)); i++)
		offer(place, name);
}

/* What may stand where the synopsis has this word. */
static void
offer_for(struct place *place, const char *name)
{
	size_t foreign;

	if (!strcmp(name, "KEY"))
		offer_keys(place);
	else if (!strcmp(name, "STORE"))
		cli_each_store(
			place->cli, place->word, offer_store, place, &foreign);
	else if (!strcmp(name, "SETTING"))
		offer_settings(place);
	else if (!strcmp(name, "0|1"))
		offer_switch(place);
	else if (!strcmp(name, "COMMAND") && !strcmp(place->previous, "ext"))
		offer_commands(place);
	if (!strcmp(name, "ext")) {
		offer_commands(place);
		offer(place, "ext");
	}
}

static int
compare(const void *left, const void *right)
{
	const struct editor_choice *a = left;
	const struct editor_choice *b = right;

	return strcmp(a->shown, b->shown);
}

static void
offer_all(struct place *place)
{
	char name[CLI_WORD_MAX];

	if (place->program && !strcmp(place->program->word, "SHELL")) {
		offer(place, "bash");
		offer(place, "zsh");
		offer(place, "fish");
	} else if (place->program) {
		offer_for(place, place->program->word);
	} else if (place->in_options && *place->word == '-') {
		offer_program_options(place);
	} else if (place->is_first) {
		offer_commands(place);
	} else if (place->option) {
		if (!strcmp(place->option->word, "POLICY"))
			offer_policies(place);
	} else if (!place->command) {
		return;
	} else {
		if (!place->options_ended && *place->word == '-')
			offer_options(place);
		if (cli_word(place->command, place->index, name))
			offer_for(place, name);
	}
}

static int
complete(struct place *place, struct editor_choices *choices)
{
	place->choices = choices;
	choices->start = place->words.at;
	offer_all(place);
	if (choices->count)
		qsort(choices->all, choices->count, sizeof(*choices->all),
			compare);
	return place->code;
}

int
complete_line(void *context, const char *line, size_t cursor,
	struct editor_choices *choices)
{
	struct place place;
	int rc = -ENOMEM;

	*choices = (struct editor_choices){0};
	if (find_place(&place, context, line, cursor, false))
		rc = complete(&place, choices);
	place_free(&place);
	return rc;
}

/* What the tables say of a choice; "" for names of stores and keys. */
static const char *
summary_of(const struct place *place, const char *shown)
{
	const struct option_row *option = NULL;
	const struct program_option *program = NULL;
	const struct command *command = NULL;

	if (place->program)
		return "";
	if (place->is_first)
		program = options_find(shown);
	else if (!place->options_ended)
		option = option_named(place->command, shown);
	if (place->is_first || place->command->run == cmd_help)
		command = cli_command_find(shown);
	if (program)
		return program->summary;
	if (option)
		return option->summary;
	return command ? command->summary : "";
}

int
complete_for_shell(struct cli *cli, const char *line)
{
	struct editor_choices choices = {0};
	struct place place;
	int rc = -ENOMEM;

	if (find_place(&place, cli, line, strlen(line), true))
		rc = complete(&place, &choices);
	for (size_t i = 0; i < choices.count; i++)
		printf("%s\t%s\n", choices.all[i].text,
			summary_of(&place, choices.all[i].shown));
	editor_choices_free(&choices);
	place_free(&place);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* --- Hints -------------------------------------------------------------- */

/* What is left of a synopsis behind @index words. */
static void
write_hint(char *hint, const struct place *place, int index)
{
	const char *text = cli_words_from(place->command, index);

	snprintf(hint, CLI_SYNOPSIS_MAX, "%s", text ? text : "");
}

const char *
complete_hint(void *context, const char *line, size_t cursor)
{
	static char hint[CLI_SYNOPSIS_MAX];
	struct place place;

	hint[0] = '\0';
	if (find_place(&place, context, line, cursor, false)) {
		if (place.option)
			snprintf(hint, sizeof(hint), "%s", place.option->word);
		else if (place.command && !*place.word)
			write_hint(hint, &place, place.index);
		else if (place.command)
			write_hint(hint, &place, place.index + 1);
		else if (place.is_first &&
			 (place.command = cli_command_find(place.word)))
			write_hint(hint, &place, 0);
	}
	place_free(&place);
	return hint;
}
