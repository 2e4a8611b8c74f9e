"""The viewer's own frames of the CT: where they are, and that they are the pixels that were sent."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from aiohttp import ClientResponse, ClientSession
from pydicom import dcmread

from bench.data import PATIENT, ct_series
from bench.product import Archive

Record = tuple[dict[str, Any], bytes]


class Pyramid:
    """The CT in an archive of ours, as the viewer asks for it."""

    def __init__(self, images: Archive, manifest: dict[str, Any]) -> None:
        self.images = images
        self._study: int = manifest["study"]
        [series] = manifest["series"]
        self._series: int = series["series"]
        self._sop_of = {one["instance"]: one["sop"] for one in series["instances"]}

    @classmethod
    async def of(cls, ours: Archive, http: ClientSession) -> Pyramid:
        images = replace(ours, url=ours.url.replace("/dicom-web", "/images"))
        listed = (await images.json(http, "/studies"))["studies"]
        [study] = [one for one in listed if one["patient_id"] == PATIENT.patient_id]
        return cls(images, await images.json(http, f"/studies/{study['study']}"))

    def frame_paths(self) -> list[str]:
        return [f"/studies/{self._study}/instances/{one}/frames/1" for one in self._sop_of]

    async def joined(self, http: ClientSession, level: int) -> tuple[list[Record], int]:
        """Every frame of the series halved `level` times; and the bytes of all answers, heads included."""
        records: list[Record] = []
        size = 0
        while len(records) < len(self._sop_of):
            runs = f"{len(records) + 1}-{len(self._sop_of)}"
            url = f"{self.images.url}/studies/{self._study}/series/{self._series}/frames"
            params = {"level": str(level), "frames": runs}
            async with http.get(url, params=params, headers=self.images.headers) as answer:
                body = await answer.read()
                size += len(body) + head_bytes(answer)
            records += _records(body)
        return records, size

    def check(self, records: list[Record]) -> None:
        """Raises RuntimeError where a whole frame is not, pixel for pixel, what was sent."""
        sent = {ds.SOPInstanceUID: ds.pixel_array for ds in map(dcmread, ct_series())}
        if len(records) != len(sent):
            raise RuntimeError(f"{len(records)} frames came of {len(sent)}")
        for head, content in records:
            pixels = imagecodecs.htj2k_decode(content)
            if not np.array_equal(pixels, sent[self._sop_of[head["instance"]]]):
                raise RuntimeError("another frame came than was sent")


def head_bytes(answer: ClientResponse) -> int:
    """Of the status line and the headers."""
    return 17 + sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)


def _records(body: bytes) -> Iterator[Record]:
    at = 0
    while at < len(body):
        head, content = struct.unpack_from(">II", body, at)
        at += 8
        yield json.loads(body[at : at + head]), body[at + head : at + head + content]
        at += head + content
