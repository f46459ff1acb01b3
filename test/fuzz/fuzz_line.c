/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_line.c - lines of commands, all the way through: as a script, at the
 * prompt without a terminal, as the program's own words, and unfinished, to
 * be completed.
 *
 * The input is text. Its first line has letters: j --json, a --any-owner,
 * n --prefix ns:, x a prefix of 62 bytes, u no store selected,
 * p prompt, o one command a line, else a script. The others are the lines.
 *
 * Whatever a line names, nothing is touched that was there before: names of
 * stores get ours in front where they leave the program (link with --wrap for
 * spl_create, spl_open, spl_destroy and stat); files stay small; @FILE and
 * waiting are tamed in lines.c; there is no history file.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "complete.h"
#include "fuzz.h"
#include "lines.h"
#include "reference.h"
#include "spl.h"
#include "words.h"

#define PROGRAM "splinter_cli"

/* A line is completed at this many places of it. */
enum { PLACES = 8, FILE_MAX = 16 << 20 };

/* --- Stores of our own -------------------------------------------------- */

int __real_spl_create(
	const char *name, const struct spl_options *options, spl_store **out);
int __wrap_spl_create(
	const char *name, const struct spl_options *options, spl_store **out);
int __real_spl_open(
	const char *name, const struct spl_options *options, spl_store **out);
int __wrap_spl_open(
	const char *name, const struct spl_options *options, spl_store **out);
int __real_spl_destroy(const char *name, uint32_t kind);
int __wrap_spl_destroy(const char *name, uint32_t kind);
int __real_stat(const char *path, struct stat *status);
int __wrap_stat(const char *path, struct stat *status);

/* What the name of each begins with, and those that a run has made. */
static char own[48];
static char *made[256];
static size_t made_count;

/* The name with ours in front. Names that no store can have stay. */
static char *
own_name(const char *name)
{
	bool keep = !*name || strchr(name, '/') || !strcmp(name, ".") ||
		    !strcmp(name, "..") || !strncmp(name, own, strlen(own));
	char *text;

	EXPECT(asprintf(&text, "%s%s", keep ? "" : own, name) >= 0);
	return text;
}

int
__wrap_spl_create(
	const char *name, const struct spl_options *options, spl_store **out)
{
	char *text = own_name(name);

	EXPECT(options->kind == SPL_MEMORY);
	int rc = __real_spl_create(text, options, out);
	if (rc < 0) {
		free(text);
		return rc;
	}
	EXPECT(made_count < sizeof(made) / sizeof(made[0]));
	made[made_count++] = text;
	return rc;
}

int
__wrap_spl_open(
	const char *name, const struct spl_options *options, spl_store **out)
{
	char *text = own_name(name);

	/* No file is within reach, wherever `copy` is to go. */
	if (options->kind != SPL_MEMORY) {
		free(text);
		return -ENOENT;
	}
	int rc = __real_spl_open(text, options, out);
	free(text);
	return rc;
}

int
__wrap_spl_destroy(const char *name, uint32_t kind)
{
	char *text = own_name(name);

	EXPECT(kind == SPL_MEMORY);
	int rc = __real_spl_destroy(text, kind);
	free(text);
	return rc;
}

/* Whether an open store still has its name is asked of the system. */
int
__wrap_stat(const char *path, struct stat *status)
{
	static const char dir[] = "/dev/shm/";
	char *name = NULL;
	char *text = NULL;

	if (!strncmp(path, dir, sizeof(dir) - 1)) {
		name = own_name(path + sizeof(dir) - 1);
		EXPECT(asprintf(&text, "%s%s", dir, name) >= 0);
	}
	int rc = __real_stat(text ? text : path, status);
	int code = errno;
	free(text);
	free(name);
	errno = code;
	return rc;
}

static void
remove_stores(void)
{
	while (made_count) {
		__real_spl_destroy(made[--made_count], SPL_MEMORY);
		free(made[made_count]);
	}
}

