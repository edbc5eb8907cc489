"""Compact bytes for one series: timestamps as deltas of deltas, values as integer deltas or XOR, then zstandard.

Pure. The layout of a block: `<count:u32><first ts:i64><kind:u8><len(ts):u32><ts bytes>[<stale bytes>]<value bytes>`,
compressed. A stale marker says "the series ended here", as in Prometheus (model/value, StaleNaN); markers are kept
apart from the values, so that a counter which ended once still compresses as a counter.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from threading import local

import numpy as np
import numpy.typing as npt
import zstandard

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

_HEAD = struct.Struct("<IqBI")
INTEGERS, FLOATS = 0, 1
#: Set in `kind` where a bit per sample follows the timestamps: 1 is a stale marker.
WITH_STALE = 4
#: Above this a float64 no longer holds every integer.
EXACT = 2.0**53
STALE_BITS = 0x7FF0000000000002
STALE = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0]
_LARGEST = 64 * 1024 * 1024
_zstd = local()


def is_stale(values: Values) -> npt.NDArray[np.bool_]:
    """By bits: an ordinary NaN is a value, not an end."""
    return np.equal(values.view(np.uint64), np.uint64(STALE_BITS))


def encode(times: Sequence[int] | Times, values: Sequence[float] | Values) -> bytes:
    """`times` are Unix milliseconds in order; both have the same length, at least 1."""
    clock, numbers = np.asarray(times, dtype=np.int64), np.asarray(values, dtype=np.float64)
    steps = _shuffled(np.diff(np.diff(clock), prepend=np.int64(0)).astype(np.uint64))
    stale = is_stale(numbers)
    kind, body = _encode_values(_carried(numbers, stale) if stale.any() else numbers)
    marks = np.packbits(stale).tobytes() if stale.any() else b""
    kind |= WITH_STALE if marks else 0
    raw = _HEAD.pack(len(clock), int(clock[0]), kind, len(steps)) + steps + marks + body
    return _compressor().compress(raw)


def decode(data: bytes) -> tuple[Times, Values]:
    raw = _decompressed(data)
    count, first, kind, size = _HEAD.unpack_from(raw)
    at = _HEAD.size + size
    deltas = np.cumsum(_unshuffled(raw[_HEAD.size : at]).view(np.int64))
    times = np.cumsum(np.concatenate((np.array([first], dtype=np.int64), deltas)))
    stale = None
    if kind & WITH_STALE:
        length = -(-count // 8)
        stale = np.unpackbits(np.frombuffer(raw, np.uint8, length, at), count=count).astype(bool)
        at += length
    values = _decode_values(kind & ~WITH_STALE, raw[at:])
    if stale is not None:
        values[stale] = STALE
    return times, values


def _carried(values: Values, stale: npt.NDArray[np.bool_]) -> Values:
    """Markers replaced by the value before them: a change of nothing."""
    places = np.maximum.accumulate(np.where(stale, 0, np.arange(len(values))))
    carried = values[places]
    carried[is_stale(carried)] = 0.0
    return carried


def _encode_values(values: Values) -> tuple[int, bytes]:
    if np.all(np.abs(values) < EXACT) and np.all(values == np.trunc(values)):
        whole = values.astype(np.int64)
        return INTEGERS, _shuffled(np.diff(whole, prepend=np.int64(0)).view(np.uint64))
    bits = values.view(np.uint64)
    return FLOATS, _shuffled(bits ^ np.concatenate((np.zeros(1, np.uint64), bits[:-1])))


def _decode_values(kind: int, raw: bytes) -> Values:
    words = _unshuffled(raw)
    if kind == INTEGERS:
        return np.cumsum(words.view(np.int64)).astype(np.float64)
    return np.bitwise_xor.accumulate(words).view(np.float64)


def _shuffled(words: npt.NDArray[np.uint64]) -> bytes:
    """All first bytes, then all second bytes, …: what changes little compresses to almost nothing."""
    return np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8).T.tobytes()


def _unshuffled(raw: bytes) -> npt.NDArray[np.uint64]:
    columns = np.frombuffer(raw, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(columns.T).view(np.uint64).reshape(-1)


def pack(values: Sequence[float] | Values) -> bytes:
    """The values of one scrape, in the order of its layout."""
    return _compressor().compress(_shuffled(np.asarray(values, dtype=np.float64).view(np.uint64)))


def unpack(data: bytes) -> Values:
    return _unshuffled(_decompressed(data)).view(np.float64)


def _decompressed(data: bytes) -> bytes:
    # One context per thread: making one costs more than a block.
    if not hasattr(_zstd, "reader"):
        _zstd.reader = zstandard.ZstdDecompressor()
    plain: bytes = _zstd.reader.decompress(data, max_output_size=_LARGEST)
    return plain


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_zstd, "writer"):
        _zstd.writer = zstandard.ZstdCompressor(level=6)
    writer: zstandard.ZstdCompressor = _zstd.writer
    return writer
