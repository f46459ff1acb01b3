/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - every sentence about a failure of the library, in one table.
 *
 * A row says what was being done, which error came, when else it applies,
 * and the sentence; the first row that fits is used. {names} in a sentence
 * are filled in from the failure and from the store.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "text.h"
#include "words.h"

#define SHM "/dev/shm"

/* A failure with what was found out about it on the way to a sentence. */
struct context {
	const struct cli *cli;
	const struct failure *failure;
	struct spl_store_stat stat; /* zeroes when no store is open */
};

struct row {
	enum doing doing;
	int code; /* 0: every other */
	bool (*when)(const struct context *context); /* null: always */
	const char *text;
};

static bool
in_memory(const struct context *context)
{
	return context->cli->kind == SPL_MEMORY;
}

static bool
no_shm(const struct context *context)
{
	struct stat st;

	return in_memory(context) && stat(SHM, &st) && errno == ENOENT;
}

/* Creating, and opening for writing, go through /proc/self/fd. */
static bool
no_proc(const struct context *context)
{
	struct stat st;

	(void)context;
	return stat("/proc/self/fd", &st) && errno == ENOENT;
}

/* How a read-only open of the store ends: is it one, may it be read? */
static int
try_read(const struct context *context)
{
	struct spl_options options;
	spl_store *store;

	cli_open_options(context->cli, false, &options);
	int rc = spl_open(context->failure->store, &options, &store);
	if (rc >= 0)
		spl_close(store);
	return rc;
}

static bool
readable(const struct context *context)
{
	return try_read(context) >= 0;
}

static bool
belongs_to_another(const struct context *context)
{
	return !context->cli->any_owner && try_read(context) == -EPERM;
}

/* Also a store that cannot be opened is one, and must not be overwritten. */
static bool
is_store(const struct context *context)
{
	int rc = try_read(context);

	return rc >= 0 || rc == -EPERM || rc == -EACCES ||
	       rc == -EPROTONOSUPPORT;
}

static bool
bad_name(const struct context *context)
{
	const char *name = context->failure->store;

	if (!in_memory(context))
		return !*name;
	return !*name || strchr(name, '/') || !strcmp(name, ".") ||
	       !strcmp(name, "..");
}

static bool
bad_name_in_memory(const struct context *context)
{
	return in_memory(context) && bad_name(context);
}

static bool
all_slots_taken(const struct context *context)
{
	return context->stat.keys >= context->stat.slots;
}

static bool
all_writers_taken(const struct context *context)
{
	return context->stat.writers_owned >= context->stat.writers;
}

static bool
only_reads(const struct context *context)
{
	const struct command *command =
		cli_command_find(context->failure->command);

	return command && command->access != ACCESS_WRITE &&
	       !context->failure->changing;
}

static bool
pid_known(const struct context *context)
{
	return context->failure->busy_pid > 0;
}

static bool
key_is_absent(const struct context *context)
{
	return !context->failure->epoch;
}

static bool
has_key(const struct context *context)
{
	return context->failure->key && *context->failure->key;
}

static bool
len_unknown(const struct context *context)
{
	return !context->failure->value_len;
}

