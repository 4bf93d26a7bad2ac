"""What all guarantees share: they refuse before they are fitted, keep what they learned bit for bit, serve a head."""

import copy
import math
import pickle

import pytest
import torch

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.errors import FitError, HeadConfigError
from torchheads.guarantees import Coverage, FalseNegativeRate, PrecisionControl
from torchheads.guarantees.base import check_choice

MAKES = {
    "lac": Coverage,
    "aps": lambda: Coverage(method="aps"),
    "raps": lambda: Coverage(method="raps", allow_empty=False),
    "per class": lambda: Coverage(0.5, per_class=True),
    "false negatives": FalseNegativeRate,
    "false negatives per label": lambda: FalseNegativeRate(0.3, per_label=True),
    "precision": lambda: PrecisionControl(0.6),
    "precision per label": lambda: PrecisionControl(0.6, per_label=True),
}
every_guarantee = pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)


def rows(guarantee, n=120, c=4, seed=0):
    """Scores that say something of the target, in the form the guarantee wants."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, c, generator=random) * 2
    if guarantee.label_type == "single":
        return scores, torch.nn.functional.one_hot((scores + torch.randn(n, c, generator=random)).argmax(1), c).bool()
    return scores, torch.rand(n, c, generator=random) < scores.sigmoid()


def bound(make, num_classes=4):
    guarantee = make()
    guarantee.bind(num_classes)
    return guarantee


def fitted(make):
    guarantee = bound(make)
    guarantee.fit(*rows(guarantee))
    return guarantee


def head_of(guarantee):
    head = SoftmaxHead if guarantee.label_type == "single" else SigmoidHead
    return head(3, 4, guarantee=guarantee)


@every_guarantee
def test_unfitted_it_refuses(make):
    guarantee = bound(make)
    assert not guarantee.fitted
    with pytest.raises(FitError, match=r"TH-F01: \w+ was not fitted yet.*Try: head\.fit_held_out"):
        guarantee(torch.zeros(2, 4))
    head = head_of(make())
    assert not head.fitted
    with pytest.raises(FitError, match="TH-F01"):
        head.prediction_set(torch.zeros(2, 4))


@every_guarantee
def test_what_it_learned_makes_the_round_trip_bit_for_bit(make, tmp_path):
    guarantee, again = fitted(make), bound(make)
    torch.save(guarantee.state_dict(), tmp_path / "state.pt")
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert again.fitted
    scores = rows(guarantee, seed=1)[0]
    for twin in (again, copy.deepcopy(guarantee), pickle.loads(pickle.dumps(guarantee))):
        assert {name: value.dtype for name, value in twin.named_buffers()} == {
            "limit": torch.float64,
            "num_rows": torch.int64,
            "is_fitted": torch.bool,
            "kind": torch.int64,
        }
        for name, value in guarantee.named_buffers():
            assert torch.equal(twin.get_buffer(name), value), name
        assert torch.equal(twin(scores), guarantee(scores))


@every_guarantee
def test_a_state_has_one_shape_before_and_after(make):
    before = {name: value.shape for name, value in bound(make).state_dict().items()}
    assert {name: value.shape for name, value in fitted(make).state_dict().items()} == before


@every_guarantee
@pytest.mark.parametrize("move", ["half", "bfloat16", "float"])
def test_a_cast_changes_no_limit(make, move):
    guarantee = fitted(make)
    limit = guarantee.limit.clone()
    getattr(guarantee, move)()
    assert torch.equal(guarantee.limit, limit)
    assert guarantee.limit.dtype == torch.float64


@every_guarantee
def test_a_head_saves_and_loads_it(make):
    head, again = head_of(make()), head_of(make())
    logits, sets = rows(head.guarantee)
    head.fit_held_out(logits, sets.long().argmax(1) if head.label_type == "single" else sets)
    again.load_state_dict(head.state_dict())
    assert head.fitted
    assert again.fitted
    assert torch.equal(again.prediction_set(logits), head.prediction_set(logits))
    assert torch.equal(head.predict(logits), head.decision(head.scores(logits)))  # which the guarantee leaves alone


@every_guarantee
def test_positions_are_rows(make):
    head = head_of(fitted(make))
    logits = torch.randn(2, 4, 3, 5)
    flat = logits.permute(0, 2, 3, 1).reshape(-1, 4)
    expected = head.prediction_set(flat).reshape(2, 3, 5, 4).permute(0, 3, 1, 2)
    assert torch.equal(head.prediction_set(logits), expected)


@every_guarantee
def test_it_is_all_the_same_in_double_precision_and_of_no_row(make):
    guarantee = fitted(make)
    scores = rows(guarantee, seed=1)[0]
    assert torch.equal(guarantee(scores.double()), guarantee(scores))
    assert guarantee(scores[:0]).shape == (0, 4)
    assert guarantee(scores).dtype == torch.bool


@every_guarantee
def test_fitting_again_forgets_and_needs_no_gradient(make):
    guarantee = fitted(make)
    scores, sets = rows(guarantee, seed=3)
    guarantee.fit(scores.clone().requires_grad_(), sets)
    fresh = bound(make)
    fresh.fit(scores, sets)
    assert torch.equal(guarantee.limit, fresh.limit)
    assert not guarantee.limit.requires_grad
    assert guarantee.num_rows == 120


@every_guarantee
def test_rows_that_do_not_fit(make):
    guarantee = bound(make)
    scores, sets = rows(guarantee)
    with pytest.raises(FitError, match=r"TH-F03: scores of shape \(120, 3\); allowed finite ones of shape \(n, 4\)"):
        guarantee.fit(scores[:, :3], sets)
    with pytest.raises(FitError, match="TH-F03"):
        guarantee.fit(scores * math.inf, sets)
    with pytest.raises(FitError, match="TH-F03: a target of"):
        guarantee.fit(scores, sets[:5])
    with pytest.raises(FitError, match="TH-F02: no held-out example"):
        guarantee.fit(scores[:0], sets[:0])
    with pytest.raises(FitError, match="TH-F02: no held-out example"):
        guarantee.fit(scores, sets, torch.zeros_like(sets))
    assert not guarantee.fitted


@every_guarantee
def test_rows_of_which_nothing_is_known_do_not_count(make):
    guarantee, fewer = bound(make), bound(make)
    scores, sets = rows(guarantee)
    known = torch.ones_like(sets)
    known[100:] = False
    guarantee.fit(scores, sets, known)
    fewer.fit(scores[:100], sets[:100])
    assert torch.equal(guarantee.limit, fewer.limit)
    assert guarantee.num_rows == 100


@every_guarantee
def test_it_says_what_it_learned(make):
    assert repr(bound(make)).endswith("not fitted)")
    assert "fitted on 120 rows, limit " in repr(fitted(make))


def test_endless_limits_are_counted():
    guarantee = bound(FalseNegativeRate)
    guarantee.learn(torch.tensor([-math.inf, 0.0, 1.5, math.inf]).double(), 7)
    assert repr(guarantee) == (
        "FalseNegativeRate(level=0.1, per_label=False, fitted on 7 rows, limit 0 to 1.5, none for 2 classes)"
    )
    guarantee.learn(torch.full((4,), 1.25).double(), 7)
    assert repr(guarantee) == "FalseNegativeRate(level=0.1, per_label=False, fitted on 7 rows, limit 1.25)"
    guarantee.learn(torch.full((4,), math.inf).double(), 7)
    assert repr(guarantee) == "FalseNegativeRate(level=0.1, per_label=False, fitted on 7 rows, none for 4 classes)"


def test_an_empty_shell_is_not_fitted():
    guarantee = fitted(Coverage).to("meta")
    assert not guarantee.fitted
    with torch.device("meta"):
        assert not bound(Coverage).fitted


def test_a_fitted_one_serves_no_head_of_other_classes():
    guarantee = fitted(Coverage)
    guarantee.bind(4)
    assert guarantee.fitted
    with pytest.raises(
        HeadConfigError, match=r"TH-H03: this Coverage was fitted for 4 classes, not for 5\. Try: a Cov"
    ):
        guarantee.bind(5)


def test_a_promise_for_the_other_label_type():
    with pytest.raises(HeadConfigError, match=r"TH-H03: Coverage is a promise for label type 'single'.*Try: FalseNeg"):
        SigmoidHead(3, 4, guarantee=Coverage())
    with pytest.raises(HeadConfigError, match=r"TH-H03: PrecisionControl is a promise .* 'multi'.*Try: Coverage"):
        SoftmaxHead(3, 4, guarantee=PrecisionControl())


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, math.nan, "0.9", None, True])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Coverage, "level"),
        (FalseNegativeRate, "level"),
        (PrecisionControl, "level"),
        (PrecisionControl, "confidence"),
    ],
)
def test_shares_out_of_range(make, name, value):
    with pytest.raises(
        HeadConfigError, match=rf"TH-H03: {name}=.*; allowed a number between 0 and 1\. Try: {name}=0\.9"
    ):
        make(**{name: value})


def test_an_option_that_there_is_not():
    with pytest.raises(HeadConfigError) as caught:
        check_choice("method", "top_k", ("lac", "aps"))
    assert str(caught.value) == "TH-H03: method='top_k'; allowed 'lac', 'aps'. Try: method=lac"


@every_guarantee
def test_a_promise_learned_by_another_kind_or_with_other_options_is_not_taken(make):
    state = fitted(make).state_dict()
    for name, other in MAKES.items():
        guarantee = bound(other)
        guarantee.load_state_dict(state)
        assert guarantee.fitted == (MAKES[name] is make), name
        again = fitted(other)
        again.load_state_dict(state)
        assert again.fitted == (MAKES[name] is make), name


@every_guarantee
def test_a_state_saved_before_there_were_kinds_is_taken(make):
    state = fitted(make).state_dict()
    del state["kind"]
    guarantee = bound(make)
    guarantee.load_state_dict(state)
    assert guarantee.fitted
    assert torch.equal(guarantee.kind, fitted(make).kind)


@pytest.mark.parametrize("value", ["no", 0, None])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Coverage, "per_class"),
        (Coverage, "allow_empty"),
        (FalseNegativeRate, "per_label"),
        (PrecisionControl, "per_label"),
    ],
)
def test_words_are_no_yes_or_no(make, name, value):
    with pytest.raises(HeadConfigError, match=rf"TH-H03: {name}={value!r}; allowed True, False. Try: {name}=False"):
        make(**{name: value})