static void
make_store(void)
{
	static const char *const keys[] = {
		"foo", "number", "ns:x", "a b", "it's", "\033[2J", "\377\376"};
	struct spl_options options;
	spl_store *store;

	spl_options_init(&options);
	options.slots = 8;
	options.max_value = 100;
	options.writers = 4;
	EXPECT(!spl_create("main", &options, &store));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EXPECT(spl_set(store, keys[i], keys[i], strlen(keys[i])) >= 0);
	EXPECT(spl_set(store, "number", "41", 2) >= 0);
	spl_close(store);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("SPLINTER_FUZZ_NAME");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)argc;
	(void)argv;
	if (name)
		snprintf(own, sizeof(own), "%s.", name);
	else
		snprintf(
			own, sizeof(own), "splinter_fuzz_%ld.", (long)getpid());
	/* No terminal, and nothing to read. */
	EXPECT(null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1);
	close(null);
	setlocale(LC_CTYPE, "C.UTF-8");
	unsetenv("HOME");
	return 0;
}

/* libFuzzer takes this signal for itself after LLVMFuzzerInitialize(). */
static void
limit_files(void)
{
	const struct rlimit limit = {
		.rlim_cur = FILE_MAX, .rlim_max = FILE_MAX};

	signal(SIGXFSZ, SIG_IGN);
	EXPECT(!setrlimit(RLIMIT_FSIZE, &limit));
}

/* --- A run of the program ----------------------------------------------- */

static bool
has_letter(const char *letters, char letter)
{
	return strchr(letters, letter);
}

static void
begin(struct cli *cli, const char *letters)
{
	static const char long_prefix[] =
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

	*cli = (struct cli){
		.program = PROGRAM,
		.run = PROGRAM " ",
		.kind = SPL_MEMORY,
		.json = has_letter(letters, 'j'),
		.any_owner = has_letter(letters, 'a'),
		.history_len = "10",
		.prefix = has_letter(letters, 'x')   ? long_prefix
			  : has_letter(letters, 'n') ? "ns:"
						     : "",
	};
	if (!has_letter(letters, 'u'))
		EXPECT(!cli_select(cli, "main"));
}

static void
end(struct cli *cli)
{
	cli_end_history(cli);
	cli_release(cli);
}

/* The program finds our names wherever it looks for them. */
static void
check_names(void)
{
	static const struct command itself = {.name = "use"};
	const struct call call = {.command = &itself};
	struct cli cli;

	begin(&cli, "");
	make_store();
	EXPECT(!cli_need(&cli, &call, ACCESS_WRITE));
	EXPECT(!cli_store_is_removed(&cli));
	remove_stores();
	EXPECT(cli_store_is_removed(&cli));
	end(&cli);
}

#define TOP "\"elapsed_s\":"

static void
expect_json(const char *text, size_t len)
{
	struct reference_object object;
	const char *line_end;

	for (; len; len -= (size_t)(line_end + 1 - text), text = line_end + 1) {
		line_end = memchr(text, '\n', len);
		EXPECT(line_end);
		size_t line_len = (size_t)(line_end - text);
		/* Nested, and with fractions; the tests of top parse that. */
		if (memmem(text, line_len, TOP, sizeof TOP - 1))
			continue;
		EXPECT(reference_parse(&object, text, line_len));
		reference_free(&object);
	}
}

/* Whatever fails says so, last, as the program, and fit for a terminal. */
static void
expect_said(const struct fuzz_capture *err, int status, const char *beginning)
{
	EXPECT(status >= EXIT_DONE && status <= EXIT_USAGE);
	EXPECT(reference_is_shown(err->text, err->len, true));
	EXPECT(!err->len || err->text[err->len - 1] == '\n');
	if (!status)
		return;
	EXPECT(err->len);
	const char *last = err->text + err->len - 1;
	while (last > err->text && last[-1] != '\n')
		last--;
	EXPECT(!strncmp(last, beginning, strlen(beginning)));
}

