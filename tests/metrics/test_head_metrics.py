"""Fed from logits, the metrics of every head are those of a suite fed by hand from what a reference computes."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from torchheads import Argmax, FittedThreshold, LabelLists, MixedTarget, SigmoidHead, SoftmaxHead, Threshold
from torchheads.errors import DataError, LogitsError, TargetError
from torchheads.metrics import HeadMetrics, metric_suite

HEADS = [(SoftmaxHead, "single"), (SigmoidHead, "single"), (SoftmaxHead, "multi"), (SigmoidHead, "multi")]


def draw(label_type: str, *spatial: int, n: int = 12, c: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, c, *spatial) and a target of the label type."""
    logits = torch.randn(n, c, *spatial) * 3
    if label_type == "single":
        return logits, torch.randint(c, (n, *spatial))
    return logits, (torch.rand(n, c, *spatial) < 0.4).long()


def pixels(values: torch.Tensor) -> torch.Tensor:
    """(n, c, *spatial) as rows by a loop over positions."""
    return torch.stack([values[(i, slice(None), *place)] for i in range(len(values)) for place in
                        np.ndindex(*values.shape[2:])])  # fmt: skip


@pytest.mark.parametrize(("kind", "label_type"), HEADS)
@pytest.mark.parametrize("spatial", [(), (3,), (2, 3)])
def test_every_layout_and_head_is_the_suite_fed_row_by_row(
    kind: type, label_type: str, spatial: tuple[int, ...]
) -> None:
    head = kind(
        8, 4, label_type=label_type, ignore_index=-1, decision=Threshold(0.3) if label_type == "multi" else None
    )
    logits, target = draw(label_type, *spatial)
    target[torch.rand(target.shape) < 0.2] = -1
    mask = torch.rand(target.shape) < 0.8
    metrics = HeadMetrics(head)
    for part in (slice(5), slice(5, 5), slice(5, None)):
        metrics.update(head, logits[part], target[part], mask[part])

    row_logits = pixels(logits)
    row_target = pixels(target) if label_type == "multi" else target.flatten()
    row_known = (pixels(mask) if label_type == "multi" else mask.flatten()) & (row_target != -1)
    suite = metric_suite(label_type, 4)
    suite.update(
        scores=head.scores(row_logits),
        probabilities=head.probabilities(row_logits),
        nll=torch.cat([head.nll(row_logits[i : i + 1], row_target[i : i + 1], row_known[i : i + 1])
                       for i in range(len(row_logits))]),
        target=row_target.where(row_known, 0),
        predictions=head.predict(row_logits),
        known=row_known,
    )  # fmt: skip
    assert metrics.compute() == pytest.approx(suite.compute(), abs=1e-7, nan_ok=True)
    assert repr(metrics.per_class()) == repr(suite.per_class())
    assert metrics.examples() == suite.examples()


def test_segmentation_by_scikit_learn() -> None:
    """(N, C, H, W) with 255 for "no class": figures of the pixels that have one."""
    head = SoftmaxHead(8, 3, ignore_index=255)
    logits, target = draw("single", 5, 6, n=4, c=3)
    target = target.to(torch.uint8)
    target[:, 1:3] = 255
    metrics = HeadMetrics(head)
    metrics.update(head, logits[:3], target[:3])
    metrics.update(head, logits[3:], target[3:])
    kept = target.numpy() != 255
    z, y = np.moveaxis(logits.numpy(), 1, -1)[kept].astype(float), target.numpy()[kept]
    values = metrics.compute()
    assert metrics.examples() == len(y) == 4 * 3 * 6
    assert values["accuracy"] == pytest.approx(accuracy_score(y, z.argmax(axis=1)))
    assert values["macro_f1"] == pytest.approx(f1_score(y, z.argmax(axis=1), average="macro"))
    assert values["nll"] == pytest.approx(-log_softmax(z, axis=1)[np.arange(len(y)), y].mean(), abs=1e-6)
    p = np.exp(log_softmax(z, axis=1))
    assert values["macro_auroc"] == pytest.approx(np.mean([roc_auc_score(y == k, p[:, k]) for k in range(3)]), abs=1e-9)
    assert metrics.per_class()["support"] == [float((y == k).sum()) for k in range(3)]


