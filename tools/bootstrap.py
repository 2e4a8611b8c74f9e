#!/usr/bin/env python3
"""The one entry of the project: `make run` and its sisters, or `python3 tools/bootstrap.py run` without make.

This file still parses on a Python that is too old, so that such a machine gets a sentence, not a traceback.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)

TOO_OLD = """Cần Python 3.11 trở lên; máy này có {version}. Trên Debian 12 / Ubuntu 24.04, hãy gõ:
    sudo apt-get install -y python3 python3-venv
Python 3.11 or newer is needed; this machine has {version}. Install it with the line above, then try again."""


def use_a_new_enough_python() -> None:
    """Go on under a newer Python of this machine when `python3` is an old one, or say what to install."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(14, OLDEST[1] - 1, -1):
        newer = shutil.which("python3.%d" % minor)  # noqa: UP031 (this line runs on an old Python)
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 (the same command, by the same person)
    sys.exit(TOO_OLD.format(version=sys.version.split()[0]))


if __name__ == "__main__":
    use_a_new_enough_python()
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    from tools.commands import main

    sys.exit(main(sys.argv[1:]))
