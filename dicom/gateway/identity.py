"""Who we say we are to DICOM peers, and in the files that we write."""

from typing import Final

IMPLEMENTATION_CLASS_UID: Final = "2.25.119318428273361543846428318021063471104"
IMPLEMENTATION_VERSION: Final = "HOICHAN_1"
