"""The runs that a study is made of, read from their folders; torch is not needed.

n test samples, c classes.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, final
from zipfile import BadZipFile

import numpy as np

from torchheads.errors import CheckpointError

LABELS = "labels.json"
"""What a study calls a run's data and head, beside ``results.json``; without it they have the names of the results."""


class Predictions(NamedTuple):
    """The test split as a run judged it, sorted by row id.

    Attributes:
        index: row ids, shape (n,).
        logits: shape (n, c).
        scores: calibrated log-odds, shape (n, c): what is ranked and thresholded.
        probabilities: shape (n, c).
        predictions: class indices, shape (n,), or label sets, bool (n, c).
        target: as ``predictions``.
        mask: which entries of the target are known, shape of the target; None where all are.
    """

    index: np.ndarray  # type: ignore[assignment]  # shadows tuple.index, which nobody asks of a split
    logits: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray
    predictions: np.ndarray
    target: np.ndarray
    mask: np.ndarray | None = None


@final
class Run(NamedTuple):
    """One finished run.

    Attributes:
        folder: of the run.
        data: the data set, as a report calls it.
        head: the head, as a report calls it.
        seed: of training.
        results: what ``results.json`` holds.
        labels: what `LABELS` holds; empty where it is not there.
    """

    folder: Path
    data: str
    head: str
    seed: int
    results: dict[str, Any]
    labels: dict[str, Any]

    @property
    def label_type(self) -> str:
        """ "single" or "multi"."""
        return str(self.results["label_type"])

    def predictions(self) -> Predictions:
        """What the run made of the test split.

        Raises:
            CheckpointError: code K08, where the file is not there or holds something else.
        """
        try:
            path = self.folder / "predictions.npz"
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                return Predictions(**{name: saved[name] for name in Predictions._fields if name in saved.files})
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            problem = f"{self.folder / 'predictions.npz'} holds no predictions of one head ({error})"
            raise CheckpointError("K08", problem, "folders of runs of one head, trained with test=true") from error


def read_run(folder: str | Path) -> Run:
    """A finished run, by its folder.

    Raises:
        CheckpointError: code K08, for a folder without ``results.json`` of a run that was tested.
    """
    folder = Path(folder)
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        path = folder / LABELS
        labels = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        names = {"data": results["data"], "head": results["head"]} | labels
        if not isinstance(results["test"], dict):
            raise TypeError("its test is no table of metrics")
        return Run(folder, str(names["data"]), str(names["head"]), int(results["seed"]), results, labels)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{folder} is no folder of a finished run ({type(error).__name__}: {error})"
        raise CheckpointError("K08", problem, "folders that hold results.json of a run with test=true") from error


def find_runs(places: Iterable[str | Path]) -> list[Run]:
    """Every finished and tested run in or below some folders, sorted by folder.

    Raises:
        CheckpointError: code K08, where there is none.
    """
    given = [Path(place) for place in places]
    folders = sorted({path.parent for place in given for path in place.rglob("results.json") if is_run(path)})
    if not folders:
        problem = f"no finished run in {', '.join(map(str, given)) or 'no folder'}"
        raise CheckpointError("K08", problem, "torchheads report outputs/studies/my_study")
    return [read_run(folder) for folder in folders]


def is_run(path: Path) -> bool:
    """Whether a ``results.json`` stands beside predictions; those of a tuning or an evaluation do not."""
    return (path.parent / "predictions.npz").is_file()
