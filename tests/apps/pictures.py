"""Pictures to upload, made here: a real PNG of any size, each with its own bytes."""

import struct
import zlib


def png(width, height, seed=0):
    rows = b"".join(b"\0" + bytes((x + y + seed) % 256 for x in range(width) for _ in range(3)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_size(data):
    assert data.startswith(b"\x89PNG\r\n\x1a\n"), data[:40]
    return struct.unpack(">II", data[16:24])