/* clang-format off */
static const struct row rows[] = {
	{ DOING_CREATE, EEXIST, belongs_to_another,
	  "{cmd}: '{path}' exists already and belongs to another user: choose "
	  "another name" },
	{ DOING_CREATE, EEXIST, is_store,
	  "{cmd}: store '{store}' exists already: use it with '{use}', or "
	  "remove it with '{run}destroy {arg}'" },
	{ DOING_CREATE, EEXIST, NULL,
	  "{cmd}: '{path}' exists already and is no store: "
	  "choose another name" },
	{ DOING_CREATE, EINVAL, bad_name_in_memory,
	  "{cmd}: '{store}' cannot name a store in memory: use a plain name "
	  "without '/', or {files} for a store in a file" },
	{ DOING_CREATE, EINVAL, bad_name,
	  "{cmd}: '{store}' cannot name a store: give the path of a file" },
	{ DOING_CREATE, EINVAL, NULL,
	  "{cmd}: {slots} slots of {max} bytes are more than a store can "
	  "have: choose fewer slots or smaller values" },
	{ DOING_CREATE, ENOENT, no_proc,
	  "{cmd}: cannot create store '{store}', /proc is missing: mount it "
	  "with 'mount -t proc proc /proc'" },
	{ DOING_CREATE, EMFILE, NULL,
	  "{cmd}: cannot create store '{store}', too many files are open: "
	  "raise 'ulimit -n'" },
	{ DOING_CREATE, ENOENT, in_memory,
	  "{cmd}: cannot create store '{store}', " SHM " is missing: mount "
	  "it with 'mount -t tmpfs tmpfs " SHM "', or use {files} for a "
	  "store in a file" },
	{ DOING_CREATE, ENOENT, NULL,
	  "{cmd}: cannot create '{path}', its directory is missing: make it "
	  "with mkdir" },
	{ DOING_CREATE, ENOSPC, in_memory,
	  "{cmd}: store '{store}' does not fit into " SHM ": choose fewer "
	  "slots or smaller values, or free some ('df -h " SHM "' shows what "
	  "is left)" },
	{ DOING_CREATE, ENOSPC, NULL,
	  "{cmd}: store '{store}' does not fit onto the disk: choose fewer "
	  "slots or smaller values, or free some ('df -h' shows what is "
	  "left)" },
	{ DOING_CREATE, EFBIG, NULL,
	  "{cmd}: {slots} slots of {max} bytes are more than the file system "
	  "or 'ulimit -f' allows: choose fewer slots or smaller values" },
	{ DOING_CREATE, EOPNOTSUPP, NULL,
	  "{cmd}: the file system of '{path}' cannot reserve space: choose a "
	  "directory on another" },
	{ DOING_CREATE, EACCES, NULL,
	  "{cmd}: no permission to create '{path}': choose a directory that "
	  "you may write to" },
	{ DOING_CREATE, EPERM, NULL,
	  "{cmd}: creating '{path}' is not permitted, as 'lsattr' may show: "
	  "choose another directory" },
	{ DOING_CREATE, EROFS, NULL,
	  "{cmd}: cannot create '{path}', its file system is read-only: "
	  "choose another directory" },

	{ DOING_DESTROY, ENOENT, no_shm,
	  "{cmd}: no store '{store}', " SHM " is missing: there is nothing "
	  "to remove" },
	{ DOING_DESTROY, ENOENT, NULL,
	  "{cmd}: no store '{store}': '{run}stores' lists those there "
	  "are" },
	{ DOING_DESTROY, EBADMSG, NULL,
	  "{cmd}: '{path}' is no store, so it was left alone: remove it with "
	  "'rm {patharg}' if you mean it" },
	{ DOING_DESTROY, EACCES, NULL,
	  "{cmd}: no permission to remove store '{store}': ask its owner, or "
	  "the owner of its directory" },
	{ DOING_DESTROY, EPERM, belongs_to_another,
	  "{cmd}: store '{store}' belongs to another user: its owner can "
	  "remove it; if you mean it and may, 'rm {patharg}' does" },
	{ DOING_DESTROY, EPERM, NULL,
	  "{cmd}: removing '{path}' is not permitted, as 'lsattr' may show" },
	{ DOING_DESTROY, EROFS, NULL,
	  "{cmd}: cannot remove store '{store}', its file system is "
	  "read-only: remount it writable" },

	{ DOING_OPEN_AGAIN, ENOENT, NULL,
	  "{cmd}: store '{store}' was removed meanwhile: create it again with "
	  "'{run}init {arg}', or select another with '{run}use STORE'" },

	{ DOING_OPEN, EINTR, NULL,
	  "interrupted: try again" },
	{ DOING_OPEN, ENOENT, no_shm,
	  "no store '{store}', " SHM " is missing: mount it with "
	  "'mount -t tmpfs tmpfs " SHM "', or use {files} for a store "
	  "in a file" },
	{ DOING_OPEN, ENOENT, no_proc,
	  "cannot open store '{store}' for writing, /proc is missing: mount "
	  "it with 'mount -t proc proc /proc'" },
	{ DOING_OPEN, EMFILE, NULL,
	  "cannot open store '{store}', too many files are open: raise "
	  "'ulimit -n'" },
	{ DOING_OPEN, ENOENT, NULL,
	  "no store '{store}': create it with '{run}init {arg}'" },
	{ DOING_OPEN, EINVAL, in_memory,
	  "'{store}' cannot name a store in memory: use a plain name without "
	  "'/', or {files} for a store in a file" },
	{ DOING_OPEN, EINVAL, NULL,
	  "'{store}' cannot name a store: give the path of a file" },
	{ DOING_OPEN, ENAMETOOLONG, NULL,
	  "'{store}' cannot name a store, {storelen} bytes are too long: "
	  "choose a shorter name" },
	{ DOING_OPEN, ELOOP, NULL,
	  "'{path}' is a symbolic link, which is never followed: name the "
	  "store itself" },
	{ DOING_OPEN, EISDIR, NULL,
	  "'{path}' is a directory, not a store: choose another name" },
	{ DOING_OPEN, ENXIO, NULL,
	  "'{path}' is not a regular file, so it is no store: choose another "
	  "name" },
	{ DOING_OPEN, ENOTDIR, NULL,
	  "'{path}' leads through something that is no directory: correct "
	  "the path" },
	{ DOING_OPEN, EPERM, NULL,
	  "store '{store}' belongs to another user, who could change it "
	  "under you: run {prog} as its owner, or with --any-owner if "
	  "you trust him" },
	{ DOING_OPEN, EACCES, readable,
	  "no permission to write to store '{store}': get, head, list, "
	  "config, watch and top still work; its owner can allow more with "
	  "'chmod'" },
	{ DOING_OPEN, EACCES, NULL,
	  "no permission to open store '{store}': ask its owner to allow it "
	  "with 'chmod'" },
	{ DOING_OPEN, EROFS, NULL,
	  "store '{store}' is on a read-only file system: get, head, list, "
	  "config, watch and top still work; remount it to write" },
	{ DOING_OPEN, EBADMSG, NULL,
	  "'{path}' is no store, or a damaged one: choose another name; "
	  "'{run}destroy {arg}' removes a damaged store, 'rm' what is "
	  "none" },
	{ DOING_OPEN, EPROTONOSUPPORT, NULL,
	  "store '{store}' has another layout version or byte order than "
	  "{prog} {version}: use the version that made it, or remove it with "
	  "'rm {patharg}' and create it again" },
	{ DOING_OPEN, ENOMEM, NULL,
	  "no memory to map store '{store}': free some, or raise "
	  "'ulimit -v'" },
	{ DOING_OPEN, 0, NULL,
	  "cannot open store '{store}': {error}: check '{path}'" },

	{ DOING_VACUUM, EAGAIN, pid_known,
	  "{cmd}: process {pid} keeps a writer entry of store '{store}' "
	  "busy, so old bytes may be left: continue or end it, then try "
	  "again" },
	{ DOING_VACUUM, EAGAIN, NULL,
	  "{cmd}: a process keeps a writer entry of store '{store}' busy, so "
	  "old bytes may be left: try again" },

	{ DOING_KEY, EINVAL, has_key,
	  "{cmd}: the value of key '{key}' is no whole number, without anything "
	  "behind it: look at it with 'get --json', and set one" },
	{ DOING_KEY, EINVAL, NULL,
	  "{cmd}: a key cannot be empty: give 1 to {keymax} bytes" },
	{ DOING_KEY, ENAMETOOLONG, NULL,
	  "{cmd}: key '{key}' is too long, {keylen} bytes: use at most "
	  "{keymax} bytes" },
	{ DOING_KEY, ENOENT, NULL,
	  "{cmd}: no key '{key}' in store '{store}'" },
	{ DOING_KEY, ESTALE, key_is_absent,
	  "{cmd}: key '{key}' is not there, so its epoch is 0, not {wanted}: "
	  "nothing was changed" },
	{ DOING_KEY, ESTALE, NULL,
	  "{cmd}: key '{key}' has epoch {epoch}, not {wanted}: nothing was "
	  "changed" },
	{ DOING_KEY, EINTR, NULL,
	  "{cmd}: interrupted" },
	{ DOING_KEY, ERANGE, NULL,
	  "{cmd}: the sum does not fit into 64 bits with a sign: the value of "
	  "key '{key}' is as it was" },
	{ DOING_KEY, EMSGSIZE, len_unknown,
	  "{cmd}: the value of key '{key}' is too large: store '{store}' takes "
	  "at most {max} bytes, a store for larger ones is made with "
	  "'{run}init STORE SLOTS BYTES'" },
	{ DOING_KEY, EMSGSIZE, NULL,
	  "{cmd}: the value of key '{key}' is too large, {len} bytes: store "
	  "'{store}' takes at most {max} bytes, a store for larger ones is "
	  "made with '{run}init STORE SLOTS BYTES'" },
	{ DOING_KEY, ENOSPC, all_slots_taken,
	  "{cmd}: store '{store}' is full, all {slots} slots are taken: "
	  "remove a key with 'unset', or make a larger store with "
	  "'{run}init STORE SLOTS'" },
	{ DOING_KEY, ENOSPC, in_memory,
	  "{cmd}: no memory is left for key '{key}' in store '{store}': free "
	  "some ('df -h " SHM "' shows what is left)" },
	{ DOING_KEY, ENOSPC, NULL,
	  "{cmd}: no space is left on the disk for key '{key}' in store "
	  "'{store}': free some ('df -h' shows what is left)" },
	{ DOING_KEY, EAGAIN, only_reads,
	  "{cmd}: key '{key}' in store '{store}' is overwritten faster than "
	  "it can be read: try again" },
	{ DOING_KEY, EAGAIN, all_writers_taken,
	  "{cmd}: all {writers} writers that store '{store}' has room for "
	  "are in use: try again when one of them has ended" },
	{ DOING_KEY, EAGAIN, NULL,
	  "{cmd}: another process is in the middle of a change of store "
	  "'{store}': try again, and look for one that is stopped" },
	{ DOING_KEY, EROFS, NULL,
	  "{cmd}: store '{store}' is open for reading only: change its "
	  "permissions with 'chmod'" },
	{ DOING_KEY, EBADMSG, NULL,
	  "{cmd}: store '{store}' is damaged: save what can be read, then "
	  "remove it with '{run}destroy {arg}' and create it again" },
	{ DOING_KEY, ENOMEM, NULL,
	  "{cmd}: no memory for what store '{store}' holds: free some, or "
	  "raise 'ulimit -v'" },
	{ DOING_KEY, 0, NULL,
	  "{cmd}: store '{store}': {error}: try again" },
};
/* clang-format on */

