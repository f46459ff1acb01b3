#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command while the only writer of a new store is held.

with_writer_held.py LIBRARY KIND STORE COMMAND...

Creates the store with room for one writer, writes to it and so keeps that
entry, runs the command, removes the store. Exits as the command does.
"""

import ctypes
import subprocess
import sys


class Options(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint64),
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("writers", ctypes.c_uint32),
        ("slots", ctypes.c_uint64),
        ("max_value", ctypes.c_uint64),
    ]


def main():
    library, kind, store = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
    spl = ctypes.CDLL(library)
    options = Options()
    handle = ctypes.c_void_p()
    spl.spl_options_init(ctypes.byref(options))
    options.kind = kind
    options.writers = 1
    if spl.spl_create(store, ctypes.byref(options), ctypes.byref(handle)) < 0:
        return 99
    try:
        if spl.spl_set(handle, b"held", b"1", ctypes.c_size_t(1)) < 0:
            return 99
        return subprocess.run(sys.argv[4:], check=False).returncode
    finally:
        spl.spl_destroy(store, kind)


if __name__ == "__main__":
    sys.exit(main())
