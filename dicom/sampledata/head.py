"""A head CT of real size, computed from a real head or, where that cannot be had, from a phantom.

The head is the one that Debian's package `invesalius-examples` carries: 108 slices of 256², 0.957 mm,
1.5 mm apart (GPL-2, so it is fetched and never committed).
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicom.sampledata.patients import Patient, Study, identify

Volume = NDArray[np.float32]  # HU, [slice from the neck up, row from the face back, column from the right]

PACKAGE = "invesalius-examples"
SHAPE = (108, 256, 256)
SPACING_MM, SLICE_MM = 0.9570312, 1.5
PADDING = -2000  # stored value outside the round field of view
INTERCEPT = -1024
NOISE_HU = 12.0
_TAPS = np.exp(-0.5 * (np.arange(-2, 3, dtype=np.float32) / 0.6) ** 2)
BLUR = _TAPS / np.sqrt((_TAPS**2).sum())  # correlates the noise over 0.6 px and keeps its deviation


def ct_head_series(
    directory: Path, patient: Patient, study: Study, *, slices: int = 432, matrix: Path | None = None
) -> list[Path]:
    """Write a head CT of `slices` 512² images (0.48 mm, 162 mm in all) and name its files, neck first.

    `matrix` is what `fetch_head` gave; without it the phantom is written, and says so.
    """
    volume = phantom() if matrix is None else head(matrix)
    ds = _ct_header(patient, study, spacing_mm=SPACING_MM / 2, thickness_mm=SHAPE[0] * SLICE_MM / slices)
    ds.SeriesDescription = "Phantom (mô hình tính ra)" if matrix is None else "Sọ não lát mỏng"
    paths = []
    for index, image in enumerate(_enlarged(volume, slices)):
        _place(ds, study, index, slices)
        ds.PixelData = _stored(image, index).tobytes()
        path = directory / f"{index + 1:04}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def fetch_head(folder: Path) -> Path | None:
    """Return the head's matrix below `folder`, fetched from Debian once; None where that cannot be done."""
    matrix = folder / "head-matrix.dat"
    if matrix.exists():
        return matrix
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        try:
            for command in (["apt-get", "download", PACKAGE], ["sh", "-c", "dpkg-deb -x *.deb ."]):
                subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=120)
            example = next(Path(work).rglob("Cranium.inv3"))
            with tarfile.open(example) as archive:
                member = next(m for m in archive.getmembers() if m.name.endswith("matrix.dat"))
                content = archive.extractfile(member)
                part = Path(work, "part")
                part.write_bytes(content.read() if content else b"")
        except (OSError, subprocess.SubprocessError, StopIteration, tarfile.TarError):
            return None
        if part.stat().st_size != 2 * int(np.prod(SHAPE)):
            return None
        part.rename(matrix)
    return matrix


def head(matrix: Path) -> Volume:
    """Read the fetched matrix in the order DICOM shows it (the package keeps rows from the back)."""
    raw = np.fromfile(matrix, dtype="<i2").reshape(SHAPE)
    return raw[:, ::-1, :].astype(np.float32)


