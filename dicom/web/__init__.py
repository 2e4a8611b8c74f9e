"""HTTP of the library: DICOMweb here; the viewer's and the uploads' own routes beside."""

from __future__ import annotations

from aiohttp import web

from dicom.ports import Ports
from dicom.query import Level
from dicom.web.archive import Archive
from dicom.web.frames import Frames
from dicom.web.qido import Qido
from dicom.web.rendered import Rendered
from dicom.web.stow import Stow
from dicom.web.wado import Wado

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAMES = INSTANCE + "/frames/{frames}"


def routes(prefix: str, ports: Ports) -> list[web.RouteDef]:
    """The DICOMweb services (PS3.18 10) below `prefix`, which may hold a variable of the server's own."""
    archive = Archive(prefix, ports)
    qido, wado, frames, stow = Qido(archive), Wado(archive), Frames(archive), Stow(archive)
    rendered = Rendered(archive)
    reads = {
        # The router tries one after the other: what is asked for most comes first.
        FRAMES: frames.frames,
        "/studies": qido.search(Level.STUDY),
        "/series": qido.search(Level.SERIES),
        "/instances": qido.search(Level.INSTANCE),
        STUDY + "/series": qido.search(Level.SERIES),
        STUDY + "/instances": qido.search(Level.INSTANCE),
        SERIES + "/instances": qido.search(Level.INSTANCE),
        **dict.fromkeys((STUDY, SERIES, INSTANCE), wado.originals),
        **dict.fromkeys((f"{path}/metadata" for path in (STUDY, SERIES, INSTANCE)), wado.metadata),
        **dict.fromkeys(
            (f"{path}/rendered" for path in (STUDY, SERIES, INSTANCE, FRAMES)), rendered.rendered
        ),
        **dict.fromkeys(
            (f"{path}/thumbnail" for path in (STUDY, SERIES, INSTANCE, FRAMES)), rendered.thumbnail
        ),
        INSTANCE + "/bulkdata/{element:[0-9A-Fa-f/]{8,200}}": frames.bulk,
    }
    return [
        *(web.get(prefix + path, handler, allow_head=False) for path, handler in reads.items()),
        web.post(prefix + "/studies", stow.store, expect_handler=stow.expect),
        web.post(prefix + STUDY, stow.store, expect_handler=stow.expect),
    ]
