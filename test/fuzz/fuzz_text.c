/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_text.c - bytes on their way to a terminal and into JSON. What comes
 * out is read back, by readers written apart, and has to be what went in.
 */
#define _XOPEN_SOURCE 700

#include <inttypes.h>
#include <locale.h>
#include <wchar.h>

#include "fuzz.h"
#include "reference.h"
#include "text.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* Columns are those of the user's characters. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		fputs("fuzz_text: no C.UTF-8, so all columns are 1\n", stderr);
	return 0;
}

/* --- Shown -------------------------------------------------------------- */

static void
check_utf8(const char *bytes, size_t len)
{
	bool good = true;
	uint32_t character;

	for (size_t at = 0; at < len;) {
		size_t size = reference_char(bytes + at, len - at, &character);

		/* Whole, or not at all: one character, one byte of none. */
		EXPECT(text_is_utf8(bytes + at, size ? size : 1) == !!size);
		good = good && size;
		at += size ? size : 1;
	}
	EXPECT(text_is_utf8(bytes, 0));
	EXPECT(text_is_utf8(bytes, len) == good);
}

/* How a byte is shown that cannot stand as it is. */
static size_t
write_escape(char *text, uint8_t byte)
{
	if (byte == '\n' || byte == '\t')
		return (size_t)snprintf(
			text, 8, "%s", byte == '\n' ? "\\n" : "\\t");
	return (size_t)snprintf(text, 8, "\\x%02x", byte);
}

/* @shown is what @bytes have to look like. Returns how much of it is. */
static void
expect_shown(const char *bytes, size_t len, const char *shown, size_t shown_len,
	bool lines)
{
	const char *end = shown + shown_len;
	uint32_t character;
	char escape[8];

	for (size_t at = 0; at < len;) {
		size_t size = reference_char(bytes + at, len - at, &character);
		const char *expected = bytes + at;
		size_t expected_len = size;
		bool stays = lines && size == 1 &&
			     (character == '\n' || character == '\t');

		at += size ? size : 1;
		if (!stays && (!size || reference_is_control(character))) {
			/* A C1 character's second byte comes on its own. */
			expected_len = write_escape(escape, (uint8_t)*expected);
			at -= size > 1 ? size - 1 : 0;
			expected = escape;
		}
		EXPECT((size_t)(end - shown) >= expected_len);
		EXPECT(!memcmp(shown, expected, expected_len));
		shown += expected_len;
	}
	EXPECT(shown == end);
}

static void
check_show(const char *bytes, size_t len, bool lines)
{
	char *shown = NULL;
	size_t shown_len;
	FILE *file = open_memstream(&shown, &shown_len);

	EXPECT(file);
	text_show(file, bytes, len, lines);
	fclose(file);
	expect_shown(bytes, len, shown, shown_len, lines);
	if (!lines)
		EXPECT(reference_is_shown(shown, shown_len, false));
	free(shown);
}

/* --- Columns ------------------------------------------------------------ */

/* Of text that is shown already. */
static size_t
columns(const char *shown, size_t len)
{
	size_t width = 0;
	uint32_t character;

	for (size_t at = 0; at < len;) {
		size_t size = reference_char(shown + at, len - at, &character);
		int own = wcwidth((wchar_t)character);

		EXPECT(size);
		width += own < 0 ? 1 : (size_t)own;
		at += size;
	}
	return width;
}

/*
 * Exactly that wide: the whole text and spaces, or what of it fits before
 * the dots, and a space where a wide character or an escape did not fit.
 */
static void
expect_column(const char *column, size_t len, const char *shown,
	size_t shown_len, size_t width)
{
	size_t same = 0;

	EXPECT(reference_is_shown(column, len, false));
	EXPECT(columns(column, len) == width);
	if (columns(shown, shown_len) <= width) {
		EXPECT(len >= shown_len && !memcmp(column, shown, shown_len));
		EXPECT(strspn(column + shown_len, " ") == len - shown_len);
		return;
	}
	while (same < len && same < shown_len && column[same] == shown[same])
		same++;
	const char *dots = column + len;
	while (dots > column && dots[-1] == ' ')
		dots--;
	EXPECT(dots - column >= 3 && !memcmp(dots - 3, "...", 3));
	EXPECT(column + same >= dots - 3);
	/* No more is missing than one character, or "\xNN". */
	EXPECT(column + len - dots <= 3);
}

static void
check_column(const char *text, size_t width)
{
	char *shown = NULL;
	char *column = NULL;
	size_t shown_len;
	size_t len;
	FILE *file = open_memstream(&shown, &shown_len);

	EXPECT(file);
	text_show(file, text, strlen(text), false);
	fclose(file);
	EXPECT(text_width(text) == columns(shown, shown_len));
	/* Showing what is shown changes nothing. */
	EXPECT(text_width(shown) == text_width(text));
	file = open_memstream(&column, &len);
	EXPECT(file);
	text_show_column(file, text, width);
	fclose(file);
	expect_column(column, len, shown, shown_len, width);
	free(column);
	free(shown);
}

/* --- JSON --------------------------------------------------------------- */

static void
expect_bytes(const struct reference_object *object, const char *name,
	const char *bytes, size_t len)
{
	char other[32];
	size_t read_len;
	char *read = reference_bytes(object, name, &read_len);

	snprintf(other, sizeof(other), "%s_encoding", name);
	EXPECT(read && read_len == len && !memcmp(read, bytes, len));
	EXPECT(!reference_find(object, other) == text_is_utf8(bytes, len));
	free(read);
}

static void
expect_number(const struct reference_object *object, const char *name,
	const char *text)
{
	const struct reference_member *member = reference_find(object, name);

	EXPECT(member && !member->is_string && !strcmp(member->bytes, text));
}

static void
check_json(const char *bytes, size_t len, const char *text, uint64_t number)
{
	struct reference_object object;
	struct fuzz_capture capture;
	struct json json;
	char digits[32];

	fuzz_capture_begin(&capture, &stdout);
	json_begin(&json);
	json_text(&json, "bytes", bytes, len);
	json_number(&json, "number", number);
	json_string(&json, "text", text);
	json_signed(&json, "signed", (int64_t)number);
	json_end(&json);
	fuzz_capture_end(&capture);
	EXPECT(capture.len && capture.text[capture.len - 1] == '\n');
	EXPECT(reference_is_shown(capture.text, capture.len - 1, false));
	EXPECT(reference_parse(&object, capture.text, capture.len - 1));
	expect_bytes(&object, "bytes", bytes, len);
	expect_bytes(&object, "text", text, strlen(text));
	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	expect_number(&object, "number", digits);
	snprintf(digits, sizeof(digits), "%" PRId64, (int64_t)number);
	expect_number(&object, "signed", digits);
	reference_free(&object);
	free(capture.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_copy(data, size);
	char *text = fuzz_string(data, size);
	uint64_t number = 0;

	/* The last bytes are numbers as well. */
	memcpy(&number, data + (size > 8 ? size - 8 : 0), size > 8 ? 8 : size);
	check_utf8(bytes, size);
	check_show(bytes, size, false);
	check_show(bytes, size, true);
	check_column(text, 3 + number % 30);
	check_json(bytes, size, text, number);
	free(text);
	free(bytes);
	return 0;
}
