"""SUV by body weight of a PET image: what its values are multiplied with, or why there is none.

After the QIBA FDG-PET/CT profile's pseudo-code "SUVbw" and PS3.3 C.8.9.1: grams of body weight by the activity that
was left of the injected dose (Bq) at the time to which the image was corrected for decay.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dicom.headervalues import Header

_PHILIPS_FACTOR = "70531000"  # SUV Scale Factor, of values that are counts


class _Refused(Exception):
    """Why there is no SUV, in a word that the viewer has a sentence for."""


def suv(header: Header) -> dict[str, float | str] | None:
    """`{"factor"}` to multiply rescaled values with, or `{"reason"}`; None for what is no PET."""
    if header.text("Modality") != "PT":
        return None
    try:
        return {"factor": _factor(header)}
    except _Refused as refused:
        return {"reason": str(refused)}


def _factor(header: Header) -> float:
    match header.text("Units"):
        case "GML":
            if header.text("SUVType") not in ("", "BW"):
                raise _Refused("suv-type")
            return 1.0
        case "CNTS":
            factor = header.number_at(_PHILIPS_FACTOR)
            if not factor or factor < 0:
                raise _Refused("units")
            return factor
        case "BQML":
            return 1000 * _positive(header, "PatientWeight", "weight") / _activity(header)
        case _:
            raise _Refused("units")


def _activity(header: Header) -> float:
    """Bq that were left when the image counts."""
    if not {"ATTN", "DECY"} <= set(header.texts("CorrectedImage")):
        raise _Refused("not-corrected")
    tracer = header.item("RadiopharmaceuticalInformationSequence")
    dose = _positive(tracer, "RadionuclideTotalDose", "dose")
    match header.text("DecayCorrection"):
        case "ADMIN":  # corrected to the injection: nothing has decayed by then
            return dose
        case "START":
            half_life = _positive(tracer, "RadionuclideHalfLife", "half-life")
            scan = _scan_start(header)
            decay = scan - _injected(tracer, scan)
            return float(dose * 2 ** (-decay.total_seconds() / half_life))
        case _:
            raise _Refused("not-corrected")


def _scan_start(header: Header) -> datetime:
    """Of the series, which is what START means, unless a later processing wrote it: then nobody knows."""
    series = _moment(header.text("SeriesDate"), header.text("SeriesTime"))
    acquired = _moment(header.text("AcquisitionDate"), header.text("AcquisitionTime"))
    if series is None or (acquired is not None and series > acquired):
        raise _Refused("scan-time")
    return series


def _injected(tracer: Header, scan: datetime) -> datetime:
    whole = tracer.text("RadiopharmaceuticalStartDateTime")
    if whole:
        at = _moment(whole[:8], whole[8:])
    else:  # the time alone: of the same day, or of the evening before
        at = _moment(f"{scan:%Y%m%d}", tracer.text("RadiopharmaceuticalStartTime"))
        if at is not None and at > scan:
            at -= timedelta(days=1)
    if at is None or at > scan:
        raise _Refused("injection-time")
    return at


def _moment(date: str, time: str) -> datetime | None:
    """DA and TM (PS3.5 6.2) with at least hours and minutes, to the second; None where they are not that."""
    digits = time.split("+")[0].split("-")[0].split(".")[0].replace(":", "").strip()
    try:
        return datetime.strptime(f"{date}{digits:0<6}", "%Y%m%d%H%M%S") if len(digits) >= 4 else None  # noqa: DTZ007
    except ValueError:
        return None


def _positive(header: Header, keyword: str, reason: str) -> float:
    value = header.number(keyword)
    if value is None or value <= 0:
        raise _Refused(reason)
    return value
