"""Compact bytes for one series: timestamps as deltas of deltas, values as integer deltas or XOR, then zstandard.

Pure. The layout of a chunk: `<count:u32><first ts:i64><kind:u8><len(ts):u32><ts bytes><value bytes>`, compressed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from itertools import pairwise

import zstandard

_HEAD = struct.Struct("<IqBI")
INTEGERS, FLOATS = 0, 1
#: Above this a float64 no longer holds every integer.
EXACT = 2**53


def encode(times: Sequence[int], values: Sequence[float]) -> bytes:
    """`times` are Unix milliseconds in order; both have the same length, at least 1."""
    deltas = array("q", (b - a for a, b in pairwise(times)))
    steps = array("q", (d - before for before, d in zip([0, *deltas], deltas, strict=False)))
    clock = _shuffled(steps)
    kind, body = _encode_values(values)
    raw = _HEAD.pack(len(times), times[0], kind, len(clock)) + clock + body
    return zstandard.ZstdCompressor(level=6).compress(raw)


def decode(data: bytes) -> tuple[array[int], array[float]]:
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=64 * 1024 * 1024)
    count, first, kind, size = _HEAD.unpack_from(raw)
    start = _HEAD.size
    times = array("q", [first])
    delta = 0
    for step in _unshuffled(raw[start : start + size]):
        delta += step
        times.append(times[-1] + delta)
    return times, _decode_values(kind, raw[start + size :], count)


def _encode_values(values: Sequence[float]) -> tuple[int, bytes]:
    if all(abs(value) < EXACT and value == int(value) for value in values):
        whole = [int(value) for value in values]
        deltas = array("q", [whole[0], *(b - a for a, b in pairwise(whole))])
        return INTEGERS, _shuffled(deltas)
    bits = array("Q", array("d", values).tobytes())
    xored = array("Q", [bits[0], *(a ^ b for a, b in pairwise(bits))])
    return FLOATS, _shuffled(xored)


def _decode_values(kind: int, raw: bytes, count: int) -> array[float]:
    if kind == INTEGERS:
        total, found = 0, array("d")
        for delta in _unshuffled(raw):
            total += delta
            found.append(float(total))
        return found
    bits, last = array("Q"), 0
    for word in array("Q", _bytes_back(raw, count)):
        last ^= word
        bits.append(last)
    return array("d", bits.tobytes())


def _shuffled(words: array[int]) -> bytes:
    """All first bytes, then all second bytes, …: what changes little compresses to almost nothing."""
    raw = words.tobytes()
    return b"".join(raw[place::8] for place in range(8))


def _bytes_back(raw: bytes, count: int) -> bytes:
    plain = bytearray(count * 8)
    for place in range(8):
        plain[place::8] = raw[place * count : (place + 1) * count]
    return bytes(plain)


def _unshuffled(raw: bytes) -> array[int]:
    return array("q", _bytes_back(raw, len(raw) // 8))


def pack(values: Sequence[float]) -> bytes:
    """The values of one scrape, in the order of its layout."""
    return zstandard.ZstdCompressor(level=3).compress(_shuffled(array("Q", array("d", values).tobytes())))


def unpack(data: bytes) -> array[float]:
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=64 * 1024 * 1024)
    return array("d", _bytes_back(raw, len(raw) // 8))
