"""Real images for demo, benches and tests, under made-up patients."""

from dicom.sampledata.head import ct_head_series, fetch_head
from dicom.sampledata.patients import Patient, Study, real_samples, with_patient, write_sample

__all__ = [
    "Patient",
    "Study",
    "ct_head_series",
    "fetch_head",
    "real_samples",
    "with_patient",
    "write_sample",
]
