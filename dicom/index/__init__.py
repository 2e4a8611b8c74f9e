"""Studies, series and instances as rows. Functions take the caller's connection and its transaction."""

from dicom.index.adding import Executor, add, add_all
from dicom.index.tables import instances, metadata, series, studies

__all__ = ["Executor", "add", "add_all", "instances", "metadata", "series", "studies"]