/*
 * What is said when the row's own kind has no sentence: a store that cannot
 * be opened is the same whatever it was wanted for.
 */
static enum doing
fallback(enum doing doing)
{
	return doing == DOING_VACUUM || doing == DOING_KEY ? DOING_KEY
							   : DOING_OPEN;
}

static const char *
find_text(const struct context *context, enum doing doing)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		if (row->doing == doing &&
			(!row->code || row->code == -context->failure->code) &&
			(!row->when || row->when(context)))
			return row->text;
	}
	return find_text(context, fallback(doing));
}

/* Names can be as long as the system allows; a sentence cannot. */
static void
put_name(const char *text)
{
	enum { SHOWN = 256 };
	size_t len = strlen(text);
	size_t shown = len;

	/* No character is cut in two. */
	if (len > SHOWN)
		for (shown = SHOWN; shown > SHOWN - 4; shown--)
			if (((unsigned char)text[shown] & 0xc0) != 0x80)
				break;
	text_show(stderr, text, shown, false);
	if (len > shown)
		fputs("...", stderr);
}

/* A name as a word of a command. */
static void
put_word(const char *text)
{
	char *word = words_quote(text);

	/* Lest it be taken for an option. */
	if (!strncmp(text, "--", 2))
		fputs("-- ", stderr);
	put_name(word ? word : text);
	free(word);
}