def phantom() -> Volume:
    """Compute a head of ellipsoids: skin, skull, brain, ventricles and one bleeding, in HU."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in SHAPE), indexing="ij")
    volume = np.full(SHAPE, -1000, dtype=np.float32)
    for hu, (cx, cy, cz), (rx, ry, rz) in (
        (40, (0, 0, 0), (0.62, 0.78, 0.95)),
        (1100, (0, 0, 0), (0.58, 0.74, 0.91)),
        (35, (0, 0, 0), (0.52, 0.68, 0.85)),
        (8, (-0.1, -0.05, 0.1), (0.05, 0.22, 0.2)),
        (8, (0.1, -0.05, 0.1), (0.05, 0.22, 0.2)),
        (70, (0.3, 0.2, 0), (0.11, 0.13, 0.25)),
    ):
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1
        volume[inside] = hu
    return volume


def _ct_header(patient: Patient, study: Study, *, spacing_mm: float, thickness_mm: float) -> Dataset:
    """Everything of the CT Image IOD (PS3.3 A.3) that the slices share."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SeriesDate = ds.ContentDate = ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = ""
    ds.AcquisitionDate = ""
    identify(ds, patient, study)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Modality, ds.Manufacturer, ds.BodyPartExamined = "CT", "hoichan", "HEAD"
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (
        study.derived("ct-head"),
        study.derived("frame-of-reference"),
    )
    ds.SeriesNumber, ds.AcquisitionNumber = 1, 1
    ds.PatientPosition, ds.PositionReferenceIndicator = "HFS", ""
    ds.KVP, ds.SliceThickness = 120, f"{thickness_mm:.4g}"
    ds.SpacingBetweenSlices = f"{thickness_mm:.4g}"
    ds.PixelSpacing = [f"{spacing_mm:.6f}"] * 2
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 2 * SHAPE[1]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = INTERCEPT, 1, "HU"
    ds.add_new("PixelPaddingValue", "SS", PADDING)
    ds.WindowCenter, ds.WindowWidth = [40, 600], [80, 2800]
    ds.WindowCenterWidthExplanation = ["NÃO", "XƯƠNG"]
    return ds


def _place(ds: Dataset, study: Study, index: int, slices: int) -> None:
    """Number and place one slice; patient z runs to the head (PS3.3 C.7.6.2)."""
    thickness_mm = SHAPE[0] * SLICE_MM / slices
    corner_mm = -(2 * SHAPE[1] - 1) / 2 * SPACING_MM / 2
    z_mm = (index - (slices - 1) / 2) * thickness_mm
    ds.InstanceNumber = index + 1
    ds.ImagePositionPatient = [f"{corner_mm:.4f}", f"{corner_mm:.4f}", f"{z_mm:.4f}"]
    ds.SliceLocation = f"{z_mm:.4f}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = study.derived("ct-head", str(index))


def _enlarged(volume: Volume, slices: int) -> Iterator[Volume]:
    """Yield slices of twice the rows and columns: cubic in the plane, linear between planes."""
    weights = _cubic_weights(SHAPE[1])
    for index in range(slices):
        z = min(max((index + 0.5) * SHAPE[0] / slices - 0.5, 0.0), SHAPE[0] - 1.0)
        below = min(int(z), SHAPE[0] - 2)
        plane = volume[below] * (below + 1 - z) + volume[below + 1] * (z - below)
        yield weights @ plane @ weights.T


def _cubic_weights(size: int) -> Volume:
    """The matrix [2·size, size] that doubles a line by cubic convolution (Catmull-Rom)."""
    weights = np.zeros((2 * size, size), dtype=np.float32)
    for row in range(2 * size):
        at = (row + 0.5) / 2 - 0.5
        first = int(np.floor(at))
        t = at - first
        taps = (
            -0.5 * t**3 + t**2 - 0.5 * t,
            1.5 * t**3 - 2.5 * t**2 + 1,
            -1.5 * t**3 + 2 * t**2 + 0.5 * t,
            0.5 * t**3 - 0.5 * t**2,
        )
        for offset, tap in enumerate(taps, -1):
            weights[row, min(max(first + offset, 0), size - 1)] += tap
    return weights


def _stored(image: Volume, seed: int) -> NDArray[np.int16]:
    """Add the noise of a thin slice (less of it in air) and give stored values, padded outside the circle."""
    noise: Volume = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    for axis in (0, 1):
        blurred = np.zeros_like(noise)
        for shift, tap in zip(range(-2, 3), BLUR, strict=True):
            blurred += np.roll(noise, shift, axis) * tap
        noise = blurred
    hu = image + noise * np.where(image < -800, NOISE_HU / 4, NOISE_HU)
    stored: NDArray[np.int16] = (np.clip(np.rint(hu), -1024, 3071) - INTERCEPT).astype("<i2")
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    middle = (image.shape[0] - 1) / 2
    stored[(y - middle) ** 2 + (x - middle) ** 2 > (middle + 0.5) ** 2] = PADDING
    return stored
