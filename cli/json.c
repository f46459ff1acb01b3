/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <string.h>

#include "text.h"

struct reader {
	char *begin;
	char *at;
	char *end;
	struct json_field *fields;
	size_t count;
	const char *wrong; /* null: nothing is */
	unsigned depth;
};

static bool
fail(struct reader *reader, const char *wrong)
{
	reader->wrong = wrong;
	return false;
}

static void
skip_space(struct reader *reader)
{
	while (reader->at < reader->end &&
		(*reader->at == ' ' || *reader->at == '\t' ||
			*reader->at == '\r' || *reader->at == '\n'))
		reader->at++;
}

/* The next byte; NUL at the end, which no JSON has outside of strings. */
static char
peek(const struct reader *reader)
{
	if (reader->at == reader->end)
		return '\0';
	return *reader->at;
}

static bool
take(struct reader *reader, char wanted)
{
	if (peek(reader) != wanted)
		return false;
	reader->at++;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- Strings ------------------------------------------------------------ */

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
read_four(struct reader *reader, uint32_t *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(peek(reader));

		if (digit < 0)
			return fail(reader,
				"has a \\u without four hexadecimal digits");
		*unit = *unit << 4 | (uint32_t)digit;
		reader->at++;
	}
	return true;
}

static void
put_utf8(char **out, uint32_t c)
{
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};

	*(*out)++ = (char)(first[more] | c >> (6 * more));
	while (more--)
		*(*out)++ = (char)(0x80 | (c >> (6 * more) & 0x3f));
}

/* Behind \u. A character beyond U+FFFF is two of them. */
static bool
read_unit(struct reader *reader, char **out)
{
	uint32_t high;
	uint32_t low;

	if (!read_four(reader, &high))
		return false;
	if (high >= 0xdc00 && high < 0xe000)
		return fail(reader, "has the second half of a surrogate pair "
				    "without the first");
	if (high < 0xd800 || high >= 0xe000) {
		put_utf8(out, high);
		return true;
	}
	if (!take(reader, '\\') || !take(reader, 'u'))
		return fail(reader, "has the first half of a surrogate pair "
				    "without the second");
	if (!read_four(reader, &low))
		return false;
	if (low < 0xdc00 || low >= 0xe000)
		return fail(reader, "has the first half of a surrogate pair "
				    "without the second");
	put_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
	return true;
}

static bool
read_escape(struct reader *reader, char **out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";
	char name = peek(reader);
	const char *found = name ? strchr(names, name) : NULL;

	if (!found && name != 'u')
		return fail(
			reader, "has a backslash before what it cannot escape");
	reader->at++;
	if (!found)
		return read_unit(reader, out);
	*(*out)++ = bytes[found - names];
	return true;
}

/* Never longer decoded than it was. */
static bool
read_string(struct reader *reader, char **text, size_t *len)
{
	if (!take(reader, '"'))
		return fail(reader, "needs a string here");
	char *out = reader->at;
	*text = out;
	while (reader->at < reader->end && *reader->at != '"') {
		char c = *reader->at;

		if ((unsigned char)c < 0x20)
			return fail(reader, "has a control character in a "
					    "string");
		reader->at++;
		if (c != '\\')
			*out++ = c;
		else if (!read_escape(reader, &out))
			return false;
	}
	*len = (size_t)(out - *text);
	return take(reader, '"') || fail(reader, "ends within a string");
}

/* --- Numbers and words -------------------------------------------------- */

static bool
skip_digits(struct reader *reader)
{
	const char *from = reader->at;

	while (is_digit(peek(reader)))
		reader->at++;
	return reader->at > from || fail(reader, "needs a digit here");
}

static bool
read_number(struct reader *reader)
{
	take(reader, '-');
	if (!take(reader, '0') && !skip_digits(reader))
		return false;
	if (take(reader, '.') && !skip_digits(reader))
		return false;
	if (take(reader, 'e') || take(reader, 'E')) {
		if (!take(reader, '+'))
			take(reader, '-');
		return skip_digits(reader);
	}
	return true;
}

static bool
read_whole(struct reader *reader, struct json_field *field)
{
	const char *from = reader->at;

	if (!read_number(reader))
		return false;
	for (; from < reader->at; from++) {
		uint64_t digit = (uint64_t)(*from - '0');

		if (!is_digit(*from) ||
			field->number > (UINT64_MAX - digit) / 10)
			return fail(reader, "has a number that is not whole, "
					    "or does not fit into 64 bits");
		field->number = field->number * 10 + digit;
	}
	return true;
}

static bool
read_word(struct reader *reader)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t left = (size_t)(reader->end - reader->at);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if (len <= left && !memcmp(reader->at, words[i], len)) {
			reader->at += len;
			return true;
		}
	}
	return fail(reader, "has no value here");
}

