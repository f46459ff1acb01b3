#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damages a store while others use it.

scribble.py HOW FILE

Prints "ready", waits for the store, and goes on until its file is gone (but
for pool, which it does once):

  values   flips bits anywhere in values
  stamps   flips bits in the first 32 bytes of values
  epochs   makes every key's epoch its first one
  lengths  makes values shorter by a byte, and whole again
  old      puts back the first value that it saw of each key
  back     the same with writer 0's first one, under a much later epoch
  pool     takes the last block out of the pool, as if it were in use
"""

import mmap
import os
import random
import struct
import sys
import time

DEADLINE = time.monotonic() + 30
# Offsets in the header and in a block; see layout.h.
SLOTS, MAX_VALUE, WRITERS, RING, POOL_OFF = 32, 40, 48, 56, 96
BLOCKS_OFF, LOW, HIGH = 112, 264, 272
EPOCH, LENGTH, KEY, BYTES = 8, 20, 64, 128
WRITER = 12  # in a value's stamp


class Store:
    def __init__(self, path):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.stride = -(-(BYTES + self.number(MAX_VALUE)) // 64) * 64
        self.first = {}

    def number(self, at, form="<Q"):
        return struct.unpack_from(form, self.map, at)[0]

    def blocks(self):
        """Where the blocks are that hold a value."""
        for block in range(self.number(LOW), self.number(HIGH)):
            at = self.number(BLOCKS_OFF) + (block - 1) * self.stride
            if self.number(at) and self.number(at + LENGTH, "<I"):
                yield at

    def flip(self, at, most):
        length = min(self.number(at + LENGTH, "<I"), most)
        if length:
            where = at + BYTES + random.randrange(length)
            self.map[where] ^= 1 << random.randrange(8)

    def values(self, at):
        self.flip(at, 1 << 32)

    def stamps(self, at):
        self.flip(at, 32)

    def epochs(self, at):
        struct.pack_into("<Q", self.map, at + EPOCH, 2)

    def lengths(self, at):
        """Only for a moment: it must not come to no bytes at all."""
        length = self.number(at + LENGTH, "<I")
        if length > 1:
            struct.pack_into("<I", self.map, at + LENGTH, length - 1)
            time.sleep(0)
            if self.number(at + LENGTH, "<I") == length - 1:
                struct.pack_into("<I", self.map, at + LENGTH, length)

    def put_back(self, at, epoch):
        """The first value over another, and an epoch, in one sweep."""
        length = self.number(at + LENGTH, "<I")
        now = self.map[at + BYTES:at + BYTES + length]
        first = self.first.setdefault(self.map[at + KEY:at + BYTES], now)
        if first != now and len(first) == length:
            self.map[at + EPOCH:at + BYTES + length] = (
                struct.pack("<Q", epoch) +
                self.map[at + EPOCH + 8:at + BYTES] + first)

    def old(self, at):
        self.put_back(at, self.number(at + EPOCH))

    def back(self, at):
        if self.number(at + BYTES + WRITER, "<I") == 0:
            self.put_back(at, self.number(at + EPOCH) + 1000)

    def pool(self):
        """Blocks are counted from 1, bits from 0."""
        blocks = (self.number(SLOTS) +
                  self.number(WRITERS) * self.number(RING))
        byte = self.number(POOL_OFF) + (blocks - 1) // 8
        self.map[byte] |= 1 << (blocks - 1) % 8


def main():
    how, path = sys.argv[1:]
    print("ready", flush=True)
    while not os.path.exists(path) and time.monotonic() < DEADLINE:
        time.sleep(0.001)
    store = Store(path)
    if how == "pool":
        store.pool()
        return
    while os.path.exists(path) and time.monotonic() < DEADLINE:
        for at in store.blocks():
            getattr(store, how)(at)


if __name__ == "__main__":
    main()