/* From stdin on: until a command of the script fails, or to the end. */
static void
run_stdin(struct cli *cli, bool prompt)
{
	struct fuzz_capture out;
	struct fuzz_capture err;

	fuzz_capture_begin(&out, &stdout);
	fuzz_capture_begin(&err, &stderr);
	int status = prompt ? cli_prompt(cli) : cli_script(cli);
	fuzz_capture_end(&err);
	fuzz_capture_end(&out);
	/* At the prompt a mistake ends nothing. */
	EXPECT(!prompt || status == EXIT_DONE);
	expect_said(&err, status, PROGRAM ": line ");
	if (cli->json && !prompt)
		expect_json(out.text, out.len);
	free(err.text);
	free(out.text);
}

/* Each line: where one script ends, the next goes on. */
static void
run_lines(const char *letters, char *input, size_t len)
{
	FILE *former = stdin;
	struct sigaction interrupt;
	struct cli cli;

	begin(&cli, letters);
	stdin = fmemopen(input, len, "r");
	EXPECT(stdin);
	sigaction(SIGINT, NULL, &interrupt);
	for (int c; (c = getc(stdin)) != EOF; cli.leaving = false) {
		ungetc(c, stdin);
		run_stdin(&cli, has_letter(letters, 'p'));
	}
	sigaction(SIGINT, &interrupt, NULL);
	fclose(stdin);
	stdin = former;
	end(&cli);
}

/* The line is the program's own words. */
static void
run_alone(const char *letters, const char *line)
{
	struct words words = {0};
	struct fuzz_capture out;
	struct fuzz_capture err;
	struct cli cli;
	int status = EXIT_DONE;

	begin(&cli, letters);
	fuzz_capture_begin(&out, &stdout);
	fuzz_capture_begin(&err, &stderr);
	if (!words_split(&words, line, strlen(line)) && words.count)
		status = cli_run(&cli, (int)words.count, words.all);
	words_free(&words);
	end(&cli);
	fuzz_capture_end(&err);
	fuzz_capture_end(&out);
	expect_said(&err, status, PROGRAM ": ");
	EXPECT(status != EXIT_USAGE || !out.len);
	if (cli.json)
		expect_json(out.text, out.len);
	free(err.text);
	free(out.text);
}

/* --- Completing --------------------------------------------------------- */

/* With the choice in it, the line has the choice as its last word. */
static void
expect_choice(const char *line, size_t cursor,
	const struct editor_choices *choices,
	const struct editor_choice *choice)
{
	struct words before = {0};
	struct words after = {0};
	char *text;
	int len = asprintf(
		&text, "%.*s%s", (int)choices->start, line, choice->text);

	EXPECT(len >= 0);
	EXPECT(!words_split_partly(&before, line, cursor));
	EXPECT(!words_split_partly(&after, text, (size_t)len));
	EXPECT(after.count == before.count);
	EXPECT(!strcmp(after.all[after.count - 1], choice->shown));
	EXPECT(!strncmp(choice->shown, before.all[before.count - 1],
		strlen(before.all[before.count - 1])));
	words_free(&after);
	words_free(&before);
	free(text);
}

static void
complete_at(struct cli *cli, const char *line, size_t cursor)
{
	struct editor_choices choices;
	int rc = complete_line(cli, line, cursor, &choices);

	EXPECT(rc <= 0 && choices.start <= cursor);
	for (size_t i = 0; i < choices.count; i++) {
		expect_choice(line, cursor, &choices, &choices.all[i]);
		EXPECT(!i || strcmp(choices.all[i - 1].shown,
				     choices.all[i].shown) < 0);
	}
	editor_choices_free(&choices);
	const char *hint = complete_hint(cli, line, cursor);
	EXPECT(hint && reference_is_shown(hint, strlen(hint), false));
}

