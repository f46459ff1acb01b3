/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "text.h"

#include <inttypes.h>
#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "terminal.h"

/*
 * The character at @bytes and its length, or 0. Well-formed as in table 3-7
 * of the Unicode standard: no surrogates, nothing longer than need be.
 */
static size_t
decode(const char *bytes, size_t len, uint32_t *character)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *in = (const unsigned char *)bytes;
	size_t size;

	if (!len)
		return 0;
	if (in[0] < 0x80) {
		*character = in[0];
		return 1;
	}
	size = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
	if (in[0] < 0xc2 || in[0] > 0xf4 || size > len)
		return 0;
	*character = in[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (in[i] & 0x3f);
	}
	if (*character < lowest[size] || *character > 0x10ffff ||
		(*character >= 0xd800 && *character < 0xe000))
		return 0;
	return size;
}

bool
text_is_utf8(const char *bytes, size_t len)
{
	uint32_t character;

	while (len) {
		size_t size = decode(bytes, len, &character);

		if (!size)
			return false;
		bytes += size;
		len -= size;
	}
	return true;
}

bool
text_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/*
 * Where characters have 8 bits, a byte of UTF-8 can be a control character.
 * In the C locale nobody has said what the terminal takes: most take UTF-8.
 */
static bool
fits_locale(uint32_t character)
{
	static int other = -1;

	if (other < 0) {
		const char *set = nl_langinfo(CODESET);

		other = strcmp(set, "UTF-8") != 0 &&
			strcmp(set, "ANSI_X3.4-1968") != 0;
	}
	return character < 0x80 || !other;
}

/* One character as it is shown: its bytes, how many, and its columns. */
struct glyph {
	char bytes[8];
	size_t size;
	size_t width;
};

static void
escape(struct glyph *glyph, unsigned char byte)
{
	const char *digits = "0123456789abcdef";

	glyph->bytes[glyph->size++] = '\\';
	if (byte == '\n' || byte == '\t') {
		glyph->bytes[glyph->size++] = byte == '\n' ? 'n' : 't';
	} else {
		glyph->bytes[glyph->size++] = 'x';
		glyph->bytes[glyph->size++] = digits[byte >> 4];
		glyph->bytes[glyph->size++] = digits[byte & 15];
	}
	glyph->width = glyph->size;
}

/* Takes one character, or one byte of what is none; returns what it took. */
static size_t
take(struct glyph *glyph, const char *bytes, size_t len)
{
	uint32_t character = 0;
	size_t size = decode(bytes, len, &character);

	*glyph = (struct glyph){0};
	if (!size || text_is_control(character) || !fits_locale(character)) {
		/* Of one of several bytes, those behind are no character
		 * either, so all are escaped. */
		escape(glyph, (unsigned char)*bytes);
		return 1;
	}
	memcpy(glyph->bytes, bytes, size);
	glyph->size = size;
	int width = wcwidth((wchar_t)character);
	glyph->width = width < 0 ? 1 : (size_t)width;
	return size;
}

/* Bytes at the front that are shown as they are, each in a column. */
static size_t
plain_run(const char *bytes, size_t len)
{
	size_t run = 0;

	while (run < len && bytes[run] >= ' ' && bytes[run] < 0x7f)
		run++;
	return run;
}

void
text_show(FILE *file, const char *bytes, size_t len, bool lines)
{
	struct glyph glyph;

	while (len && !(file == stdout && terminal_interrupted())) {
		size_t size = plain_run(bytes, len);

		if (!size && lines && (*bytes == '\n' || *bytes == '\t'))
			size = 1;
		if (size) {
			fwrite(bytes, 1, size, file);
		} else {
			size = take(&glyph, bytes, len);
			fwrite(glyph.bytes, 1, glyph.size, file);
		}
		bytes += size;
		len -= size;
	}
}

void
text_write(const char *bytes, size_t len)
{
	enum { STEP = 65536 };

	while (len && !terminal_interrupted()) {
		size_t size = len < STEP ? len : STEP;

		fwrite(bytes, 1, size, stdout);
		bytes += size;
		len -= size;
	}
}

/* Shows what fits into @room columns; returns how many are left. */
static size_t
show_within(FILE *file, const char *text, size_t room)
{
	size_t len = strlen(text);
	size_t run = plain_run(text, len);
	struct glyph glyph;

	if (run > room)
		run = room;
	fwrite(text, 1, run, file);
	room -= run;
	text += run;
	len -= run;
	while (len) {
		size_t size = take(&glyph, text, len);

		if (glyph.width > room)
			break;
		fwrite(glyph.bytes, 1, glyph.size, file);
		room -= glyph.width;
		text += size;
		len -= size;
	}
	return room;
}

