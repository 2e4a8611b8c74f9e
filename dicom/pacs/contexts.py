"""Presentation contexts that we propose to a PACS (PS3.8 9.3.2.2): at most 128 in an association."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydicom import uid as uids
from pynetdicom import build_role
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

FIND: Final = str(StudyRootQueryRetrieveInformationModelFind)
GET: Final = str(StudyRootQueryRetrieveInformationModelGet)
MOVE: Final = str(StudyRootQueryRetrieveInformationModelMove)
VERIFICATION: Final = str(Verification)

_PLAIN: Final = [str(uids.ExplicitVRLittleEndian), str(uids.ImplicitVRLittleEndian)]
# One context each, so that the PACS sends an image as it lies there.
_COMPRESSED: Final = [
    [str(one)]
    for one in (
        uids.JPEGLosslessSV1,
        uids.JPEG2000Lossless,
        uids.JPEGBaseline8Bit,
        uids.RLELossless,
        uids.JPEGLSLossless,
        uids.JPEG2000,
        uids.JPEGExtended12Bit,
        uids.JPEGLSNearLossless,
        uids.JPEGLossless,
        uids.ExplicitVRBigEndian,
        uids.DeflatedExplicitVRLittleEndian,
    )
]
_MOST: Final = 126  # beside the one of the service itself
# Where the PACS does not say what a study is made of.
USUAL: Final = tuple(
    str(one)
    for one in (
        uids.CTImageStorage,
        uids.MRImageStorage,
        uids.ComputedRadiographyImageStorage,
        uids.DigitalXRayImageStorageForPresentation,
        uids.UltrasoundImageStorage,
        uids.UltrasoundMultiFrameImageStorage,
        uids.SecondaryCaptureImageStorage,
        uids.XRayAngiographicImageStorage,
        uids.DigitalMammographyXRayImageStorageForPresentation,
        uids.EnhancedCTImageStorage,
        uids.EnhancedMRImageStorage,
        uids.NuclearMedicineImageStorage,
        uids.PositronEmissionTomographyImageStorage,
        uids.XRayRadiofluoroscopicImageStorage,
    )
)


def services(*names: str) -> list[PresentationContext]:
    return [build_context(name, _PLAIN) for name in names]


def storage(classes: Sequence[str]) -> list[PresentationContext]:
    """To receive these classes: each plain, then compressed, the likelier first, while there is room."""
    chosen = list(dict.fromkeys(classes))[:_MOST] or list(USUAL)
    syntaxes = [_PLAIN, *_COMPRESSED]
    wanted = [build_context(one, list(syntax)) for syntax in syntaxes for one in chosen]
    return wanted[:_MOST]


def outgoing(classes: Sequence[str]) -> list[PresentationContext]:
    """To store what lies here in Explicit VR Little Endian; implicit for archives that know nothing else."""
    wanted = list(dict.fromkeys(classes))
    return [build_context(one, syntax) for syntax in _PLAIN for one in wanted]


def roles(classes: Sequence[str]) -> list[SCP_SCU_RoleSelectionNegotiation]:
    """With C-GET we are the provider of storage on our own association (PS3.7 D.3.3.4)."""
    return [build_role(one, scp_role=True) for one in dict.fromkeys(classes or USUAL)]