/* --- Objects and arrays ------------------------------------------------- */

static bool read_any(struct reader *reader);

static bool
enter(struct reader *reader)
{
	reader->at++;
	return ++reader->depth <= JSON_DEPTH_MAX ||
	       fail(reader, "is nested too deep");
}

static struct json_field *
find_field(const struct reader *reader, const char *name, size_t len)
{
	for (size_t i = 0; i < reader->count; i++)
		if (strlen(reader->fields[i].name) == len &&
			!memcmp(reader->fields[i].name, name, len))
			return &reader->fields[i];
	return NULL;
}

static bool
read_field(struct reader *reader, struct json_field *field)
{
	if (field->given)
		return fail(reader, "has this member twice");
	field->given = true;
	if (field->kind == JSON_TEXT)
		return read_string(reader, &field->text, &field->len);
	if (!is_digit(peek(reader)))
		return fail(reader, "needs a whole number here");
	return read_whole(reader, field);
}

/* Those of the outermost object are wanted. */
static bool
read_member(struct reader *reader)
{
	char *name;
	size_t len;

	skip_space(reader);
	if (!read_string(reader, &name, &len))
		return false;
	skip_space(reader);
	if (!take(reader, ':'))
		return fail(reader, "needs a ':' here");
	skip_space(reader);
	struct json_field *field =
		reader->depth == 1 ? find_field(reader, name, len) : NULL;
	return field ? read_field(reader, field) : read_any(reader);
}

static bool
read_element(struct reader *reader)
{
	skip_space(reader);
	return read_any(reader);
}

/* What stands in brackets, with commas between. */
static bool
read_list(struct reader *reader, char end, bool (*read)(struct reader *reader))
{
	if (!enter(reader))
		return false;
	skip_space(reader);
	if (take(reader, end)) {
		reader->depth--;
		return true;
	}
	do {
		if (!read(reader))
			return false;
		skip_space(reader);
	} while (take(reader, ','));
	reader->depth--;
	return take(reader, end) ||
	       fail(reader, end == '}' ? "needs a ',' or '}' here"
				       : "needs a ',' or ']' here");
}

static bool
read_any(struct reader *reader)
{
	char *text;
	size_t len;

	switch (peek(reader)) {
	case '{':
		return read_list(reader, '}', read_member);
	case '[':
		return read_list(reader, ']', read_element);
	case '"':
		return read_string(reader, &text, &len);
	default:
		if (peek(reader) == '-' || is_digit(peek(reader)))
			return read_number(reader);
		return read_word(reader);
	}
}

static bool
read_line(struct reader *reader)
{
	skip_space(reader);
	if (reader->at == reader->end)
		return fail(reader, "is empty");
	if (peek(reader) != '{')
		return fail(reader, "is no object");
	if (!read_list(reader, '}', read_member))
		return false;
	skip_space(reader);
	return reader->at == reader->end ||
	       fail(reader, "has something behind the object");
}

const char *
json_read(char *line, size_t len, struct json_field *fields, size_t count,
	size_t *at)
{
	struct reader reader = {.begin = line,
		.at = line,
		.end = line + len,
		.fields = fields,
		.count = count};

	*at = 0;
	for (size_t i = 0; i < count; i++)
		fields[i] = (struct json_field){
			.name = fields[i].name, .kind = fields[i].kind};
	if (!text_is_utf8(line, len))
		return "is not UTF-8";
	if (!read_line(&reader))
		*at = (size_t)(reader.at - line);
	return reader.wrong;
}

/* --- base64 ------------------------------------------------------------- */

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, of which the last two may be '='; bits that nobody needs are
 * 0. Returns how many bytes they are, 0: none. */
static size_t
decode_four(const char *four, char *out)
{
	size_t bytes = four[3] != '=' ? 3 : four[2] != '=' ? 2 : 1;
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = i <= bytes ? base64_digit(four[i]) : 0;

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
	}
	if (bits & (0xffffffU >> (8 * bytes)))
		return 0;
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	return bytes;
}

static bool
decode_base64(struct json_field *field)
{
	char *out = field->text;

	if (field->len % 4)
		return false;
	for (size_t i = 0; i < field->len; i += 4) {
		char four[4];

		memcpy(four, field->text + i, sizeof(four));
		size_t bytes = decode_four(four, out);
		if (!bytes || (bytes < 3 && i + 4 < field->len))
			return false;
		out += bytes;
	}
	field->len = (size_t)(out - field->text);
	return true;
}

static bool
says(const struct json_field *field, const char *text)
{
	return field->len == strlen(text) &&
	       !memcmp(field->text, text, field->len);
}

bool
json_decode(struct json_field *field, const struct json_field *encoding)
{
	if (!encoding->given || says(encoding, "utf-8"))
		return true;
	return says(encoding, "base64") && decode_base64(field);
}
