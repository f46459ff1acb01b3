/* SPDX-License-Identifier: Apache-2.0 */
/* edit_text.c - bytes, the wide characters that libedit has, and its line. */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

/* --- Bytes and characters ----------------------------------------------- */

wchar_t *
edit_decode(const char *bytes, size_t len)
{
	wchar_t *text = malloc((len + 1) * sizeof(*text));
	size_t count = 0;

	while (text && len) {
		mbstate_t state = {0};
		size_t used = mbrtowc(&text[count], bytes, len, &state);

		if (used == 0 || used > len) {
			text[count] = ESCAPED + (unsigned char)*bytes;
			used = 1;
		}
		count++;
		bytes += used;
		len -= used;
	}
	if (text)
		text[count] = L'\0';
	return text;
}

wchar_t *
edit_decode_shown(const char *text)
{
	wchar_t *wide = edit_decode(text, strlen(text));

	for (wchar_t *c = wide; c && *c; c++)
		if (!iswprint((wint_t)*c) || wcwidth(*c) < 0)
			*c = L'?';
	return wide;
}

static size_t
encode_char(char *bytes, wchar_t c)
{
	mbstate_t state = {0};
	size_t len;

	if (c >= ESCAPED && c <= ESCAPED + UCHAR_MAX) {
		*bytes = (char)(c - ESCAPED);
		return 1;
	}
	len = wcrtomb(bytes, c, &state);
	if (len != (size_t)-1)
		return len;
	*bytes = '?';
	return 1;
}

char *
edit_encode(const wchar_t *text, size_t len)
{
	char *bytes = malloc(len * MB_CUR_MAX + 1);
	size_t count = 0;

	if (!bytes)
		return NULL;
	for (size_t i = 0; i < len; i++)
		count += encode_char(bytes + count, text[i]);
	bytes[count] = '\0';
	return bytes;
}

size_t
edit_width(const wchar_t *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += wcwidth(*text) > 0 ? (size_t)wcwidth(*text) : 0;
	return width;
}

/* In bytes: libedit writes such to stdout, which cannot be of both kinds. */
void
edit_print(const wchar_t *text, size_t columns)
{
	char bytes[MB_LEN_MAX];

	for (; *text; text++) {
		size_t width = wcwidth(*text) > 0 ? (size_t)wcwidth(*text) : 0;

		if (width > columns)
			break;
		columns -= width;
		fwrite(bytes, 1, encode_char(bytes, *text), stdout);
	}
}

/* --- The line ----------------------------------------------------------- */

const wchar_t *
edit_line(struct edit *edit, size_t *len, size_t *cursor)
{
	const LineInfoW *line = el_wline(edit->el);

	*len = (size_t)(line->lastchar - line->buffer);
	*cursor = (size_t)(line->cursor - line->buffer);
	return line->buffer;
}

wchar_t *
edit_copy_line(struct edit *edit)
{
	size_t len, cursor;
	const wchar_t *line = edit_line(edit, &len, &cursor);
	wchar_t *copy = malloc((len + 1) * sizeof(*copy));

	if (!copy)
		return NULL;
	wmemcpy(copy, line, len);
	copy[len] = L'\0';
	return copy;
}

char *
edit_line_bytes(struct edit *edit, size_t *cursor)
{
	size_t len, at;
	const wchar_t *line = edit_line(edit, &len, &at);
	char *before = edit_encode(line, at);
	char *bytes = before ? edit_encode(line, len) : NULL;

	if (bytes)
		*cursor = strlen(before);
	free(before);
	return bytes;
}

/* The line as libedit has it is at most INT_MAX long. */
static void
move_to(struct edit *edit, size_t place)
{
	size_t len, cursor;

	edit_line(edit, &len, &cursor);
	el_cursor(edit->el, (int)place - (int)cursor);
}

void
edit_delete(struct edit *edit, size_t from, size_t to)
{
	move_to(edit, to);
	el_deletestr(edit->el, (int)(to - from));
}

void
edit_set_line(struct edit *edit, const wchar_t *text, size_t place)
{
	size_t len, cursor;

	edit_line(edit, &len, &cursor);
	edit_delete(edit, 0, len);
	if (*text)
		el_winsertstr(edit->el, text);
	move_to(edit, place);
}

#endif
