"""What a head learns from held-out rows: which of them, in which order, and by which part."""

from typing import Any

import pytest
import torch

from torchheads import FittedThreshold, SigmoidHead, SoftmaxHead
from torchheads.calibration import Calibrator, Platt, Temperature
from torchheads.decisions import ExpectedCost
from torchheads.errors import FitError, LogitsError, TargetError, TorchHeadsWarning
from torchheads.guarantees import Guarantee
from torchheads.heads import held_out
from torchheads.heads.held_out import held_out_rows
from torchheads.targets import LabelLists


class Halved(Calibrator):
    """Divides logits by two once it was fitted, and remembers what it was fitted on."""

    seen: Any = None

    @property
    def fitted(self):
        return self.seen is not None

    def fit(self, logits, target, known=None):
        self.seen = logits, target, known

    def forward(self, logits):
        return logits / 2 if self.fitted else logits


class Everything(Guarantee):
    """Holds every class possible."""

    label_type = "multi"
    suggestion = "none"
    seen: Any = None

    @property
    def fitted(self):
        return self.seen is not None

    def fit(self, scores, target, known=None):
        self.seen = scores, target, known

    def forward(self, scores):
        return torch.ones_like(scores, dtype=torch.bool)


def parts(**options):
    return SigmoidHead(
        8, 3, calibrator=Halved(), decision=FittedThreshold(), guarantee=Everything(), ignore_index=-1, **options
    )


LOGITS = torch.tensor([[4.0, -2.0, 1.0], [2.0, 3.0, -1.0], [-3.0, 1.0, 5.0]])
SETS = torch.tensor([[1, 0, 1], [1, 1, 0], [0, 1, 1]])


def test_each_part_sees_what_the_part_before_made():
    head = SigmoidHead(8, 3, calibrator=Halved(), decision=FittedThreshold())
    assert not head.fitted
    head.fit_held_out(LOGITS, SETS)
    assert head.fitted
    assert torch.equal(head.calibrator.seen[0], LOGITS)
    assert torch.equal(head.predict(LOGITS), SETS.bool())
    assert head.decision.cut.abs().max() <= 1.5  # of halved logits


def test_a_promise_is_made_on_rows_that_the_calibrator_has_not_seen():
    head, logits, target = parts(), torch.randn(40, 3), torch.rand(40, 3) < 0.5
    head.fit_held_out(logits, target)
    assert head.fitted
    seen, judged = head.calibrator.seen[0], head.guarantee.seen[0]
    assert len(seen) == len(judged) == 20
    assert torch.equal(torch.cat([seen, 2 * judged]).sort(dim=0).values, logits.sort(dim=0).values)
    assert head.prediction_set(logits).all()


def test_without_a_calibrator_that_learns_all_rows_are_for_all():
    head = SigmoidHead(8, 3, decision=FittedThreshold(), guarantee=Everything())
    head.fit_held_out(LOGITS, SETS)
    assert torch.equal(head.guarantee.seen[0], LOGITS)
    assert torch.equal(head.guarantee.seen[1], SETS.bool())


def test_a_decision_that_promises_is_fitted_like_a_guarantee():
    class Seen(FittedThreshold):
        promises = True

        def fit(self, scores, target, known=None, calibrated=False):
            self.seen = scores
            super().fit(scores, target, known, calibrated)

    head, logits = SigmoidHead(8, 3, calibrator=Halved(), decision=Seen()), torch.randn(40, 3)
    head.fit_held_out(logits, torch.rand(40, 3) < 0.5)
    both = torch.cat([head.calibrator.seen[0], 2 * head.decision.seen])
    assert torch.equal(both.sort(dim=0).values, logits.sort(dim=0).values)


def test_without_a_guarantee_there_are_no_prediction_sets():
    with pytest.raises(FitError, match=r"TH-F01: SigmoidHead was given no guarantee.*Try: guarantee=Coverage"):
        SigmoidHead(8, 3).prediction_set(LOGITS)
    with pytest.raises(FitError, match=r"TH-F01: Everything was not fitted yet.*Try: head\.fit_held_out"):
        parts().prediction_set(LOGITS)