/* A choice a line: one quoted word, a tab, what it means. */
static void
expect_shell_line(const char *line, size_t len)
{
	const char *tab = memchr(line, '\t', len);
	struct words words = {0};

	EXPECT(tab);
	EXPECT(!words_split(&words, line, (size_t)(tab - line)));
	EXPECT(words.count == 1);
	words_free(&words);
}

static void
complete_in_shell(const char *letters, const char *line)
{
	struct fuzz_capture out;
	struct cli cli;
	char *text;

	EXPECT(asprintf(&text, PROGRAM " %s", line) >= 0);
	begin(&cli, letters);
	fuzz_capture_begin(&out, &stdout);
	int status = complete_for_shell(&cli, text);
	end(&cli);
	fuzz_capture_end(&out);
	EXPECT(status == EXIT_DONE);
	for (size_t at = 0; at < out.len;) {
		size_t len = strcspn(out.text + at, "\n");

		EXPECT(at + len < out.len);
		expect_shell_line(out.text + at, len);
		at += len + 1;
	}
	free(out.text);
	free(text);
}

static void
complete(const char *letters, const char *line)
{
	size_t len = strlen(line);
	size_t step = len / PLACES + 1;
	struct cli cli;

	begin(&cli, letters);
	for (size_t at = 0; at <= len; at += step) {
		/* Nothing behind the cursor is to be read. */
		char *prefix = fuzz_copy(line, at);

		complete_at(&cli, prefix, at);
		free(prefix);
	}
	complete_at(&cli, line, len);
	end(&cli);
	complete_in_shell(letters, line);
}

/* --- The input ---------------------------------------------------------- */

/* A line of the input: tamed, and run alone or with all others. */
static void
take_line(const char *letters, const char *bytes, size_t len, FILE *input)
{
	char *line = fuzz_string(bytes, len);
	char *tamed = lines_tame(line);

	if (has_letter(letters, 'o'))
		run_alone(letters, tamed);
	if (strlen(line) == len)
		fputs(tamed, input);
	else
		/* With its NUL bytes it is refused. */
		fwrite(bytes, 1, len, input);
	fputc('\n', input);
	free(tamed);
	free(line);
}

/* Completing takes longer than running, so only one of the lines is. */
static void
complete_last(const char *letters, const char *bytes, size_t len)
{
	char *line = fuzz_string(bytes, len);

	complete(letters, line);
	free(line);
}

static void
run(const char *letters, const char *bytes, size_t size)
{
	char *input = NULL;
	size_t len;
	FILE *file = open_memstream(&input, &len);

	EXPECT(file);
	make_store();
	while (size) {
		const char *line_end = memchr(bytes, '\n', size);
		size_t used = line_end ? (size_t)(line_end - bytes) : size;

		take_line(letters, bytes, used, file);
		if (used + 1 >= size)
			complete_last(letters, bytes, used);
		used += line_end != NULL;
		bytes += used;
		size -= used;
	}
	fclose(file);
	if (!has_letter(letters, 'o') && len)
		run_lines(letters, input, len);
	free(input);
	remove_stores();
}

static int
lowest_free(void)
{
	int fd = dup(0);

	EXPECT(fd >= 0);
	close(fd);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	const char *line_end = size ? memchr(bytes, '\n', size) : NULL;
	size_t first = line_end ? (size_t)(line_end - bytes) : 0;
	char *letters = fuzz_string(bytes, first);
	static bool again;

	if (!again) {
		limit_files();
		check_names();
	}
	again = true;
	int lowest = lowest_free();
	run(letters, bytes + first + !!line_end, size - first - !!line_end);
	free(letters);
	/* All that was opened is closed. */
	EXPECT(lowest_free() == lowest);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	return seed % 3 ? lines_mutate(data, size, max_size, seed)
			: LLVMFuzzerMutate(data, size, max_size);
}
