"""The checks of ``torchheads doctor``: each looks at one thing of this machine and yields what it finds.

Packages are judged by their metadata; torch and torchvision alone are imported, since a bad one may run code on import.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torchheads import __version__

KNOWN_BAD = {"lightning": ("2.6.2", "2.6.3")}
"""Malicious uploads, advisory GHSA-w37p-236h-pfx3: importing one sends the machine's secrets away."""

PIP = "pip" if util.find_spec("pip") else "uv pip"
PROBE = bytes(2**20)  # large enough that a full disk or a used-up quota shows


class Finding(NamedTuple):
    """One line of the report; ``remedy`` is what to type, and only a finding that is wrong fails the command."""

    subject: str
    text: str
    state: Literal["fine", "absent", "wrong"] = "fine"
    remedy: str = ""


def check_versions() -> Iterator[Finding]:
    """Python, torchheads and the packages it needs, each against the versions that torchheads allows."""
    from packaging.requirements import Requirement

    try:
        python = metadata.metadata("torchheads")["Requires-Python"]
        needed = [Requirement(text) for text in metadata.requires("torchheads") or ()]
    except metadata.PackageNotFoundError:
        yield Finding("torchheads", f"{__version__} is not installed", "wrong", f"{PIP} install -e . in its folder")
        return
    yield judged(
        Requirement(f"python{python}"), platform.python_version(), f"a virtual environment with Python {python}"
    )
    yield Finding("torchheads", f"{__version__} in {Path(__file__).parent}")
    for requirement in needed:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            remedy = f"{PIP} install '{requirement.name}{requirement.specifier}'"
            yield judged(requirement, version_of(requirement.name), remedy)


def check_pair() -> Iterator[Finding]:
    """Whether torch and torchvision were built for each other: by what torchvision asks for, then by importing both."""
    from packaging.requirements import Requirement

    torch, vision = version_of("torch"), version_of("torchvision")
    if torch is None or vision is None:
        yield Finding("pair", "both are needed, and one is not installed", "wrong", f"{PIP} install torch torchvision")
        return
    faults = []
    for needed in map(Requirement, metadata.requires("torchvision") or ()):
        if needed.name == "torch" and not needed.specifier.contains(torch, prereleases=True):
            faults.append(f"torchvision needs torch {needed.specifier}")
    try:
        importlib.import_module("torchvision")
        _ = importlib.import_module("torch").ops.torchvision.nms  # an operator that only the fitting build registers
    except Exception as error:
        faults.append(f"importing torchvision fails: {first_line(error)}")
    text = f"torchvision {vision} with torch {torch}"
    if faults:
        yield Finding("pair", f"{text}: {'; '.join(faults)}", "wrong", f"{PIP} install --upgrade torch torchvision")
    else:
        yield Finding("pair", text)


def check_devices() -> Iterator[Finding]:
    """What torch can compute on."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        problem = f"torch cannot be imported: {first_line(error)}"
        yield Finding("devices", problem, "wrong", f"{PIP} install --force-reinstall torch torchvision")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("CPU", f"{counted(torch.get_num_threads(), 'thread')} on {counted(cores, 'core')}")
    yield from cuda_cards(torch)
    if torch.backends.mps.is_available():
        yield Finding("MPS", "Apple GPU")
    else:
        yield Finding("MPS", "no Apple GPU", "absent")


def check_folders() -> Iterator[Finding]:
    """Whether the folders that runs, Python and torch write to can be written, and how much room they have."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch").expanduser()
    yield writable("outputs", Path.cwd() / "outputs", "hydra.run.dir=<a folder you can write>, for every run")
    yield writable("temp", temp_folder(), "export TMPDIR=<a folder you can write>")
    yield writable(
        "torch cache", Path(os.environ.get("TORCH_HOME") or cache), "export TORCH_HOME=<a folder you can write>"
    )


def check_known_bad() -> Iterator[Finding]:
    """Versions that must not be imported, not even once."""
    for name, versions in KNOWN_BAD.items():
        found, listed = version_of(name), ", ".join(versions)
        if found in versions:
            problem = f"{found} is a malicious upload, which steals passwords and tokens when it is imported"
            remedy = f"{PIP} uninstall {name}; then replace every secret this machine held"
            yield Finding(name, problem, "wrong", remedy)
        else:
            yield Finding(name, f"{found or 'not installed'}, none of the malicious uploads {listed}")


Check = Callable[[], Iterator[Finding]]
CHECKS: dict[str, Check] = {
    "versions": check_versions,
    "torch and torchvision": check_pair,
    "devices": check_devices,
    "folders": check_folders,
    "known-bad packages": check_known_bad,
}


def judged(requirement: Any, found: str | None, remedy: str) -> Finding:
    """A version found, or None, against the versions allowed."""
    name, allowed = requirement.name, str(requirement.specifier)
    if found is None:
        return Finding(name, f"is not installed; needed {allowed}", "wrong", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(name, f"{found}; allowed {allowed}", "wrong", remedy)
    return Finding(name, found)


def version_of(package: str) -> str | None:
    """The version a package was installed as, without importing it; None if it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cuda_cards(torch: Any) -> Iterator[Finding]:
    """Each card with its memory, after one small sum on it; or why there is none."""
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0 and said:
        remedy = "a newer driver for the card, or a torch built for an older CUDA"
        yield Finding("CUDA", f"no card works, torch is {built}: {first_line(said[0].message)}", "wrong", remedy)
    elif count == 0 and shutil.which("nvidia-smi") and not torch.version.cuda:
        yield Finding(
            "CUDA", f"torch is {built}, and this machine may have a card", "absent", "nvidia-smi, to see the card"
        )
    elif count == 0:
        yield Finding("CUDA", f"no card; torch is {built}", "absent")
    for number in range(count):
        try:
            torch.ones(2, device=f"cuda:{number}").sum().item()
            free, total = torch.cuda.mem_get_info(number)
        except RuntimeError as error:
            remedy = "nvidia-smi, which shows the driver and what else runs on the card"
            yield Finding(f"cuda:{number}", f"does not compute: {first_line(error)}", "wrong", remedy)
        else:
            text = f"{torch.cuda.get_device_name(number)}, {gib(free)} of {gib(total)} free"
            yield Finding(f"cuda:{number}", text)


def writable(subject: str, folder: Path, remedy: str) -> Finding:
    """Whether a file can be written in a folder or, where it is not there yet, in the nearest folder above it."""
    try:
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(PROBE)
            file.flush()
        return Finding(subject, f"{folder}, {gib(shutil.disk_usage(nearest).free)} free")
    except OSError as error:
        return Finding(subject, f"{folder} cannot be written: {error.strerror or error}", "wrong", remedy)


def temp_folder() -> Path:
    """Where Python puts temporary files; where it finds no place at all, the one it was told."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path(os.environ.get("TMPDIR") or "/tmp")


def first_line(error: object) -> str:
    """What an error says first, at most 120 letters of it; its kind where it says nothing."""
    return next((line.strip()[:120] for line in str(error).splitlines() if line.strip()), type(error).__name__)


def counted(count: int, word: str) -> str:
    """A number with its word.

    Example:
        >>> counted(1, "core"), counted(2, "core")
        ('1 core', '2 cores')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"


def gib(size: int) -> str:
    """Bytes as GiB.

    Example:
        >>> gib(3 * 2**29)
        '1.5 GiB'
    """
    return f"{size / 2**30:,.1f} GiB"
