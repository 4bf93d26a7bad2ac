"""MAPIE's side of the comparison: a model that answers with probabilities made beforehand, and no chance."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin


class Answers(ClassifierMixin, BaseEstimator):
    """Answers row number i, the only feature, with the i-th row of a table of probabilities."""

    def __init__(self, table: Any = None) -> None:
        self.table = table

    def fit(self, features: Any, target: Any) -> "Answers":
        self.classes_, self.n_features_in_ = np.arange(self.table.shape[1]), 1
        return self

    def predict_proba(self, features: Any) -> Any:
        return self.table[np.asarray(features)[:, 0].astype(int)]

    def predict(self, features: Any) -> Any:
        return self.predict_proba(features).argmax(axis=1)


class NoChance(np.random.RandomState):
    """Draws 0 wherever a uniform number is asked for, so that APS leaves nothing of a class out at random."""

    def uniform(self, *args: Any, size: Any = None, **kwargs: Any) -> Any:
        return np.zeros(size)


@pytest.fixture
def answers() -> Any:
    return lambda table: Answers(table).fit(np.zeros((1, 1)), [0])


@pytest.fixture
def no_chance() -> NoChance:
    return NoChance(0)