def test_a_yes_or_no_question() -> None:
    """C = 1 with a target (N, 1), against scikit-learn's binary figures."""
    head = SigmoidHead(8, 1)
    logits, target = draw("multi", n=60, c=1)
    metrics = HeadMetrics(head)
    for part in (slice(1), slice(1, 20), slice(20, None)):
        metrics.update(head, logits[part], target[part].float())
    z, y = logits[:, 0].double().numpy(), target[:, 0].numpy()
    values = metrics.compute()
    assert values["mean_average_precision"] == values["micro_average_precision"]
    assert values["mean_average_precision"] == pytest.approx(average_precision_score(y, z))
    assert values["macro_auroc"] == pytest.approx(roc_auc_score(y, z))
    assert values["macro_f1"] == values["micro_f1"] == pytest.approx(f1_score(y, z >= 0))
    assert values["exact_match"] == 1 - values["hamming_loss"] == pytest.approx(accuracy_score(y, z >= 0))
    assert values["brier"] == pytest.approx(np.square(expit(z) - y).mean(), abs=1e-6)
    assert values["nll"] == pytest.approx(np.logaddexp(0, np.where(y == 1, -z, z)).mean(), abs=1e-6)
    assert len(values) == 15
    assert not any(np.isnan(value) for value in values.values())


@pytest.mark.parametrize(("kind", "label_type"), HEADS)
def test_a_soft_head_is_judged_on_hard_targets(kind: type, label_type: str) -> None:
    """Class indices, one-hot rows and multi-hots of a head that trains on soft targets."""
    soft, hard = (kind(8, 4, label_type=label_type, soft_targets=on) for on in (True, False))
    logits, target = draw(label_type)
    forms = [target] + ([torch.nn.functional.one_hot(target, 4).float()] if label_type == "single" else [])
    expected = HeadMetrics(hard)
    expected.update(hard, logits, target)
    for form in forms:
        metrics = HeadMetrics(soft)
        metrics.update(soft, logits, form)
        assert metrics.compute() == pytest.approx(expected.compute(), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("soft_targets", [False, True])
@pytest.mark.parametrize("kind", [SoftmaxHead, SigmoidHead])
def test_soft_label_sets_are_refused(kind: type, soft_targets: bool) -> None:
    head = kind(8, 3, label_type="multi", soft_targets=soft_targets)
    metrics, logits = HeadMetrics(head), torch.zeros(2, 3)
    target = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.25, 1.0]])
    message = r"TH-M13: MultiLabelMetrics got the soft target 0.25 at row 1 of the batch, class 1; .*target >= 0\.5"
    with pytest.raises(TargetError, match=message):
        metrics.update(head, logits, target)
    assert metrics.examples() == 0
    metrics.update(head, logits, target, mask=target != 0.25)  # what is not looked at may be soft
    assert metrics.examples() == 2


@pytest.mark.parametrize("kind", [SoftmaxHead, SigmoidHead])
def test_soft_classes_are_refused(kind: type) -> None:
    head = kind(8, 3, label_type="single", soft_targets=True)
    metrics, target = HeadMetrics(head), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.25, 0.75]])
    message = r"TH-T06: SingleLabelMetrics got the soft target 0.25 at row 1 .*target\.argmax\(dim=1\)"
    with pytest.raises(TargetError, match=message):
        metrics.update(head, torch.zeros(2, 3), target)
    metrics.update(head, torch.zeros(2, 3), target, mask=torch.tensor([True, False]))
    assert metrics.examples() == 1


def test_mixed_targets_are_for_training() -> None:
    head = SoftmaxHead(8, 3)
    target = MixedTarget(torch.tensor([0, 1]), torch.tensor([1, 2]), 0.5)
    with pytest.raises(TargetError, match=r"TH-M16"):
        HeadMetrics(head).update(head, torch.zeros(2, 3), target)


def test_label_lists() -> None:
    head = SigmoidHead(8, 4)
    logits, target = draw("multi")
    dense, lists = HeadMetrics(head), HeadMetrics(head)
    mask = torch.rand(12) < 0.7
    dense.update(head, logits, target, mask[:, None].expand(12, 4))
    lists.update(head, logits, LabelLists.from_multi_hot(target), mask)
    assert lists.examples() == int(mask.sum())
    assert lists.compute() == pytest.approx(dense.compute(), abs=1e-9)


