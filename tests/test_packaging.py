"""The same configs from the checkout, an editable install, a wheel, and a wheel made from a source distribution."""

import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parent.parent
SITE_PACKAGES = sysconfig.get_paths()["purelib"]
OVERRIDES = [
    ["train"],
    ["train", "data=digit_canvases", "head=sigmoid", "loss=binary_cross_entropy", "decision=top_k", "trainer=gpu"],
    ["train", "calibration=identity", "callbacks=[default,early_stopping]", "experiment=canvases_softmax"],
    ["evaluate", "checkpoint=a"],
    ["predict", "checkpoint=a", "data=digits"],
]
# Runs without site (-S): no editable install of this environment is seen, only the paths given.
COMPOSE = f"""
import site, sys
from hydra import compose, initialize_config_dir, initialize_config_module
from omegaconf import OmegaConf
kind, place = sys.argv[1:]
if kind == "editable":
    site.addsitedir(place)
checkout = kind == "checkout"
extra = [f"hydra.searchpath=[file://{{place}}/plugin]"] if checkout else []
open_configs = initialize_config_dir if checkout else initialize_config_module
with open_configs(place if checkout else "torchheads_configs", version_base="1.3"):
    for name, *overrides in {OVERRIDES!r}:
        print(OmegaConf.to_yaml(compose(name, overrides + extra)), "---")
if not checkout:
    import torchheads, torchheads_configs, hydra_plugins.torchheads_searchpath as plugin
    print(torchheads.__file__, torchheads_configs.__file__, plugin.__file__, file=sys.stderr)
"""


def build(folder: Path, source: Path, kind: str) -> Path:
    """Call the build backend as an installer does, without a network; the file it made."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
    folder.mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


def install(wheel: Path, folder: Path) -> Path:
    """Installing a pure wheel is unpacking it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of what is built, since building writes beside the sources."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("src", "configs"):
        copytree(ROOT / name, folder / name, ignore=ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel") / "dist", source, "wheel")


@pytest.fixture(scope="module")
def composed_in_checkout() -> str:
    return composed("checkout", ROOT / "configs", [SITE_PACKAGES])[0]


def composed(kind: str, place: Path, paths: list[str]) -> tuple[str, str]:
    """The composed configs as text, and where the packages were found."""
    command = [sys.executable, "-S", "-c", COMPOSE, kind, str(place)]
    environment = {"PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=place)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_wheel(wheel: Path, composed_in_checkout: str, tmp_path: Path) -> None:
    folder = install(wheel, tmp_path / "installed")
    configs, where = composed("wheel", folder, [str(folder), SITE_PACKAGES])
    assert where.count(str(folder)) == 3
    assert configs == composed_in_checkout
    assert configs.count("---") == len(OVERRIDES)


def test_wheel_from_a_source_distribution(source: Path, wheel: Path, composed_in_checkout: str, tmp_path: Path) -> None:
    archive = build(tmp_path / "sdist", source, "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build(tmp_path / "dist", unpacked, "wheel")
    folder = install(again, tmp_path / "installed")
    configs, where = composed("wheel", folder, [str(folder), SITE_PACKAGES])
    assert where.count(str(folder)) == 3
    assert configs == composed_in_checkout
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert first.namelist() == second.namelist()


def test_editable_install(source: Path, composed_in_checkout: str, tmp_path: Path) -> None:
    folder = install(build(tmp_path / "dist", source, "editable"), tmp_path / "installed")
    configs, where = composed("editable", folder, [SITE_PACKAGES])
    assert where.count(str(source)) == 3
    assert configs == composed_in_checkout


def test_the_wheel_holds_what_belongs_in_it_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    configs = {f"torchheads_configs/{path.relative_to(ROOT / 'configs')}" for path in (ROOT / "configs").rglob("*.*")}
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}
    wanted = {name for name in configs if name.endswith((".yaml", ".py"))} | sources | {"torchheads/py.typed"}
    templates = (ROOT / "src" / "torchheads" / "report" / "templates").iterdir()
    wanted |= {str(path.relative_to(ROOT / "src")) for path in templates}
    assert names == wanted
    assert "hydra_plugins/__init__.py" not in names


def test_every_package_is_listed_by_name() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(path.parent.relative_to(ROOT / "src").parts) for path in (ROOT / "src").rglob("__init__.py")}
    assert set(listed) == found | {"torchheads_configs", "torchheads_configs.plugin", "hydra_plugins"}
    assert len(listed) == len(set(listed))