def test_nobody_abstains_unless_the_rule_says_so():
    assert not SigmoidHead(8, 3).abstained(LOGITS).any()
    assert SigmoidHead(8, 3).abstained(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5)


@pytest.mark.parametrize("lists", [False, True])
def test_rows_that_are_known(lists: bool) -> None:
    """-1 is no label; a row of which nothing is known is left out; what is known of the others is told."""
    head, logits = SigmoidHead(8, 3, ignore_index=-1), torch.randn(6, 3)
    sets = [[0], [0, 2], [], [1], [2], [0, 1]]
    mask = torch.ones(6, 3, dtype=torch.bool)
    mask[1, 0] = mask[4, 2] = False
    mask[5] = False
    target: Any = LabelLists.from_lists(sets, 3)
    known = mask.clone()
    if not lists:
        target = target.multi_hot().long()
        target[2, 1] = -1
        known[2, 1] = False
    rows = held_out_rows(head, logits, target, mask)
    assert torch.equal(rows.logits, logits[:5])
    assert rows.known is not None
    assert torch.equal(rows.known, known[:5])
    assert [row.nonzero().flatten().tolist() for row in rows.target & rows.known] == [[0], [2], [], [1], []]
    assert held_out_rows(head, logits, LabelLists.from_lists(sets, 3), None).known is None


def test_class_indices_are_sets_of_one():
    head = SoftmaxHead(8, 3, ignore_index=-1)
    rows = held_out_rows(head, LOGITS.half(), torch.tensor([2, -1, 0]), None)
    assert rows.logits.dtype == torch.float32
    assert torch.equal(rows.logits, LOGITS[[0, 2]])
    assert rows.target.int().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert rows.known is None


def test_positions_are_rows():
    rows = held_out_rows(SoftmaxHead(8, 3), torch.randn(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64), None)
    assert rows.logits.shape == (40, 3)


def test_what_does_not_fit_is_refused():
    head = SigmoidHead(8, 3)
    with pytest.raises(LogitsError, match="TH-L04"):
        head.fit_held_out(LOGITS[:, :2], SETS)
    with pytest.raises(TargetError, match="TH-M"):
        head.fit_held_out(LOGITS, SETS + 1)
    with pytest.raises(FitError, match="TH-F03"):
        SigmoidHead(8, 3, decision=FittedThreshold()).fit_held_out(LOGITS * float("inf"), SETS)


def perfect():
    logits = 20 * torch.eye(3)[torch.arange(60) % 3]
    return logits, torch.arange(60) % 3


def test_a_calibrator_that_cannot_learn_is_an_error_where_it_was_asked_for():
    head = SoftmaxHead(8, 3, calibrator=Temperature())
    with pytest.raises(FitError, match="TH-Z04"):
        head.fit_held_out(*perfect())
    assert not head.fitted


def test_and_a_warning_where_a_training_would_be_lost():
    head = SoftmaxHead(8, 3, calibrator=Temperature())
    logits, target = perfect()
    with pytest.warns(TorchHeadsWarning, match=r"TH-W08: .*; Temperature leaves the logits as they are"):
        held_out.fit(head, logits, target, None, insist=False)
    assert head.fitted
    assert torch.equal(head.calibrated(logits), logits)
    assert head.calibrator.kept_identity == (0, 1, 2)
    with pytest.raises(FitError, match="TH-F03"):
        held_out.fit(head, logits * float("nan"), target, None, insist=False)  # of other errors nothing is forgiven


def test_what_is_fitted_in_inference_mode_takes_a_state_later():
    head = SigmoidHead(8, 3, calibrator=Temperature(), decision=FittedThreshold())
    state = {name: value.clone() for name, value in head.state_dict().items()}
    with torch.inference_mode():
        head.fit_held_out(*noisy())
    assert head.fitted
    head.load_state_dict(state)
    assert not head.fitted


def noisy(c=3, n=200):
    logits = 2 * torch.randn(n, c, generator=torch.Generator().manual_seed(0))
    return logits, torch.rand(n, c, generator=torch.Generator().manual_seed(1)) < (logits / 2).sigmoid()


