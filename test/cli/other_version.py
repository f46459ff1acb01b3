#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a store one of another layout version: other_version.py FILE

The version's major number is in bytes 6 and 7; the checksum, FNV-1a of all
before it, is in bytes 136 to 143 of every version.
"""

import struct
import sys

CHECKSUM_OFF = 136


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


with open(sys.argv[1], "r+b") as store:
    header = bytearray(store.read(CHECKSUM_OFF))
    header[6:8] = struct.pack("<H", 0x7FFF)
    store.seek(0)
    store.write(header + struct.pack("<Q", fnv1a(header)))
