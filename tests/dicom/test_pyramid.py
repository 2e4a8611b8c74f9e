"""HTJ2K whose prefixes are the same picture, smaller; and the cache files it is kept in."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from dicom import framecache
from dicom.framecache import FrameCache, FrameFile
from dicom.instance import BadInstance
from dicom.pyramid import HTJ2K, JPEG, RAW, NotPyramidal, encode_frames, encode_pixels, read_cuts
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from tests.dicom.builders import a_dataset, a_file, a_real_file

PIXELS = st.tuples(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from(["uint8", "uint16", "int16", "rgb"]),
    st.integers(0, 2**32),
)


def _made(rows: int, columns: int, kind: str, seed: int) -> NDArray[Any]:
    random = np.random.default_rng(seed)
    if kind == "rgb":
        return random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    limits = np.iinfo(np.dtype(kind))
    return random.integers(limits.min, limits.max, (rows, columns), dtype=limits.dtype, endpoint=True)


@settings(max_examples=40, deadline=None)
@given(PIXELS)
def test_any_pixels_come_back_exactly(form: tuple[int, int, str, int]) -> None:
    pixels = _made(*form)
    frame = encode_pixels(pixels)
    assert frame.media == HTJ2K
    assert np.array_equal(imagecodecs.htj2k_decode(frame.data), pixels)
    assert frame.cuts[0] == len(frame.data)
    assert (frame.bits, frame.is_signed) == (pixels.dtype.itemsize * 8, pixels.dtype.kind == "i")


@pytest.mark.parametrize("name", ["CT_small.dcm", "US1_UNCR.dcm", "MR2_UNCR.dcm"])
def test_each_prefix_is_the_picture_halved(name: str) -> None:
    [fields] = encode_frames(Path(get_testdata_file(name)), 1, 1)
    cuts, data = fields["cuts"], fields["data"]
    whole = imagecodecs.htj2k_decode(data)
    assert len(cuts) == 6
    assert list(cuts) == sorted(cuts, reverse=True)
    for level, cut in enumerate(cuts):
        smaller = imagecodecs.htj2k_decode(data[:cut], skipres=level)
        assert smaller.shape[:2] == tuple(-(-side // 2**level) for side in whole.shape[:2])
    # The half runs with every second pixel of the whole (imagecodecs lets a few below 0 wrap round).
    sampled = whole[::2, ::2].astype(np.float64)
    half = imagecodecs.htj2k_decode(data[: cuts[1]], skipres=1).astype(np.float64)
    near = np.abs(half - sampled) < 0.5 * sampled.max()
    assert near.mean() > 0.9
    assert np.corrcoef(half[near], sampled[near])[0, 1] > 0.95
    assert cuts[2] < 0.25 * cuts[0]


def test_a_codestream_that_is_not_cut_by_resolution_has_no_cuts() -> None:
    plain = bytes(imagecodecs.htj2k_encode(_made(64, 64, "uint8", 3), reversible=True))
    for codestream in (plain, b"", b"\xff\x4f", plain[:100]):
        with pytest.raises(NotPyramidal):
            read_cuts(codestream)


def test_what_does_not_come_back_exactly_is_kept_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    from dicom import pyramid

    pixels = _made(20, 30, "int16", 4)

    def lossy(given: NDArray[Any]) -> bytes:
        return bytes(
            imagecodecs.htj2k_encode(
                given, level=0.5, reversible=False, tlm=True,
                tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS,
            )
        )  # fmt: skip

    monkeypatch.setattr(pyramid, "_htj2k", lossy)
    frame = encode_pixels(pixels)
    assert frame.media == RAW
    assert np.array_equal(np.frombuffer(frame.data, "<i2").reshape(20, 30), pixels)


def test_the_range_leaves_padding_out() -> None:
    pixels = np.full((40, 40), -2000, dtype=np.int16)
    pixels[10:30, 10:30] = np.arange(400).reshape(20, 20)
    assert (encode_pixels(pixels, (-2000, -2000)).low, encode_pixels(pixels).low) == (0, -2000)


def _cache(tmp_path: Path, sandbox: Sandbox, **options: Any) -> tuple[FrameCache, BlobStore]:
    store = BlobStore(tmp_path / "blobs", b"k" * 32)
    return FrameCache(tmp_path / "frames", store, sandbox, **options), store


async def _stored(store: BlobStore, name_or_bytes: str | bytes) -> str:
    content = a_real_file(name_or_bytes) if isinstance(name_or_bytes, str) else name_or_bytes
    with store.new(1) as writer:
        writer.write(content)
        return await writer.commit()


async def test_frames_are_made_once_for_all_who_wait(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, "color3d_jpeg_baseline.dcm")
    first, second = await asyncio.gather(cache.ensure_frames(blob), cache.ensure_frames(blob))
    assert first is second
    assert len(first) == 120
    entry = first.frame(120)
    assert entry is not None
    assert entry.media == JPEG
    assert bytes(first.read(entry, 0, 2)) == b"\xff\xd8"
    assert (first.frame(0), first.frame(121)) == (None, None)
    assert [path.suffix for path in (tmp_path / "frames").rglob("*") if path.is_file()] == [".frames"]


async def test_who_gives_up_waiting_does_not_stop_it_for_others(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, "color3d_jpeg_baseline.dcm")
    patient = asyncio.create_task(cache.ensure_frames(blob))
    hasty = asyncio.create_task(cache.ensure_frames(blob))
    await asyncio.sleep(0)
    hasty.cancel()
    assert len(await patient) == 120


async def test_a_file_that_a_crash_cut_short_is_made_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, "CT_small.dcm")
    await cache.ensure_frames(blob)
    [path] = (tmp_path / "frames").rglob("*.frames")
    whole = path.read_bytes()
    for kept in (0, 3, 100, len(whole) - 1):
        path.unlink()
        path.write_bytes(whole[:kept])
        assert FrameFile.open(path) is None
        after_restart, _ = _cache(tmp_path, sandbox)
        assert len(await after_restart.ensure_frames(blob)) == 1
        assert path.read_bytes() == whole


async def test_a_refusal_is_remembered_and_leaves_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, a_file(a_dataset(PixelData=bytes(10))))
    for _ in range(2):
        with pytest.raises(BadInstance) as refused:
            await cache.ensure_frames(blob)
        assert refused.value.code == "wrong-pixels"
    with pytest.raises(BadInstance):
        await cache.thumbnail(blob)
    assert [path for path in (tmp_path / "frames").rglob("*") if path.is_file()] == []


async def test_what_was_not_read_for_longest_goes_first(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox, max_bytes=150_000)
    blobs = []
    for seed in range(6):
        pixels = _made(128, 128, "uint16", seed)
        ds = a_dataset(Rows=128, Columns=128, SOPInstanceUID=f"2.25.{seed + 1}", PixelData=pixels.tobytes())
        blobs.append(await _stored(store, a_file(ds)))
        await cache.ensure_frames(blobs[-1])
        for path in (tmp_path / "frames").rglob("*.frames"):  # time passes
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    left = {path.stem for path in (tmp_path / "frames").rglob("*.frames")}
    assert Path(blobs[-1]).name in left
    assert Path(blobs[0]).name not in left
    assert sum(path.stat().st_size for path in (tmp_path / "frames").rglob("*.frames")) <= 150_000
    assert len(await cache.ensure_frames(blobs[0])) == 1


async def test_what_nobody_read_for_long_goes_and_what_is_being_made_stays(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    cache, store = _cache(tmp_path, sandbox, max_days=10)
    old, new = [await _stored(store, name) for name in ("CT_small.dcm", "MR_small.dcm")]
    for blob in (old, new):
        await cache.ensure_frames(blob)
    [path] = [path for path in (tmp_path / "frames").rglob("*.frames") if path.stem == Path(old).name]
    half, crashed = path.with_name("a" * 32), path.with_name("b" * 32)
    for made in (half, crashed):
        made.write_bytes(b"HCFRAME1")
    day_ns = 86_400 * 10**9
    for aged, days in ((path, 11), (crashed, 2)):
        os.utime(aged, ns=(0, time.time_ns() - days * day_ns))
    before, after = cache.trim()
    assert 0 < after < before
    assert [cache.has(blob) for blob in (old, new)] == [False, True]
    assert (half.exists(), crashed.exists()) == (True, False)


async def test_what_is_read_again_and_again_is_not_the_oldest(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, "CT_small.dcm")
    await cache.ensure_frames(blob)
    [path] = (tmp_path / "frames").rglob("*.frames")
    os.utime(path, ns=(0, 0))
    cache.get(blob)
    assert path.stat().st_mtime_ns == 0  # not at every look
    monkeypatch.setattr(framecache, "_TOUCH_AFTER_S", 0)
    cache.get(blob)
    assert time.time_ns() - path.stat().st_mtime_ns < 60 * 10**9


async def test_a_refusal_is_over_once_another_process_made_the_frames(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    cache, store = _cache(tmp_path, sandbox)
    other, _ = _cache(tmp_path, sandbox)
    blob = await _stored(store, "CT_small.dcm")
    cache._refused[blob] = BadInstance("wrong-pixels")
    with pytest.raises(BadInstance):
        await cache.ensure_frames(blob)
    await other.ensure_frames(blob)
    assert len(await cache.ensure_frames(blob)) == 1


async def test_deleting_leaves_nothing_and_is_no_loss(tmp_path: Path, sandbox: Sandbox) -> None:
    cache, store = _cache(tmp_path, sandbox)
    blob = await _stored(store, "CT_small.dcm")
    await cache.ensure_frames(blob)
    assert (await cache.thumbnail(blob)).startswith(b"\xff\xd8")
    cache.delete(blob)
    cache.delete(blob)
    assert [path for path in (tmp_path / "frames").rglob("*") if path.is_file()] == []
    assert len(await cache.ensure_frames(blob)) == 1