@pytest.mark.parametrize("validate", [True, False])  # which is about the training step alone
@pytest.mark.parametrize(("kind", "label_type"), HEADS)
def test_bad_batches_are_refused_with_a_code_and_change_nothing(kind: type, label_type: str, validate: bool) -> None:
    head = kind(8, 4, label_type=label_type, validate=validate)
    logits, target = draw(label_type)
    _, other_form = draw("multi" if label_type == "single" else "single")
    metrics = HeadMetrics(head)
    metrics.update(head, logits, target)
    before = metrics.compute()
    bad: list[tuple[Any, Any, type[Exception], str]] = [
        (logits, target[:7], TargetError, "TH-(T11|M06)"),
        (logits, other_form, TargetError, "TH-(T05|M01)"),
        (logits, target + 4, TargetError, "TH-(T01|M03)"),
        (logits, target - 1, TargetError, "TH-(T02|M04)"),
        (logits[:, :3], target, LogitsError, "TH-L04"),
        (logits, [[0]] * 12, DataError, "TH-M14"),
    ]
    for said, true, error, code in bad:
        with pytest.raises(error, match=code):
            metrics.update(head, said, true)
    assert metrics.compute() == before
    assert metrics.examples() == 12


def test_values_are_checked_before_a_loss_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an accelerator a loss of a class that there is not ends the process."""
    head = SoftmaxHead(8, 4)
    monkeypatch.setattr(head, "nll", lambda *_: pytest.fail("a loss was computed"))
    with pytest.raises(TargetError, match="TH-T01"):
        HeadMetrics(head).update(head, torch.zeros(2, 4), torch.tensor([0, 4]))


def test_the_decision() -> None:
    """The head's own once fitted; until then none; another where one is named."""
    head = SoftmaxHead(8, 4, label_type="multi")
    assert isinstance(head.decision, FittedThreshold)
    logits, target = draw("multi", n=50)
    own, low, high = HeadMetrics(head), HeadMetrics(head, bound(0.01)), HeadMetrics(head, bound(0.99))
    for metrics in (own, low, high):
        metrics.update(head, logits, target)
    assert not set(own.compute()) & own.suite.decided
    for metrics, cut in ((low, 0.01), (high, 0.99)):
        said = head.probabilities(logits).numpy() >= cut
        expected = f1_score(target.numpy(), said, average="micro")
        assert metrics.compute()["micro_f1"] == pytest.approx(expected)
    head.decision.fit(head.scores(logits), target.bool())
    own.reset()
    own.update(head, logits, target)
    expected = f1_score(target.numpy(), head.predict(logits).numpy(), average="micro")
    assert own.compute()["micro_f1"] == pytest.approx(expected)


def bound(value: float) -> Threshold:
    """A threshold for four classes."""
    rule = Threshold(value)
    rule.bind(4)
    return rule


def test_rejected_rows_are_wrong() -> None:
    """Any rule may answer -1; here one that answers nothing else below a score of 2."""

    class Shy(Argmax):
        """The largest score if it reaches 2, else none of the classes."""

        def forward(self, scores: torch.Tensor) -> torch.Tensor:
            """Class indices or -1, shape (m,)."""
            return super().forward(scores).where(scores.amax(dim=1) >= 2, -1)

    head = SigmoidHead(8, 4, label_type="single")
    logits, target = draw("single", 5, n=10)
    metrics = HeadMetrics(head, Shy())
    metrics.update(head, logits, target)
    row_logits, y = pixels(logits).numpy(), target.flatten().numpy()
    said = np.where(row_logits.max(axis=1) >= 2, row_logits.argmax(axis=1), -1)
    values = metrics.compute()
    assert 0 < values["rejected"] < 1
    assert values["rejected"] == pytest.approx((said == -1).mean())
    assert values["accuracy"] == pytest.approx((said == y).mean())
    assert values["macro_f1"] == pytest.approx(f1_score(y, said, labels=range(4), average="macro"))


def test_delegated() -> None:
    metrics = HeadMetrics(SigmoidHead(8, 4))
    assert metrics.watched == "mean_average_precision"
    assert metrics.direction("nll") == "min"
    assert metrics.direction(metrics.watched) == "max"


def test_no_part_of_the_head_is_held() -> None:
    """The head's weights are not saved twice, and a copied head is judged by its own weights."""
    head = SoftmaxHead(8, 4)
    metrics = HeadMetrics(head)
    assert list(metrics.state_dict()) == []
    assert head not in set(metrics.modules())
    both = torch.nn.ModuleDict({"head": head, "metrics": metrics})
    assert list(both.state_dict()) == ["head.classifier.weight", "head.classifier.bias"]
    logits, target = draw("single")
    again = copy.deepcopy(both)
    again["metrics"].update(again["head"], logits, target)
    assert again["metrics"].examples() == 12
    assert metrics.examples() == 0


def test_nothing_is_kept_for_a_gradient() -> None:
    head = SoftmaxHead(8, 4)
    logits, target = draw("single")
    metrics = HeadMetrics(head)
    metrics.update(head, logits.requires_grad_(), target)
    assert not metrics.suite.table.keys[0].requires_grad
    assert not metrics.suite.totals.nll.requires_grad
