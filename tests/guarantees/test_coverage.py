"""`Coverage` against MAPIE, loops and values worked by hand."""

import numpy as np
import pytest
import torch
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import RAPSConformityScore

from torchheads.errors import FitError, HeadConfigError, TorchHeadsWarning
from torchheads.guarantees import Coverage
from torchheads.links import SOFTMAX

C = 6


def problem(n, seed=0, c=C):
    """Logits (n, c) in float64, and classes that a somewhat less sure softmax of them draws."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, c, generator=random, dtype=torch.float64) * 2
    return logits, (logits * 0.7).softmax(dim=1).multinomial(1, generator=random).squeeze(1)


def fitted(logits, classes, **options):
    promise = Coverage(**options)
    promise.bind(logits.shape[1])
    promise.fit(SOFTMAX.scores(logits), torch.nn.functional.one_hot(classes, logits.shape[1]).bool())
    return promise


# MAPIE ----------------------------------------------------------------------------------------------------------------


def mapies_sets(answers, logits, classes, new, level, score, chance, include_last_label):
    table = torch.cat([logits, new]).softmax(dim=1).numpy()
    numbers = np.arange(len(table)).reshape(-1, 1)
    model = SplitConformalClassifier(answers(table), level, score, random_state=chance)
    model.conformalize(numbers[: len(logits)], classes.numpy())
    _, sets = model.predict_set(numbers[len(logits) :], {"include_last_label": include_last_label})
    return torch.from_numpy(sets[:, :, 0])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_lac_equals_mapie(answers, level):
    (logits, classes), (new, _) = problem(199), problem(400, seed=1)
    expected = mapies_sets(answers, logits, classes, new, level, "lac", 0, True)
    assert torch.equal(fitted(logits, classes, level=level)(SOFTMAX.scores(new)), expected)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(("allow_empty", "include_last_label"), [(True, "randomized"), (False, False)])
def test_aps_equals_mapie_without_chance(answers, no_chance, level, allow_empty, include_last_label):
    (logits, classes), (new, _) = problem(199), problem(400, seed=1)
    expected = mapies_sets(answers, logits, classes, new, level, "aps", no_chance, include_last_label)
    found = fitted(logits, classes, level=level, method="aps", allow_empty=allow_empty)(SOFTMAX.scores(new))
    assert torch.equal(found, expected)
    assert found.any(dim=1).all() == (not allow_empty or level == 0.95)  # the surest rows get nothing


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_raps_equals_mapie_with_the_penalty_that_mapie_chose(answers, no_chance, level):
    (logits, classes), (new, _) = problem(500), problem(400, seed=1)
    score = RAPSConformityScore()
    expected = mapies_sets(answers, logits, classes, new, level, score, no_chance, False)
    used_to_choose = set(np.asarray(score.X_raps)[:, 0].tolist())
    own = torch.tensor([row for row in range(500) if row not in used_to_choose])
    options = {"penalty": float(np.ravel(score.lambda_star)[0]), "k_reg": int(score.k_star[0]), "allow_empty": False}
    found = fitted(logits[own], classes[own], level=level, method="raps", **options)(SOFTMAX.scores(new))
    assert torch.equal(found, expected)


# Loops and hands ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
@pytest.mark.parametrize("per_class", [False, True])
def test_the_sets_are_those_of_the_definition(method, per_class):
    (logits, classes), (new, _) = problem(120), problem(50, seed=1)
    promise = fitted(logits, classes, level=0.8, method=method, per_class=per_class, penalty=0.3, k_reg=1)
    own = promise.strangeness(SOFTMAX.scores(logits))
    expected = torch.zeros(50, C, dtype=torch.bool)
    for label in range(C):
        values = [own[i, y].item() for i, y in enumerate(classes.tolist()) if not per_class or y == label]
        rank = -(-(len(values) + 1) * 8 // 10)
        limit = sorted(values)[rank - 1]
        expected[:, label] = promise.strangeness(SOFTMAX.scores(new))[:, label] <= limit
    assert torch.equal(promise(SOFTMAX.scores(new)), expected)


@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (99, 0.9), (99, 0.07), (37, 0.5), (200, 0.95)])
def test_exactly_k_of_the_held_out_rows_are_covered(method, n, level):
    logits, classes = problem(n)
    covered = fitted(logits, classes, level=level, method=method)(SOFTMAX.scores(logits))[torch.arange(n), classes]
    assert covered.sum() == -(-(n + 1) * round(level * 100) // 100)


def test_by_hand():
    # the right classes have scores 3, 1, 2; n = 3 and level 1/2 give k = 2: the second largest, 2
    promise = Coverage(0.5)
    promise.bind(2)
    promise.fit(torch.tensor([[3.0, -3.0], [-1.0, 1.0], [2.0, -2.0]]), torch.tensor([[1, 0], [0, 1], [1, 0]]).bool())
    assert promise.limit.tolist() == [-2.0, -2.0]
    assert promise(torch.tensor([[2.0, 1.9], [1.0, 1.0], [5.0, 2.5]])).tolist() == [
        [True, False],
        [False, False],
        [True, True],
    ]


def test_saturated_probabilities_are_still_told_apart():
    logits = torch.tensor([[40.0 + i, 0.0] for i in range(9)])  # in float32 all of them have p = 1
    promise = fitted(logits, torch.zeros(9, dtype=torch.long), level=0.8)  # k = 8: the second lowest, 41
    assert promise(SOFTMAX.scores(logits))[:, 0].tolist() == [False] + [True] * 8


def test_no_set_is_empty_where_none_may_be():
    (logits, classes), (new, _) = problem(199), problem(400, seed=1)
    scores = SOFTMAX.scores(new)
    for method in ("lac", "aps", "raps"):
        empty = fitted(logits, classes, level=0.5, method=method)(scores)
        full = fitted(logits, classes, level=0.5, method=method, allow_empty=False)(scores)
        assert not empty.any(dim=1).all()
        assert full.any(dim=1).all()
        largest = torch.nn.functional.one_hot(scores.argmax(dim=1), C).bool()
        assert torch.equal(full, empty | largest)


def test_too_few_rows_say_how_many_are_needed():
    logits, classes = problem(18)
    with pytest.raises(FitError) as caught:
        fitted(logits, classes, level=0.95)
    assert str(caught.value) == (
        "TH-F02: 18 held-out rows; a coverage of 0.95 takes 19 or more. Try: a larger calibration split, or level=0.947"
    )
    fitted(logits, classes, level=0.947)
    fitted(*problem(19), level=0.95)


def test_a_class_with_too_few_rows_is_in_every_set():
    logits, _ = problem(40)
    classes = torch.tensor([0] * 20 + [1] * 16 + [2] * 4)
    with pytest.warns(TorchHeadsWarning, match=r"TH-W06: 4 of 6 classes, such as \[2, 3, 4\], have fewer than 9 held"):
        promise = fitted(logits, classes, level=0.9, per_class=True)
    assert promise.always_included == [2, 3, 4, 5]
    sets = promise(SOFTMAX.scores(problem(50, seed=1)[0]))
    assert sets[:, 2:].all()
    assert not sets[:, :2].all()


def test_without_such_a_class_there_is_none():
    assert fitted(*problem(200), level=0.5).always_included == []
    assert Coverage().always_included == []


def test_several_labels_a_row_are_none_of_its_business():
    promise = Coverage()
    promise.bind(2)
    for target in (torch.ones(20, 2), torch.zeros(20, 2)):
        with pytest.raises(FitError, match=r"TH-F03: a target of which a row has not exactly one label.*Try: FalseNeg"):
            promise.fit(torch.randn(20, 2), target.bool())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "top_k"}, "TH-H03: method='top_k'; allowed 'lac', 'aps', 'raps'. Try: method=lac"),
        ({"penalty": -1}, "TH-H03: penalty=-1; allowed a number >= 0. Try: penalty=1"),
        ({"k_reg": "2"}, "TH-H03: k_reg='2'; allowed a whole number >= 0. Try: k_reg=1"),
        ({"k_reg": 2.7}, "TH-H03: k_reg=2.7; allowed a whole number >= 0. Try: k_reg=1"),
        ({"penalty": float("nan")}, "TH-H03: penalty=nan; allowed a number >= 0. Try: penalty=1"),
    ],
)
def test_options_out_of_range(options, text):
    with pytest.raises(HeadConfigError) as caught:
        Coverage(**options)
    assert str(caught.value) == text


def test_repr_names_what_matters():
    assert repr(Coverage()) == "Coverage(level=0.9, method='lac', not fitted)"
    assert repr(Coverage(0.8, "raps", 0.2, 3, per_class=True, allow_empty=False)) == (
        "Coverage(level=0.8, method='raps', penalty=0.2, k_reg=3, per_class=True, allow_empty=False, not fitted)"
    )
