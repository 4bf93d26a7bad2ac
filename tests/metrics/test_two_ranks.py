"""Two gloo processes together give what one process gives, whoever has the rows."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("two_ranks.py")
SECONDS = 60


def load_script() -> Any:
    """The script as a module, for its cases and rows."""
    spec = importlib.util.spec_from_file_location("two_ranks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


two_ranks = load_script()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found, in a process group of their own and for a limited time."""
    folder = tmp_path_factory.mktemp("two_ranks")
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "error::UserWarning", str(SCRIPT), str(rank), str(folder)],
            env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=SECONDS)[0] for rank in ranks]
    finally:
        for rank in ranks:
            if rank.poll() is None:
                os.killpg(rank.pid, signal.SIGKILL)
                rank.wait()
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(said)
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def flat(values: Any) -> list[tuple[str, float]]:
    """Names and numbers of nested results, in order."""
    if isinstance(values, dict):
        return [(f"{name}/{rest}", number) for name, value in values.items() for rest, number in flat(value)]
    if isinstance(values, list):
        return [(f"{place}/{rest}", number) for place, value in enumerate(values) for rest, number in flat(value)]
    return [("", values)]


@pytest.mark.parametrize("case", two_ranks.CASES)
def test_two_processes_are_one(case: str, found: list[dict[str, Any]]) -> None:
    alone = flat(two_ranks.results(two_ranks.score(case, rank=0, world=1)))
    assert len(alone) > 20
    for rank in found:
        together = flat(rank[case])
        assert [name for name, _ in together] == [name for name, _ in alone]
        expected = pytest.approx([number for _, number in alone], abs=1e-9, nan_ok=True)
        assert [number for _, number in together] == expected


def test_suites_score_again_after_a_reset(found: list[dict[str, Any]]) -> None:
    """Both ranks hold the same three rows then: every row twice gives the values of every row once."""
    suite = two_ranks.metric_suite("multi", 7)
    suite.update(**two_ranks.rows("multi", 3))
    for rank in found:
        assert rank["reset"] == pytest.approx(suite.compute(), abs=1e-9, nan_ok=True)


def test_the_epoch_loss_is_over_all_ranks(found: list[dict[str, Any]]) -> None:
    """(3 * 1 + 1 * 5) / 4 on the first rank; the second had one batch without examples."""
    for rank in found:
        assert rank["epoch_loss"] == [2.0, 4.0, 3, 1]


def test_metrics_of_many_classes_are_those_of_one_rank(found: list[dict[str, Any]]) -> None:
    expected = load_script().extreme(0, 1)
    assert len(expected) >= 15
    for rank in found:
        assert rank["extreme"] == pytest.approx(expected, abs=1e-12)