static void
put_number(uint64_t number)
{
	fprintf(stderr, "%" PRIu64, number);
}

/* Where the store is, as it stands or as a word of a command. */
static void
put_path(const struct context *context, void (*put)(const char *text))
{
	if (in_memory(context))
		fputs(SHM "/", stderr);
	put(context->failure->store);
}

/* A program for stores in memory has met one in a file. */
static bool
for_file_elsewhere(const struct context *context)
{
	return context->cli->kind == SPL_FILE &&
	       strncmp(context->cli->program, "splinterp", 9) != 0;
}

/* How the store is selected. */
static void
put_use(const struct context *context)
{
	if (context->cli->mode == MODE_ONE)
		fprintf(stderr, "%s --use ", context->cli->program);
	else
		fputs("use ", stderr);
	put_word(context->failure->store);
}

static bool
put_text_field(const struct context *context, const char *name)
{
	const struct failure *failure = context->failure;

	if (!strcmp(name, "prog"))
		put_name(context->cli->program);
	else if (!strcmp(name, "version"))
		put_name(spl_version());
	else if (!strcmp(name, "cmd"))
		put_name(failure->command);
	else if (!strcmp(name, "store"))
		put_name(failure->store);
	else if (!strcmp(name, "arg"))
		put_word(failure->store);
	else if (!strcmp(name, "run"))
		put_name(for_file_elsewhere(context)
				 ? "splinterpctl "
				 : cli_run_prefix(context->cli));
	else if (!strcmp(name, "use"))
		put_use(context);
	else if (!strcmp(name, "files"))
		put_name(context->cli->mode == MODE_PROMPT ? "splinterp_cli"
							   : "splinterpctl");
	else if (!strcmp(name, "path"))
		put_path(context, put_name);
	else if (!strcmp(name, "patharg"))
		put_path(context, put_word);
	else if (!strcmp(name, "key"))
		put_name(failure->key ? failure->key : "");
	else if (!strcmp(name, "error"))
		put_name(strerror(-failure->code));
	else
		return false;
	return true;
}

