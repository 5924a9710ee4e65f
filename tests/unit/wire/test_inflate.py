"""Compressed bodies: the two formats and their variants, whatever is broken in them, and the bombs."""

import contextlib
import gzip
import random
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.inflate import ENCODINGS, MOST_TIMES, STEP, InflatedTooLong, InflateError, inflate, zstd

MIB = 1 << 20
COMPRESS = {b"gzip": gzip.compress, b"deflate": zlib.compress, b"zstd": zstd.compress}


def raw(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


@given(st.binary(max_size=3000))
def test_what_was_compressed_comes_back(data: bytes) -> None:
    assert inflate(gzip.compress(data), b"gzip", MIB) == data
    assert inflate(gzip.compress(data), b"x-gzip", MIB) == data
    assert inflate(zlib.compress(data), b"deflate", MIB) == data
    assert inflate(raw(data), b"deflate", MIB) == data
    assert inflate(zstd.compress(data), b"zstd", MIB) == data


@given(st.binary(max_size=300), st.sampled_from(sorted(ENCODINGS)))
def test_any_bytes_are_refused_or_are_some(data: bytes, encoding: bytes) -> None:
    with contextlib.suppress(InflateError, InflatedTooLong):
        assert len(inflate(data, encoding, MIB)) <= MIB


@pytest.mark.parametrize("cut", [0, 1, 10, 15, -1])
@pytest.mark.parametrize("encoding", [b"gzip", b"zstd"])
def test_an_early_end_is_no_body(cut: int, encoding: bytes) -> None:
    whole = COMPRESS[encoding](b"{}" * 100)
    with pytest.raises(InflateError):
        inflate(whole[:cut], encoding, MIB)


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd"])
def test_nothing_may_follow(encoding: bytes) -> None:
    with pytest.raises(InflateError, match="something follows"):
        inflate(COMPRESS[encoding](b"{}") + b"x", encoding, MIB)


def test_a_frame_of_zstd_that_asks_for_much_memory_is_refused() -> None:
    long = zstd.CompressionParameter.window_log
    options: dict[int, int] = {long: 24, zstd.CompressionParameter.content_size_flag: 0}
    machine = zstd.ZstdCompressor(options=options)
    frame = machine.compress(random.Random(1).randbytes(100)) + machine.flush()
    with pytest.raises(InflateError, match="not of its encoding"):
        inflate(frame, b"zstd", MIB)
    assert inflate(zstd.compress(bytes(100), options={**options, long: 23}), b"zstd", MIB) == bytes(100)


def test_one_layer_only() -> None:
    twice = gzip.compress(gzip.compress(b"{}"))
    assert inflate(twice, b"gzip", MIB) == gzip.compress(b"{}")


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"zstd"])
def test_a_bomb_goes_off_in_a_box(encoding: bytes) -> None:
    plain = bytes(512 * MIB // 8)
    bomb = COMPRESS[encoding](plain)
    began = time.process_time()
    with pytest.raises(InflatedTooLong) as far:
        inflate(bomb, encoding, 32 * MIB)
    assert far.value.limit == min(32 * MIB, MOST_TIMES * len(bomb))
    assert time.process_time() - began < 0.2


def test_the_limit_counts_what_comes_out() -> None:
    data = random.Random(1).randbytes(100_000)
    assert inflate(gzip.compress(data), b"gzip", len(data)) == data
    with pytest.raises(InflatedTooLong) as far:
        inflate(gzip.compress(data), b"gzip", len(data) - 1)
    assert far.value.limit == len(data) - 1


def test_small_bodies_may_be_mostly_blanks() -> None:
    data = b" " * STEP
    assert inflate(gzip.compress(data), b"gzip", MIB) == data
