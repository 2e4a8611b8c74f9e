"""The README's pictures: small, and such as `make screenshots` takes."""

import re

from tools.screens import SCREENS
from tools.screenshots import ROOT

MOST_BYTES = 300_000
BY_SOAK = {"ohif"}  # tests/soak/soak_ohif.py takes it
SHOWN = re.findall(r"\]\((docs/screens/[^)]+)\)", (ROOT / "README.md").read_text())


def test_the_readme_shows_pictures_that_the_command_takes() -> None:
    names = {re.sub("(-phone|-dark|-en)", "", (ROOT / path).stem) for path in SHOWN}
    assert SHOWN
    assert names - BY_SOAK <= {screen.name for screen in SCREENS}


def test_every_picture_is_small() -> None:
    sizes = {path: (ROOT / path).stat().st_size for path in SHOWN}
    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}
