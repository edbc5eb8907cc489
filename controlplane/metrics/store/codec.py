"""Compact bytes: the times of a block as deltas of deltas, its values as integer deltas or XOR, then zstandard.

Pure. Times: `<count:u32><first:i64><steps>`; values: `<count:u32><kind:u8>[<stale bits>]<body>`; compressed each.
Steps and integers take 2, 4 or 8 bytes each, as the largest of them needs: most take 2, and decode four times as fast.
Times are apart because all series of a scrape share them. A stale marker says "the series ended here", as in
Prometheus (model/value, StaleNaN); markers are apart too, so that a counter which ended once compresses as a counter.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from threading import local

import numpy as np
import numpy.typing as npt
import zstandard

from controlplane.metrics.promql.model import STALE as STALE
from controlplane.metrics.promql.model import is_stale as is_stale

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

_CLOCK = struct.Struct("<Iq")
_HEAD = struct.Struct("<IB")
INTEGERS, FLOATS = 0, 1
SMALLER = {2: 2, 4: 3}
_WIDTHS = {INTEGERS: 8, **{kind: width for width, kind in SMALLER.items()}}
#: Set in `kind` where a bit per sample follows: 1 is a stale marker.
WITH_STALE = 4
#: Above this a float64 no longer holds every integer.
EXACT = 2.0**53
_LARGEST = 64 * 1024 * 1024
_zstd = local()


def encode_times(times: Sequence[int] | Times) -> bytes:
    """Unix milliseconds in order, at least one."""
    clock = np.asarray(times, dtype=np.int64)
    steps = np.diff(np.diff(clock), prepend=np.int64(0)) if len(clock) > 1 else clock[:0]
    body, _ = _narrow(_zigzag(steps))
    return _compressor().compress(_CLOCK.pack(len(clock), int(clock[0])) + body)


def decode_times(data: bytes) -> Times:
    raw = _decompressed(data)
    count, first = _CLOCK.unpack_from(raw)
    times = np.empty(count, dtype=np.int64)
    times[0] = first
    if count > 1:
        body = raw[_CLOCK.size :]
        np.cumsum(_signed(_unshuffled(body, len(body) // (count - 1))), dtype=np.int64, out=times[1:])
    return np.cumsum(times, out=times)


def encode_values(values: Sequence[float] | Values) -> bytes:
    """At least one; stale markers among them."""
    numbers = np.asarray(values, dtype=np.float64)
    stale = is_stale(numbers)
    marks = np.packbits(stale).tobytes() if stale.any() else b""
    kind, body = _encode(_carried(numbers, stale) if marks else numbers)
    kind |= WITH_STALE if marks else 0
    return _compressor().compress(_HEAD.pack(len(numbers), kind) + marks + body)


def decode_values(data: bytes) -> Values:
    raw = _decompressed(data)
    count, kind = _HEAD.unpack_from(raw)
    length = -(-count // 8) if kind & WITH_STALE else 0
    values = _decode(kind & ~WITH_STALE, raw[_HEAD.size + length :])
    if length:
        marks = np.frombuffer(raw, np.uint8, length, _HEAD.size)
        values[np.unpackbits(marks, count=count).astype(bool)] = STALE
    return values


def _carried(values: Values, stale: npt.NDArray[np.bool_]) -> Values:
    """Markers replaced by the value before them: a change of nothing."""
    places = np.maximum.accumulate(np.where(stale, 0, np.arange(len(values))))
    carried = values[places]
    carried[is_stale(carried)] = 0.0
    return carried


def _encode(values: Values) -> tuple[int, bytes]:
    if np.all(np.abs(values) < EXACT) and np.all(values == np.trunc(values)):
        whole = values.astype(np.int64)
        body, width = _narrow(_zigzag(np.diff(whole, prepend=np.int64(0))))
        return SMALLER.get(width, INTEGERS), body
    bits = values.view(np.uint64)
    return FLOATS, _shuffled(bits ^ np.concatenate((np.zeros(1, np.uint64), bits[:-1])))


def _decode(kind: int, raw: bytes) -> Values:
    if kind == FLOATS:
        return np.bitwise_xor.accumulate(_unshuffled(raw)).view(np.float64)
    return np.cumsum(_signed(_unshuffled(raw, _WIDTHS[kind])), dtype=np.int64).astype(np.float64)


def _narrow(words: npt.NDArray[np.uint64]) -> tuple[bytes, int]:
    """The words in as many bytes as the largest needs, and how many those are."""
    most = int(words.max(initial=0))
    width = next((width for width in SMALLER if most < 1 << 8 * width), 8)
    return _shuffled(words.astype(f"<u{width}")), width


def _zigzag(numbers: Times) -> npt.NDArray[np.uint64]:
    """Small negative numbers as small ones: 0, -1, 1, -2 … are 0, 1, 2, 3 …"""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _signed(words: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.signedinteger]:
    signed: npt.DTypeLike = f"<i{words.itemsize}"
    found: npt.NDArray[np.signedinteger] = (words >> 1).view(signed) ^ -(words & 1).view(signed)
    return found


def _shuffled(words: npt.NDArray[np.unsignedinteger]) -> bytes:
    """All first bytes, then all second bytes, …: what changes little compresses to almost nothing."""
    return np.ascontiguousarray(words).view(np.uint8).reshape(-1, words.itemsize).T.tobytes()


def _unshuffled(raw: bytes, width: int = 8) -> npt.NDArray[np.unsignedinteger]:
    columns = np.frombuffer(raw, np.uint8).reshape(width, -1)
    return np.ascontiguousarray(columns.T).view(f"<u{width}").reshape(-1)


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
