"""Each check of ``torchheads doctor``, on machines made up for it: what is wrong is found, and what is right is not."""

import builtins
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from torchheads import doctor_checks
from torchheads.doctor_checks import Finding, check_devices, check_folders, check_known_bad, check_pair, check_versions

Versions = Callable[..., None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Sets the versions that packages claim to be; None for one that is not there."""

    def set_versions(**versions: str | None) -> None:
        real = metadata.version

        def version(package: str) -> str:
            found = versions[package] if package in versions else real(package)
            if found is None:
                raise metadata.PackageNotFoundError(package)
            return found

        monkeypatch.setattr(metadata, "version", version)

    return set_versions


def by_subject(check: doctor_checks.Check) -> dict[str, Finding]:
    return {finding.subject: finding for finding in check()}


def test_this_machine_is_fine() -> None:
    for check in (check_versions, check_pair, check_folders, check_known_bad):
        assert {finding.state for finding in check()} == {"fine"}, check
    versions = by_subject(check_versions)
    names = "python torchheads torch lightning torchmetrics torchvision hydra-core omegaconf numpy scikit-learn"
    assert set(versions) >= {*names.split(), "safetensors", "jaxtyping", "rich"}
    assert versions["python"].text == sys.version.split()[0]


@pytest.mark.parametrize(
    ("package", "found", "text"),
    [
        ("torch", "2.10.0+cu128", "2.10.0+cu128; allowed >=2.11"),
        ("lightning", "2.8.0", "2.8.0; allowed <2.8,>=2.6.6"),
        ("rich", None, "is not installed; needed >=13"),
    ],
)
def test_a_version_that_is_not_allowed(package: str, found: str | None, text: str, installed: Versions) -> None:
    installed(**{package: found})
    wrong = [finding for finding in check_versions() if finding.state == "wrong"]
    assert [(finding.subject, finding.text) for finding in wrong] == [(package, text)]
    assert wrong[0].remedy.startswith(f"{doctor_checks.PIP} install '{package}")


@pytest.mark.parametrize("found", ["2.11.0", "2.15.0+cpu", "2.16.0.dev20261101"])
def test_builds_and_nightlies_are_versions_too(found: str, installed: Versions) -> None:
    installed(torch=found)
    assert by_subject(check_versions)["torch"] == Finding("torch", found)


def test_extras_are_not_needed_and_a_python_too_old_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["nowhere>=1; extra == 'export'", "rich>=13"])
    monkeypatch.setattr("platform.python_version", lambda: "3.10.2")
    findings = by_subject(check_versions)
    assert set(findings) == {"python", "torchheads", "rich"}
    assert findings["python"].text == "3.10.2; allowed >=3.11"
    assert findings["python"].state == "wrong"


def test_a_copy_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    (finding,) = check_versions()
    assert (finding.state, finding.remedy) == ("wrong", f"{doctor_checks.PIP} install -e . in its folder")


def test_a_pair_that_does_not_fit_is_said_from_its_metadata(
    installed: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(torch="2.15.0", torchvision="0.26.0")
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy", "torch==2.11.0"])
    (finding,) = check_pair()
    assert finding.state == "wrong"
    assert finding.text == "torchvision 0.26.0 with torch 2.15.0: torchvision needs torch ==2.11.0"
    assert finding.remedy == f"{doctor_checks.PIP} install --upgrade torch torchvision"


def test_a_pair_that_fails_on_import_is_said_and_does_not_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(doctor_checks.importlib, "import_module", fail)
    (finding,) = check_pair()
    assert finding.state == "wrong"
    assert finding.text.endswith(": importing torchvision fails: operator torchvision::nms does not exist")


def test_a_torchvision_without_its_operators_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = SimpleNamespace(ops=SimpleNamespace(torchvision=SimpleNamespace()))
    monkeypatch.setattr(doctor_checks.importlib, "import_module", lambda name: bare)
    (finding,) = check_pair()
    assert finding.state == "wrong"
    assert "no attribute 'nms'" in finding.text


def test_half_a_pair(installed: Versions) -> None:
    installed(torchvision=None)
    (finding,) = check_pair()
    assert (finding.state, finding.text) == ("wrong", "both are needed, and one is not installed")


@pytest.mark.parametrize("bad", ["2.6.2", "2.6.3"])
def test_malicious_uploads_are_named_and_never_imported(
    bad: str, installed: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def guarded(name: str, *args: object, **kwargs: object) -> object:
        assert not name.startswith("lightning")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", guarded)
    installed(lightning=bad)
    (finding,) = check_known_bad()
    assert (finding.subject, finding.state) == ("lightning", "wrong")
    assert finding.text.startswith(f"{bad} is a malicious upload")
    assert finding.remedy == f"{doctor_checks.PIP} uninstall lightning; then replace every secret this machine held"
    assert by_subject(check_versions)["lightning"].state == "wrong"


def test_no_lightning_is_no_bad_lightning(installed: Versions) -> None:
    installed(lightning=None)
    (finding,) = check_known_bad()
    assert finding == Finding("lightning", "not installed, none of the malicious uploads 2.6.2, 2.6.3")


def machine(cards: int = 0, works: bool = True, cuda: str | None = "13.2", warning: str = "", mps: bool = False):
    """A torch that sees this many cards."""

    def is_available() -> bool:
        if warning:
            warnings.warn(warning, stacklevel=1)
        return cards > 0

    def ones(size: int, device: str) -> SimpleNamespace:
        if not works:
            raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")
        return SimpleNamespace(sum=lambda: SimpleNamespace(item=lambda: size))

    gpu = SimpleNamespace(
        is_available=is_available,
        device_count=lambda: cards,
        mem_get_info=lambda number: (2**30 * (number + 1), 80 * 2**30),
        get_device_name=lambda number: f"Card {number}",
    )
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    version = SimpleNamespace(cuda=cuda)
    return SimpleNamespace(cuda=gpu, ones=ones, version=version, backends=backends, get_num_threads=lambda: 3)


@pytest.mark.parametrize(
    ("options", "smi", "subject", "expected"),
    [
        ({}, None, "CUDA", ("no card; torch is built for CUDA 13.2", "absent")),
        ({"cuda": None}, None, "CUDA", ("no card; torch is built without CUDA", "absent")),
        ({"cuda": None}, "/bin/smi", "CUDA", ("torch is built without CUDA, and this machine may have a card", "absent")),  # noqa: E501
        ({"cards": 2}, None, "cuda:0", ("Card 0, 1.0 GiB of 80.0 GiB free", "fine")),
        ({"cards": 2}, None, "cuda:1", ("Card 1, 2.0 GiB of 80.0 GiB free", "fine")),
        ({"cards": 1, "works": False}, None, "cuda:0", ("does not compute: CUDA error: no kernel image is available", "wrong")),  # noqa: E501
        ({"warning": "driver too old\n"}, None, "CUDA", ("no card works, torch is built for CUDA 13.2: driver too old", "wrong")),  # noqa: E501
        ({"mps": True}, None, "MPS", ("Apple GPU", "fine")),
        ({}, None, "MPS", ("no Apple GPU", "absent")),
    ],
)  # fmt: skip
def test_devices(options: dict, smi: str | None, subject: str, expected: tuple, monkeypatch) -> None:
    monkeypatch.setattr(doctor_checks.importlib, "import_module", lambda name: machine(**options))
    monkeypatch.setattr(doctor_checks.shutil, "which", lambda name: smi)
    findings = by_subject(check_devices)
    assert (findings[subject].text, findings[subject].state) == expected
    assert bool(findings[subject].remedy) == (expected[1] == "wrong" or smi is not None)
    assert findings["CPU"].text.startswith("3 threads on ")


def test_a_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError("libcudart.so: cannot open shared object file")

    monkeypatch.setattr(doctor_checks.importlib, "import_module", fail)
    (finding,) = check_devices()
    assert finding.state == "wrong"
    assert finding.text == "torch cannot be imported: libcudart.so: cannot open shared object file"


def test_folders_are_looked_at_and_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "not" / "there"))
    findings = by_subject(check_folders)
    assert findings["outputs"].text.startswith(f"{tmp_path / 'outputs'}, ")
    assert findings["outputs"].text.endswith(" GiB free")
    assert findings["torch cache"].text.startswith(f"{tmp_path / 'not' / 'there'}, ")
    assert not list(tmp_path.iterdir())


def test_the_cache_is_where_torch_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    for variables in ({}, {"XDG_CACHE_HOME": str(tmp_path)}, {"TORCH_HOME": str(tmp_path / "home")}):
        for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        folder = str(Path(torch.hub.get_dir()).parent)
        assert by_subject(check_folders)["torch cache"].text.startswith(f"{folder}, ")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outputs").write_text("a file")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "outputs"))
    monkeypatch.setattr(doctor_checks.tempfile, "gettempdir", nowhere)
    findings = by_subject(check_folders)
    for subject, remedy in (("outputs", "hydra.run.dir="), ("temp", "export TMPDIR=")):
        assert findings[subject].state == "wrong"
        assert findings[subject].text.startswith(f"{tmp_path / 'outputs'} cannot be written: Not a directory")
        assert findings[subject].remedy.startswith(remedy)
    assert findings["torch cache"].state == "fine"


def nowhere() -> str:
    raise FileNotFoundError("No usable temporary directory found")


def test_a_full_disk(tmp_path: Path) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    code += "import signal, sys; from pathlib import Path; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code += "from torchheads.doctor_checks import writable; print(writable('a', Path(sys.argv[1]), 'b').text)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip().endswith("cannot be written: File too large")
