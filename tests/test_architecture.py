"""The plan of the house, kept: floors, circles, sizes, and what importing pulls in."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "torchheads"

# A file imports from lower floors only; rooms of one floor do not import each other.
FLOORS = [
    {"errors", "buffers", "shapes", "few_classes", "targets", "links", "fitting", "tail_bounds"},
    {"losses", "decisions", "calibration", "guarantees", "images"},
    {"linear", "tables"},
    {"heads", "backbones"},
    {"metrics", "data", "optim"},
    {"module", "module_checks", "callbacks", "loggers", "artifact", "testing"},
    {"study", "tuning"},
    {"report"},
    {"allowed_targets", "config_errors", "config_values", "config_checks", "run_folder", "instantiate", "config"}
    | {
        "build",
        "no_profiler",
        "build_data",
        "build_head",
        "build_run",
        "auto_head",
        "class_weights",
        "frozen_features",
        "crossfit",
    }
    | {"fit_parts", "train", "evaluate", "predict", "calibrate", "cli"}
    | {"inspect", "inspect_tables", "inspect_words"}
    | {"terminal", "spreadsheet", "spreadsheet_text", "pictures", "explain_options", "explain"}
    | {"doctor_checks", "doctor", "kept_promises"}
    | {
        "compare_plan",
        "compare_series",
        "compare_launch",
        "compare_progress",
        "compare_worker",
        "compare_text",
        "compare",
    }
    | {"make_report"},
]
# Files of floors 0, 5 and 7 that stand on another file of their own floor; there is no way back.
WITHIN_A_FLOOR = {
    ("shapes", "errors"), ("links", "few_classes"), ("fitting", "errors"), ("targets", "errors"), ("targets", "shapes"),
    ("module", "artifact"),
    ("module", "module_checks"), ("config_checks", "allowed_targets"), ("config_checks", "config_errors"),
    ("config_checks", "config_values"), ("config_checks", "run_folder"), ("build", "allowed_targets"),
    ("build", "no_profiler"),
    ("instantiate", "allowed_targets"), ("instantiate", "config_errors"), ("config", "allowed_targets"),
    ("config", "config_checks"), ("config", "config_errors"), ("config", "instantiate"), ("config", "run_folder"),
    ("build_run", "build"), ("build_run", "build_data"), ("build_run", "class_weights"), ("crossfit", "build"),
    ("crossfit", "build_run"), ("fit_parts", "crossfit"), ("train", "build_run"), ("train", "fit_parts"),
    ("calibrate", "build"), ("calibrate", "build_data"), ("calibrate", "config"), ("calibrate", "fit_parts"),
    ("build", "config"), ("build", "build_head"), ("build_head", "instantiate"), ("build_data", "allowed_targets"),
    ("build_data", "config"), ("train", "build"), ("train", "build_data"), ("train", "frozen_features"),
    ("train", "config"), ("evaluate", "build_data"), ("predict", "build_data"), ("explain", "build_data"),
    ("evaluate", "build"), ("evaluate", "config"), ("evaluate", "train"), ("predict", "build"), ("predict", "config"),
    ("cli", "config"), ("auto_head", "build_head"), ("auto_head", "run_folder"), ("train", "auto_head"),
    ("inspect", "build_data"), ("inspect", "config"), ("inspect", "inspect_tables"),
    ("inspect_tables", "inspect_words"), ("inspect_tables", "terminal"), ("spreadsheet_text", "spreadsheet"),
    ("spreadsheet_text", "terminal"), ("explain", "build"), ("explain", "pictures"), ("explain", "explain_options"),
    ("explain", "predict"), ("explain", "spreadsheet"), ("explain", "spreadsheet_text"), ("explain", "terminal"),
    ("doctor", "doctor_checks"), ("doctor", "terminal"), ("train", "kept_promises"), ("evaluate", "kept_promises"),
    ("train", "class_weights"), ("class_weights", "instantiate"), ("compare_series", "compare_plan"),
    ("compare_launch", "compare_plan"), ("compare_launch", "compare_series"), ("compare_progress", "terminal"),
    ("compare_progress", "compare_plan"), ("compare_progress", "compare_series"), ("compare_worker", "cli"),
    ("compare", "compare_launch"), ("compare", "compare_plan"), ("compare", "compare_progress"),
    ("compare", "compare_series"), ("compare", "config"), ("compare", "config_values"), ("compare", "make_report"),
    ("compare", "compare_text"), ("compare_text", "terminal"), ("make_report", "compare_text"),
    ("make_report", "pictures"), ("make_report", "config"), ("make_report", "build_data"),
    ("make_report", "terminal"),
}  # fmt: skip
HEAVY = ("lightning", "hydra", "omegaconf", "torchvision", "torchmetrics", "sklearn")


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of torchheads that a file imports anywhere, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "torchheads":
            names = [f"torchheads.{alias.name}" for alias in node.names if alias.name in set().union(*FLOORS)]
        rooms |= {name.split(".")[1] for name in names if name.startswith("torchheads.")}
    return rooms - {room_of(path)}


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in files()} - {"__init__"}
    assert rooms <= set().union(*FLOORS)
    assert not rooms & {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    here = room_of(path)
    if here == "__init__":
        return
    for room in imported_rooms(path):
        assert floor_of(room) < floor_of(here) or (here, room) in WITHIN_A_FLOOR, f"{here} must not import {room}"


def test_no_way_back_within_a_floor() -> None:
    assert not {(a, b) for a, b in WITHIN_A_FLOOR if (b, a) in WITHIN_A_FLOOR}


def test_hydra_and_lightning_stay_on_their_floor() -> None:
    for path in files():
        text = path.read_text()
        floor = 0 if room_of(path) == "__init__" else floor_of(room_of(path))
        assert floor == len(FLOORS) - 1 or not (
            "import hydra" in text or "from hydra" in text or "omegaconf" in text
        ), path
        assert floor >= 4 or "lightning" not in text, path


def test_sizes() -> None:
    lengths = [len(path.read_text().splitlines()) for path in files() if path.name != "__init__.py"]
    assert max(lengths) <= 250
    assert median(lengths) <= 120
    functions = []
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                length = node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)
                assert length <= 60, f"{path}:{node.name} has {length} lines"
                functions.append(length)
    functions.sort()
    assert median(functions) <= 10
    assert functions[int(len(functions) * 0.9) - 1] <= 30


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import torchheads") & {"torch", "numpy", *HEAVY}


def test_a_head_imports_torch_alone() -> None:
    loaded = modules_after("from torchheads import SoftmaxHead, SigmoidHead; SigmoidHead(4, 2); SoftmaxHead(4, 2)")
    assert "torch" in loaded
    assert not loaded & set(HEAVY)
