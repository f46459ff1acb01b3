/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamped.h - values that prove themselves: who wrote them, which version,
 * every byte a function of both and of the length.
 */
#ifndef STAMPED_H
#define STAMPED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct stamped {
	uint32_t key;
	uint32_t len;
	uint64_t version;
};

enum { STAMPED_MIN = sizeof(struct stamped) };

static inline uint8_t
stamped_byte(const struct stamped *head, size_t i)
{
	uint64_t x =
		(head->version * 1000003 + head->key * 7919 + head->len + i) *
		UINT64_C(0x9e3779b97f4a7c15);
	return (uint8_t)(x >> 56);
}

static inline void
stamped_make(uint8_t *bytes, uint32_t key, uint64_t version, uint32_t len)
{
	struct stamped head = {key, len, version};

	memcpy(bytes, &head, sizeof head);
	for (size_t i = sizeof head; i < len; i++)
		bytes[i] = stamped_byte(&head, i);
}

static inline bool
stamped_whole(const uint8_t *bytes, size_t len, uint32_t key, uint64_t *version)
{
	struct stamped head;

	if (len < sizeof head)
		return false;
	memcpy(&head, bytes, sizeof head);
	if (head.key != key || head.len != len)
		return false;
	for (size_t i = sizeof head; i < len; i++)
		if (bytes[i] != stamped_byte(&head, i))
			return false;
	*version = head.version;
	return true;
}

#endif