/* A limit is what was asked for, or else what the open store has. */
static uint64_t
asked_or(uint64_t asked, uint64_t found)
{
	return asked ? asked : found;
}

static void
put_number_field(const struct context *context, const char *name)
{
	const struct failure *failure = context->failure;
	const struct spl_store_stat *stat = &context->stat;

	if (!strcmp(name, "storelen"))
		put_number(strlen(failure->store));
	else if (!strcmp(name, "keylen"))
		put_number(failure->key ? strlen(failure->key) : 0);
	else if (!strcmp(name, "keymax"))
		put_number(SPL_KEY_MAX);
	else if (!strcmp(name, "len"))
		put_number(failure->value_len);
	else if (!strcmp(name, "epoch"))
		put_number(failure->epoch);
	else if (!strcmp(name, "wanted"))
		put_number(failure->wanted);
	else if (!strcmp(name, "max"))
		put_number(asked_or(failure->max_value, stat->max_value));
	else if (!strcmp(name, "slots"))
		put_number(asked_or(failure->slots, stat->slots));
	else if (!strcmp(name, "writers"))
		put_number(stat->writers);
	else if (!strcmp(name, "pid"))
		fprintf(stderr, "%" PRId32, failure->busy_pid);
	else
		abort(); /* a row names what is not there */
}

/* Writes the field that @text begins with, "{name}", and returns its end. */
static const char *
put_field(const struct context *context, const char *text)
{
	char name[16];
	size_t len = strcspn(text + 1, "}");

	if (len >= sizeof(name))
		abort();
	memcpy(name, text + 1, len);
	name[len] = '\0';
	if (!put_text_field(context, name))
		put_number_field(context, name);
	return text + len + 2;
}

const char *
cli_run_prefix(const struct cli *cli)
{
	return cli->mode == MODE_ONE ? cli->run : "";
}

/* At the prompt it is clear who speaks. */
static void
put_origin(const struct cli *cli)
{
	if (cli->mode == MODE_ONE)
		fprintf(stderr, "%s: ", cli->program);
	if (cli->mode == MODE_SCRIPT)
		fprintf(stderr, "%s: line %zu: ", cli->program, cli->line);
}

int
cli_fail(const struct cli *cli, const struct failure *failure)
{
	struct context context = {.cli = cli, .failure = failure};

	if (cli->store)
		spl_store_info(cli->store, &context.stat);
	const char *text = find_text(&context, failure->doing);
	put_origin(cli);
	while (*text) {
		if (*text == '{')
			text = put_field(&context, text);
		else
			fputc(*text++, stderr);
	}
	fputc('\n', stderr);
	return EXIT_FAILED;
}

static int
fail_key(const struct cli *cli, const struct call *call, const char *key,
	int code, bool changing)
{
	const struct failure failure = {
		.doing = DOING_KEY,
		.code = code,
		.command = call->command->name,
		.store = cli->store_name,
		.key = key,
		.changing = changing,
	};

	return cli_fail(cli, &failure);
}

int
cli_fail_key(const struct cli *cli, const struct call *call, const char *key,
	int code)
{
	return fail_key(cli, call, key, code, false);
}

int
cli_fail_change(const struct cli *cli, const struct call *call, const char *key,
	int code)
{
	return fail_key(cli, call, key, code, true);
}

/* Of words that somebody gave, not all need be repeated. */
enum { LONGEST = 1000 };

static void __attribute__((format(printf, 1, 0)))
put_line(const char *format, va_list args)
{
	char *line;

	if (vasprintf(&line, format, args) < 0)
		return;
	size_t len = strlen(line);
	if (len > LONGEST) {
		/* What is at fault stands in front, the cure behind. */
		text_show(stderr, line, LONGEST / 2, false);
		fputs("...", stderr);
		text_show(stderr, line + len - LONGEST / 2, LONGEST / 2, false);
	} else {
		text_show(stderr, line, len, false);
	}
	fputc('\n', stderr);
	free(line);
}

int
cli_fail_text(const struct cli *cli, const char *format, ...)
{
	va_list args;

	put_origin(cli);
	va_start(args, format);
	put_line(format, args);
	va_end(args);
	return EXIT_FAILED;
}

int
cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;

	put_origin(cli);
	va_start(args, format);
	put_line(format, args);
	va_end(args);
	return EXIT_USAGE;
}

void
cli_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(format, args);
	va_end(args);
}