@pytest.mark.parametrize(
    ("kind", "options", "known"),
    [
        (SigmoidHead, {}, True),
        (SigmoidHead, {"score": "logit"}, False),
        (SoftmaxHead, {"label_type": "multi"}, False),
    ],
)
def test_scores_are_taken_at_their_word_where_they_are_calibrated_log_odds(kind, options, known):
    decision = FittedThreshold(ExpectedCost(1.0, 3.0), scope="per_class")
    head = kind(8, 3, calibrator=Temperature(), decision=decision, **options)
    head.fit_held_out(*noisy())
    assert head.calibrator.kept_identity == ()
    assert torch.allclose(decision.cut.sigmoid(), torch.tensor(0.25)) == known


def test_nor_where_the_calibrator_learned_nothing_of_a_class():
    logits, target = noisy()
    logits[:, 1] *= -1  # falls where it is right more often, and so keeps its logits
    decision = FittedThreshold(ExpectedCost(1.0, 3.0), scope="per_class")
    head = SigmoidHead(8, 3, calibrator=Platt(), decision=decision)
    head.fit_held_out(logits, target)
    assert head.calibrator.kept_identity == (1,)
    assert not torch.isclose(decision.cut.sigmoid(), torch.tensor(0.25)).any()


@pytest.mark.parametrize(
    ("kind", "target", "code"),
    [
        (SigmoidHead, [[1.0, 0.0, 0.25], [0.0, 1.0, 0.0]], "M13"),
        (SoftmaxHead, [[0.75, 0.0, 0.25], [0.0, 1.0, 0.0]], "T06"),
    ],
)
def test_soft_targets_are_neither_right_nor_wrong(kind, target, code):
    head = kind(8, 3, soft_targets=True)
    with pytest.raises(TargetError, match=rf"TH-{code}: {kind.__name__} got the soft target 0\.\d+ at held-out row 0"):
        head.fit_held_out(LOGITS[:2], torch.tensor(target))
    hard = held_out_rows(head, LOGITS[:2], torch.tensor(target).round(), None)
    assert hard.target.tolist() == [[True, False, False], [False, True, False]]
    if code == "M13":  # what is not known may be anything
        known = torch.tensor([[True, True, False], [True, True, True]])
        assert held_out_rows(head, LOGITS[:2], torch.tensor(target), known).known is not None
    else:
        rows = held_out_rows(head, LOGITS[:2], torch.tensor(target), torch.tensor([False, True]))
        assert rows.target.tolist() == [[False, True, False]]


def test_the_whole_text_about_soft_targets():
    for kind, remedy in ((SigmoidHead, "target >= 0.5"), (SoftmaxHead, "target.argmax(dim=1)")):
        with pytest.raises(TargetError) as caught:
            kind(8, 2, soft_targets=True).fit_held_out(torch.zeros(1, 2), torch.tensor([[0.25, 0.75]]))
        assert str(caught.value).split(": ", 1)[1] == (
            f"{kind.__name__} got the soft target 0.25 at held-out row 0, class 0; allowed hard ones, "
            f"since a fit asks whether a class is right. Try: {remedy}, or held-out rows whose labels are not mixed"
        )


def test_a_mask_hides_values_from_the_look_and_from_the_fit():
    head, sets = SigmoidHead(8, 3, calibrator=Platt()), SETS.clone()
    known = torch.ones_like(sets, dtype=torch.bool)
    sets[0, 1], known[0, 1] = 7, False
    assert held_out_rows(head, LOGITS, sets, known).known.tolist() == known.tolist()
    head.fit_held_out(LOGITS, sets, known)
    with pytest.raises(TargetError, match=r"TH-M03: SigmoidHead got target value 7 at sample 0"):
        head.fit_held_out(LOGITS, sets)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("calibrator", [None, Temperature])
@pytest.mark.parametrize("scope", ["per_class", "shrunk"])
def test_costs_of_each_class_on_a_device(calibrator, scope):
    def cuts(device):
        decision = FittedThreshold(ExpectedCost([1.0, 2.0, 3.0], 2.0), scope=scope)
        head = SigmoidHead(8, 3, calibrator=calibrator and calibrator(), decision=decision).to(device)
        head.fit_held_out(*(part.to(device) for part in noisy()))
        assert head.decision.cut.device.type == device
        return head.decision.cut.cpu()

    torch.testing.assert_close(cuts("cuda"), cuts("cpu"))
