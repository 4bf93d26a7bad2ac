"""The command line of torchheads: Hydra composes, this file checks, then the work begins.

Everything a configuration can get wrong is said before torch is imported: composing and checking take a fraction of a
second, importing torch takes several.
"""

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from torchheads.allowed_targets import check_hydra, check_targets
from torchheads.config_checks import check_config, check_files
from torchheads.config_errors import explain
from torchheads.errors import HeadConfigError, TorchHeadsError, UnsafeArtifact
from torchheads.instantiate import instantiate, instantiate_each
from torchheads.run_folder import check_folder, claim_folder, make_output, save_config

__all__ = [
    "check_command",
    "check_config",
    "check_other_command",
    "check_targets",
    "instantiate",
    "instantiate_each",
    "make_output",
    "run_app",
    "save_config",
]

Task = Callable[[DictConfig, Path], Any]
"""What a run does: called with its configuration and its folder."""

CONFIGS = "torchheads_configs"


def run_app(config_name: str, task: Task | str, arguments: Sequence[str] | None = None) -> None:
    """Run a command: compose its configuration, check it, claim a folder, and only then call the task.

    A wrong command line ends with one readable line on the error stream and exit code 2; an error of torchheads in the
    task with one line and exit code 1. One failing job does not stop the others of a sweep.

    Args:
        config_name: "train", "evaluate" or "predict".
        task: called once a job with the configuration and the run's folder; or its place as text,
            ``"torchheads.train:train"``, to import it (and torch) only after the checks.
        arguments: what was typed after the command; None for ``sys.argv[1:]``.
    """
    typed = sys.argv
    failed: list[Path] = []
    sys.argv = [typed[0], *(typed[1:] if arguments is None else arguments)]

    def job(config: DictConfig) -> Any:
        sys.argv = typed  # a launcher of worker processes repeats the command as it was typed
        return _run_job(config, task, failed)

    try:
        check_command(config_name, sys.argv[1:])
        hydra.main(config_path=f"pkg://{CONFIGS}", config_name=config_name, version_base="1.3")(job)()
    except TorchHeadsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        sys.argv = typed
    if failed:
        raise SystemExit(1)


def check_command(config_name: str, arguments: Sequence[str]) -> None:
    """Compose and check every job of a command line, before the first of them starts.

    Args:
        config_name: "train", "evaluate" or "predict".
        arguments: what was typed after the command.

    Raises:
        TorchHeadsError: the first thing that is wrong, see `check_config`; or TH-H04 (unknown option), TH-H05 (unknown
            key, text that cannot be read), TH-H15 (several devices in a sweep), TH-H16, TH-H17 (the run's folder), and
            those of `check_files`.
    """
    OmegaConf.register_new_resolver("torchheads.suffix", _suffix, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("oc.env", _environment, replace=True)
    args = get_args_parser().parse_args(list(arguments))
    if args.experimental_rerun:
        problem = "--experimental-rerun reads a pickle, which can run any code"
        raise UnsafeArtifact("S01", problem, "the overrides of that run")
    if args.help or args.hydra_help or args.shell_completion:
        return
    with initialize_config_module(CONFIGS, job_name=config_name, version_base="1.3"):
        try:
            sweep = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
            overrides = list(args.overrides)
            if args.config_dir is not None:
                overrides.append(f"hydra.searchpath=['file://{Path(args.config_dir).resolve()}']")
            for job in _jobs(overrides) if sweep else [overrides]:
                config = compose(args.config_name or config_name, job, return_hydra_config=True)
                _check_composed(config, sweep)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise explain(error, args.overrides) from None


def check_other_command(config_name: str, lines: Iterable[Sequence[str]]) -> None:
    """As `check_command`, for command lines that a running job is about to start; the job's own Hydra stays as it is.

    Args:
        config_name: "train", "evaluate" or "predict".
        lines: what would be typed after the command, one list a command.

    Raises:
        TorchHeadsError: as `check_command`.
    """
    outer, job = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    try:
        for line in lines:
            GlobalHydra.instance().clear()
            check_command(config_name, line)
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = outer, job


def _run_job(config: DictConfig, task: Task | str, failed: list[Path]) -> Any:
    """One job: check, claim the folder, import the task, call it.

    An error of torchheads becomes one line and an entry in ``failed``; raised, it would get Hydra's three lines more.
    """
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    try:
        plain = check_config(config)
        if not _is_worker():
            claim_folder(folder, plain)
        return _find(task)(config, folder)
    except TorchHeadsError as error:
        failed.append(folder)
        sweep = hydra_config.mode == RunMode.MULTIRUN
        print(f"{folder}: {error}" if sweep else error, file=sys.stderr)
        return None


def _find(task: Task | str) -> Task:
    """The task itself, or what ``"package.module:function"`` names."""
    if not isinstance(task, str):
        return task
    module, _, name = task.partition(":")
    found: Task = getattr(import_module(module), name)
    return found


def _check_composed(config: DictConfig, sweep: bool) -> None:
    """Check one job as composed, its ``hydra`` section included."""
    check_hydra(config.hydra)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = "the folder of the run"
    HydraConfig.instance().set_config(config)  # for a config that asks for ${hydra:...}
    try:
        if not sweep and not _is_worker():
            check_folder(Path(str(config.hydra.run.dir)))
        job = config.copy()
        with open_dict(job):
            del job["hydra"]
        plain = check_config(job)
        check_files(plain)
    finally:
        HydraConfig.instance().cfg = None
    devices = (plain.get("trainer") or {}).get("devices", 1)
    if sweep and devices not in (1, "1", "auto"):
        problem = f"trainer.devices={devices} in a sweep: every worker would start a sweep of its own"
        raise HeadConfigError("H15", problem, "trainer.devices=1, or one command a run")


def _jobs(overrides: list[str]) -> Iterator[list[str]]:
    """The command lines of a sweep's jobs; what only a special sweeper understands is left out."""
    parsed = OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(overrides)
    plain = [override for override in parsed if not override.is_sweep_override() or override.is_discrete_sweep()]
    for batch in BasicSweeper.split_arguments(plain, None):
        yield from batch


def _is_worker() -> bool:
    """Whether another process of this run is the first one; its folder is shared."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) != "0"


def _suffix() -> str:
    """Eight random letters, so that jobs started in the same second have folders of their own."""
    return secrets.token_hex(4)


def _environment(name: str, default: str | None = None) -> str | None:
    """``${oc.env:NAME}`` for names that begin with TORCHHEADS_: others may be secrets, and configs are saved."""
    if not name.startswith("TORCHHEADS_"):
        problem = f"a config reads the environment variable {name}; allowed: names that begin with TORCHHEADS_"
        raise UnsafeArtifact("S02", problem, f"TORCHHEADS_{name}=${name} before the command")
    return os.environ.get(name, default)