size_t
text_width(const char *text)
{
	size_t len = strlen(text);
	size_t width = plain_run(text, len);
	struct glyph glyph;

	text += width;
	len -= width;
	while (len) {
		size_t size = take(&glyph, text, len);

		width += glyph.width;
		text += size;
		len -= size;
	}
	return width;
}

void
text_show_column(FILE *file, const char *text, size_t width)
{
	size_t left;

	if (text_width(text) > width) {
		left = show_within(file, text, width - 3);
		fputs("...", file);
	} else {
		left = show_within(file, text, width);
	}
	fprintf(file, "%*s", (int)left, "");
}

/* Columns of the terminal on stdout; SIZE_MAX when it is none. */
static size_t
terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return SIZE_MAX;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

size_t
text_name_width(size_t longest)
{
	enum { USUAL = 33, LEAST = 8 };
	size_t width = terminal_width();
	size_t most = width > TABLE_REST + LEAST ? width - TABLE_REST : LEAST;

	if (longest < USUAL)
		longest = USUAL;
	return longest < most ? longest : most;
}

void
text_table_head(size_t name_width, const char *name, const char *rest)
{
	text_show_column(stdout, name, name_width);
	puts(rest);
	for (size_t i = 0; i < name_width + TABLE_REST; i++)
		putchar('-');
	putchar('\n');
}

/* --- JSON --------------------------------------------------------------- */

/* Bytes at the front that stand for themselves in a string of JSON. */
static size_t
json_run(const char *bytes, size_t len)
{
	size_t run = 0;

	while (run < len && bytes[run] >= ' ' && bytes[run] < 0x7f &&
		bytes[run] != '"' && bytes[run] != '\\')
		run++;
	return run;
}

static void
put_escaped(FILE *file, const char *bytes, size_t len)
{
	uint32_t character = 0;

	while (len && !terminal_interrupted()) {
		size_t size = json_run(bytes, len);

		if (size) {
			fwrite(bytes, 1, size, file);
			bytes += size;
			len -= size;
			continue;
		}
		size = decode(bytes, len, &character);
		if (character == '"' || character == '\\')
			fprintf(file, "\\%c", (int)character);
		else if (character == '\n')
			fputs("\\n", file);
		else if (text_is_control(character))
			fprintf(file, "\\u%04" PRIx32, character);
		else
			fwrite(bytes, 1, size, file);
		bytes += size;
		len -= size;
	}
}

/* RFC 4648, section 4. */
static void
put_base64(FILE *file, const char *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes;

	for (size_t i = 0; i < len && !terminal_interrupted(); i += 3) {
		uint32_t three = (uint32_t)in[i] << 16;

		if (i + 1 < len)
			three |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			three |= in[i + 2];
		fputc(digits[three >> 18], file);
		fputc(digits[three >> 12 & 63], file);
		fputc(i + 1 < len ? digits[three >> 6 & 63] : '=', file);
		fputc(i + 2 < len ? digits[three & 63] : '=', file);
	}
}

static void
put_name(struct json *json, const char *name, const char *suffix)
{
	fprintf(json->file, "%s\"%s%s\":", json->any ? "," : "", name, suffix);
	json->any = true;
}

void
json_begin_on(struct json *json, FILE *file)
{
	json->file = file;
	json->any = false;
	fputc('{', file);
}

void
json_begin(struct json *json)
{
	json_begin_on(json, stdout);
}

void
json_text(struct json *json, const char *name, const char *bytes, size_t len)
{
	bool utf8 = text_is_utf8(bytes, len);

	put_name(json, name, "");
	fputc('"', json->file);
	if (utf8)
		put_escaped(json->file, bytes, len);
	else
		put_base64(json->file, bytes, len);
	fputc('"', json->file);
	if (utf8)
		return;
	put_name(json, name, "_encoding");
	fputs("\"base64\"", json->file);
}

void
json_string(struct json *json, const char *name, const char *text)
{
	json_text(json, name, text, strlen(text));
}

void
json_number(struct json *json, const char *name, uint64_t number)
{
	put_name(json, name, "");
	fprintf(json->file, "%" PRIu64, number);
}

void
json_signed(struct json *json, const char *name, int64_t number)
{
	put_name(json, name, "");
	fprintf(json->file, "%" PRId64, number);
}

void
json_end(struct json *json)
{
	fputs("}\n", json->file);
}
