"""One contract for every head, label type, decision and criterion."""

import copy
import io
import math
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from torchheads import (
    Argmax,
    Asymmetric,
    BinaryCrossEntropy,
    CrossEntropy,
    FittedThreshold,
    Focal,
    LogitAdjusted,
    SigmoidHead,
    SoftmaxHead,
    Threshold,
    TopK,
)

N, C, D = 6, 4, 5
WEIGHT, POSITIVE, COUNTS = [1.0, 0.5, 2.0, 1.5], [2.0, 1.0, 0.5, 3.0], [50.0, 30.0, 15.0, 5.0]
DECISIONS = {
    "single": {"argmax": Argmax},
    "multi": {
        "threshold": lambda: Threshold(0.3),
        "thresholds": lambda: Threshold([0.1, 0.2, 0.3, 0.4]),
        "top_k": lambda: TopK(2),
        "top_k_above": lambda: TopK(2, 0.3),
        "fitted": lambda: FittedThreshold(scope="global"),
        "shrunk": FittedThreshold,
    },
}
CRITERIA = {
    SoftmaxHead: {
        "plain": CrossEntropy,
        "weighted": lambda: CrossEntropy(WEIGHT),
        "smoothed": lambda: CrossEntropy(WEIGHT, 0.2),
    },
    SigmoidHead: {
        "plain": BinaryCrossEntropy,
        "weighted": lambda: BinaryCrossEntropy(WEIGHT, POSITIVE, 0.2),
        "mean": lambda: BinaryCrossEntropy(class_reduction="mean"),
    },
}
# Losses for imbalance, each with the first decision of a label type alone.
FOR_IMBALANCE = {
    SoftmaxHead: {
        "focal": lambda: Focal(2.0, class_weight=WEIGHT),
        "adjusted": lambda: LogitAdjusted(0.5, COUNTS, 0.2),
    },
    SigmoidHead: {
        "focal": lambda: Focal(2.0, class_weight=WEIGHT, pos_weight=POSITIVE, label_smoothing=0.2),
        "asymmetric": lambda: Asymmetric(class_weight=WEIGHT),
    },
}


@dataclass
class Case:
    """A head with random weights, features, and targets of its label type."""

    head_class: Any
    label_type: str
    decision: Any
    criterion: Any

    def head(self, **options):
        head = self.head_class(
            D, C, label_type=self.label_type, decision=self.decision(), criterion=self.criterion(), **options
        )
        generator = torch.Generator().manual_seed(1)
        for parameter in head.parameters():
            nn.init.normal_(parameter, generator=generator)
        if not head.decision.fitted:
            features = torch.randn(20, D, generator=generator)
            head.decision.fit(head.scores(head(features)).detach(), torch.rand(20, C, generator=generator) < 0.4)
        return head

    def target(self, *spatial, count=N):
        if self.label_type == "single":
            return torch.randint(0, C, (count, *spatial))
        return (torch.rand(count, C, *spatial) < 0.4).float()


CASES = {
    f"{head_class.__name__}-{label_type}-{decision}-{criterion}": Case(
        head_class, label_type, DECISIONS[label_type][decision], criteria[head_class][criterion]
    )
    for head_class in (SoftmaxHead, SigmoidHead)
    for label_type in ("single", "multi")
    for number, decision in enumerate(DECISIONS[label_type])
    for criteria in (CRITERIA, *([FOR_IMBALANCE] if number == 0 else []))
    for criterion in criteria[head_class]
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


def where(condition):
    chosen = {name: case for name, case in CASES.items() if condition(case)}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen.keys())


def test_shapes_and_dtypes(case):
    head = case.head()
    logits = head(torch.randn(N, D))
    assert logits.shape == (N, C)
    for answer in (head.scores(logits), head.probabilities(logits)):
        assert answer.shape == (N, C)
        assert answer.dtype == torch.float32
        assert answer.isfinite().all()
    probabilities = head.probabilities(logits)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    predictions = head.predict(logits)
    single = case.label_type == "single"
    assert predictions.shape == ((N,) if single else (N, C))
    assert predictions.dtype == (torch.int64 if single else torch.bool)
    assert head.nll(logits, case.target()).shape == (N,)


def test_loss_is_a_number_with_gradients(case):
    head, features, target = case.head(), torch.randn(N, D, requires_grad=True), case.target()
    loss = head.loss(features, target)
    assert loss.ndim == 0
    assert loss.isfinite()
    assert loss > 0
    loss.backward()
    for slope in (features.grad, head.classifier.weight.grad, head.classifier.bias.grad):
        assert slope.isfinite().all()
        assert slope.any()


def slow_loss(case, head, features, target):
    """The definition, one number at a time."""
    criterion = head.criterion
    weight = WEIGHT if getattr(criterion, "class_weight", None) is not None else [1.0] * C
    e, gamma, total = getattr(criterion, "label_smoothing", 0.0), getattr(criterion, "gamma", 0.0), 0.0
    for row, answer in zip(head(features).double().tolist(), target.tolist(), strict=True):
        hot = [float(c == answer) for c in range(C)] if case.label_type == "single" else answer
        if case.head_class is SoftmaxHead:
            terms = [math.exp(z) * n ** getattr(criterion, "tau", 0.0) for z, n in zip(row, COUNTS, strict=True)]
            k, p = sum(hot), [term / sum(terms) for term in terms]
            share = [((1 - e) * h / k + e / C) if k else 0.0 for h in hot]
            total -= sum(weight[c] * share[c] * (1 - p[c]) ** gamma * math.log(p[c]) for c in range(C))
            continue
        positive = POSITIVE if getattr(criterion, "pos_weight", None) is not None else [1.0] * C
        per_class = 1 if getattr(criterion, "class_reduction", "sum") == "sum" else 1 / C
        gamma_pos, gamma_neg = getattr(criterion, "gamma_pos", gamma), getattr(criterion, "gamma_neg", gamma)
        for c in range(C):
            p, t = 1 / (1 + math.exp(-row[c])), (1 - e) * hot[c] + e / 2
            q = max(p - getattr(criterion, "clip", 0.0), 0.0)
            yes, no = (1 - p) ** gamma_pos * math.log(p), q**gamma_neg * math.log(1 - q)
            total -= per_class * weight[c] * (positive[c] * t * yes + (1 - t) * no)
    return total / len(target)


def test_loss_is_the_loop(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    assert head.loss(features, target).item() == pytest.approx(slow_loss(case, head, features, target), rel=1e-5)


def test_loss_of_features_is_the_loss_of_their_logits(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    assert torch.equal(head.loss(features, target), head.loss_from_logits(head(features), target))
    assert torch.equal(head.loss(features, target), head(features, target=target))


def test_the_unweighted_loss_is_the_mean_nll(case):
    head = case.head()
    plain = case.head_class(D, C, label_type=case.label_type)
    logits, target = head(torch.randn(N, D)).detach(), case.target()
    torch.testing.assert_close(head.nll(logits, target).mean(), plain.loss_from_logits(logits, target))


def test_a_batch_is_the_mean_of_its_examples(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    singles = torch.stack([head.loss(features[n : n + 1], target[n : n + 1]) for n in range(N)])
    torch.testing.assert_close(head.loss(features, target), singles.mean())
    assert head.count(target) == N


def test_masking_is_dropping(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    kept = torch.tensor([True, False, True, True, False, True])
    mask = kept if case.label_type == "single" else kept[:, None].expand(N, C)
    loss, expected = head.loss(features, target, mask=mask), head.loss(features[kept], target[kept])
    torch.testing.assert_close(loss, expected)
    assert head.count(target, mask) == 4
    slopes, wanted = (torch.autograd.grad(value, list(head.parameters())) for value in (loss, expected))
    torch.testing.assert_close(slopes, wanted)
    torch.testing.assert_close(
        head.nll(head(features), target, mask=mask)[kept], head.nll(head(features[kept]), target[kept])
    )


def test_ignoring_is_masking(case):
    head, ignoring = case.head(), case.head(ignore_index=-1)
    features, target = torch.randn(N, D), case.target()
    mask = torch.rand(target.shape) < 0.6
    expected = head.loss(features, target, mask=mask)
    torch.testing.assert_close(ignoring.loss(features, target.masked_fill(~mask, -1)), expected)
    assert ignoring.count(target.masked_fill(~mask, -1)) == head.count(target, mask)


@where(lambda case: case.label_type == "multi" and getattr(case.criterion(), "class_reduction", "sum") == "sum")
def test_masked_entries_leave_the_sum_over_classes(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    kept = [0, 2, 3]  # class 1 is known nowhere: as if there were three classes
    mask = torch.tensor([True, False, True, True]).expand(N, C)
    criterion = case.criterion()
    for part in criterion.modules():
        for name, weight in list(part.named_buffers(recurse=False)):
            setattr(part, name, weight[kept])
    small = case.head_class(D, 3, label_type="multi", criterion=criterion)
    logits = head(features)
    torch.testing.assert_close(
        head.loss_from_logits(logits, target, mask), small.loss_from_logits(logits[:, kept], target[:, kept])
    )


@pytest.mark.parametrize("how", ["masked", "ignored", "empty batch"])
def test_nothing_known_is_zero_with_zero_gradient(case, how):
    head = case.head(ignore_index=-1)
    features, target, mask = torch.randn(N, D), case.target(), None
    if how == "masked":
        mask = torch.zeros(target.shape, dtype=torch.bool)
    elif how == "ignored":
        target = torch.full_like(target, -1)
    else:
        features, target = features[:0], target[:0]
    loss = head.loss(features, target, mask=mask)
    assert loss.item() == 0
    loss.backward()
    for parameter in head.parameters():
        assert parameter.grad.shape == parameter.shape
        assert not parameter.grad.any()


@pytest.mark.parametrize("count", [0, 1])
def test_no_example_and_one_example(case, count):
    head = case.head()
    logits = head(torch.randn(count, D))
    assert head.scores(logits).shape == head.probabilities(logits).shape == (count, C)
    assert head.predict(logits).shape == ((count,) if case.label_type == "single" else (count, C))
    assert head.nll(logits, case.target(count=count)).shape == (count,)
    assert head.loss_from_logits(logits, case.target(count=count)).isfinite()


@where(lambda case: case.label_type == "multi")
def test_empty_label_sets_count(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    target[2:] = 0
    singles = [head.loss(features[n : n + 1], target[n : n + 1]) for n in range(N)]
    torch.testing.assert_close(head.loss(features, target), torch.stack(singles).mean())
    if case.head_class is SoftmaxHead:  # they contribute no loss there
        assert [single.item() for single in singles[2:]] == [0, 0, 0, 0]


@pytest.mark.parametrize("spatial", [(3,), (C,), (2, 3), (2, 1, 2), (C, C)])
def test_spatial_is_flattened(case, spatial):
    head = case.head()
    features, target = torch.randn(2, D, *spatial), case.target(*spatial, count=2)
    logits = head(features)
    assert logits.shape == (2, C, *spatial)

    def flat(values):
        return values.movedim(1, -1).flatten(0, -2)

    flat_target = target.flatten() if case.label_type == "single" else flat(target)
    flat_logits = head(flat(features))
    torch.testing.assert_close(flat(logits), flat_logits)
    torch.testing.assert_close(head.loss(features, target), head.loss(flat(features), flat_target))
    torch.testing.assert_close(head.nll(logits, target), head.nll(flat_logits, flat_target))
    torch.testing.assert_close(flat(head.scores(logits)), head.scores(flat(logits)))
    torch.testing.assert_close(flat(head.probabilities(logits)), head.probabilities(flat(logits)))
    predictions, flat_predictions = head.predict(logits), head.predict(flat(logits))
    if case.label_type == "single":
        assert predictions.shape == (2, *spatial)
        assert torch.equal(predictions.flatten(), flat_predictions)
    else:
        assert predictions.shape == logits.shape
        assert torch.equal(flat(predictions), flat_predictions)


def test_the_decision_is_a_decision_about_scores_and_probabilities(case):
    head = case.head()
    logits = head(torch.randn(200, D))
    scores, probabilities, predictions = head.scores(logits), head.probabilities(logits), head.predict(logits)
    torch.testing.assert_close(scores.sigmoid(), probabilities, rtol=1e-4, atol=1e-6)
    if case.label_type == "single":
        for values in (scores, probabilities, logits):
            assert torch.equal(predictions, values.argmax(dim=1))
        return
    assert torch.equal(predictions, head.decision(scores))
    for values in (scores, probabilities):  # in a row, what was chosen lies above what was not (one cut for all)
        if case.decision not in (DECISIONS["multi"]["thresholds"], DECISIONS["multi"]["shrunk"]):
            chosen = values.masked_fill(~predictions, math.inf).amin(dim=1)
            left = values.masked_fill(predictions, -math.inf).amax(dim=1)
            assert (chosen >= left).all()
    if isinstance(head.decision, Threshold):
        clear = (probabilities - torch.as_tensor(head.decision.value)).abs() > 1e-5
        expected = probabilities >= torch.as_tensor(head.decision.value)
        assert torch.equal(predictions[clear], expected[clear])


def test_classes_have_no_order(case):
    head, order = case.head(), torch.tensor([2, 0, 3, 1])
    moved = copy.deepcopy(head)
    with torch.no_grad():
        for values in (*moved.classifier.parameters(), *moved.criterion.buffers()):
            values.copy_(values[order])
        if getattr(moved.decision, "cut", None) is not None:
            moved.decision.cut.copy_(head.decision.cut[order])
    features, target = torch.randn(N, D), case.target()
    moved_target = order.argsort()[target] if case.label_type == "single" else target[:, order]
    torch.testing.assert_close(moved.loss(features, moved_target), head.loss(features, target))
    logits = head(features)
    torch.testing.assert_close(moved.scores(moved(features)), head.scores(logits)[:, order])
    predictions = head.predict(logits)
    expected = order.argsort()[predictions] if case.label_type == "single" else predictions[:, order]
    assert torch.equal(moved.predict(moved(features)), expected)


def test_a_constant_in_a_row_is_nothing_to_a_softmax_and_something_to_a_sigmoid(case):
    head, target = case.head(), case.target()
    logits = head(torch.randn(N, D))
    shifted = logits + torch.tensor([[-7.0], [3.0], [0.5], [20.0], [-1.0], [2.0]])
    same = torch.allclose(head.scores(shifted), head.scores(logits), atol=1e-4)
    assert same == (case.head_class is SoftmaxHead)
    if same:
        torch.testing.assert_close(head.loss_from_logits(shifted, target), head.loss_from_logits(logits, target))
        torch.testing.assert_close(head.probabilities(shifted), head.probabilities(logits), rtol=1e-4, atol=1e-6)
        assert torch.equal(head.predict(shifted), head.predict(logits))


def test_extreme_logits(case):
    head = case.head()
    logits = torch.tensor([[1e4, -1e4, 0.0, 1.0], [-1e4, -1e4, 1e4, 1e4]], requires_grad=True)
    assert head.scores(logits).isfinite().all()
    assert head.probabilities(logits).isfinite().all()
    assert head.predict(logits).shape[0] == 2
    loss = head.loss_from_logits(logits, case.target(count=2))
    assert loss.isfinite()
    loss.backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_answered_in_float32(case, dtype):
    head, target = case.head(), case.target()
    logits = torch.randn(N, C).to(dtype)
    exact = logits.float()
    assert torch.equal(head.scores(logits), head.scores(exact))
    assert torch.equal(head.probabilities(logits), head.probabilities(exact))
    assert torch.equal(head.predict(logits), head.predict(exact))
    loss = head.loss_from_logits(logits, target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, head.loss_from_logits(exact, target))


def test_float64_stays_float64(case):
    head, features, target = case.head().double(), torch.randn(N, D, dtype=torch.float64), case.target()
    logits = head(features)
    for answer in (logits, head.scores(logits), head.probabilities(logits), head.loss(features, target)):
        assert answer.dtype == torch.float64
    assert torch.equal(head.predict(logits), case.head().predict(logits.float()))


def test_autocast(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
        loss, scores, probabilities = head.loss(features, target), head.scores(logits), head.probabilities(logits)
        predictions, nll = head.predict(logits), head.nll(logits, target)
    assert logits.dtype == torch.bfloat16
    assert {loss.dtype, scores.dtype, probabilities.dtype, nll.dtype} == {torch.float32}
    assert torch.equal(loss, head.loss_from_logits(logits, target))  # the link itself is not rounded
    assert torch.equal(scores, head.scores(logits.float()))
    assert torch.equal(probabilities, head.probabilities(logits.float()))
    assert torch.equal(predictions, head.predict(logits.float()))
    torch.testing.assert_close(nll, head.nll(logits.float(), target))


def answers(head, features):
    logits = head(features)
    return [logits, head.scores(logits), head.probabilities(logits), head.predict(logits)]


def test_state_dict_round_trip(case):
    head, features = case.head(), torch.randn(N, D)
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    fresh = case.head_class(
        D, C, label_type=case.label_type, decision=case.decision(), criterion=case.criterion(), prior="data"
    )
    assert fresh.awaits_prior
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert not fresh.awaits_prior
    assert fresh.decision.fitted
    assert all(torch.equal(a, b) for a, b in zip(answers(fresh, features), answers(head, features), strict=True))


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda head: pickle.loads(pickle.dumps(head))], ids=["copy", "pickle"]
)
def test_copies(case, copied):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    again = copied(head)
    assert repr(again) == repr(head)
    assert torch.equal(again.loss(features, target), head.loss(features, target))
    assert all(torch.equal(a, b) for a, b in zip(answers(again, features), answers(head, features), strict=True))
    with torch.no_grad():
        again.classifier.bias.add_(1)
    assert not torch.equal(again.classifier.bias, head.classifier.bias)


def test_repr_shows_every_part(case):
    shown = repr(case.head())
    assert f"in_features={D}, num_classes={C}, label_type='{case.label_type}', prior=None, ready to decide" in shown
    for part in (case.criterion(), case.decision()):
        assert type(part).__name__ in shown


def test_training_lowers_the_loss(case):
    head, features, target = case.head(), torch.randn(N, D), case.target()
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
    before = head.loss(features, target)
    for _ in range(20):
        optimizer.zero_grad()
        loss = head.loss(features, target)
        loss.backward()
        optimizer.step()
    assert loss < before


COMPILED = """
import torch
from torchheads import SigmoidHead, SoftmaxHead
features = torch.randn(6, 5)
for head_class in (SoftmaxHead, SigmoidHead):
    for label_type in ("single", "multi"):
        head = head_class(5, 4, label_type=label_type).eval()
        torch.nn.init.normal_(head.classifier.weight)
        target = torch.randint(0, 4, (6,)) if label_type == "single" else torch.rand(6, 4) < 0.4
        loss = head.loss(features, target)
        logits = head(features)
        head.compile(backend="eager", fullgraph=True)  # in place: the loss goes through it
        torch.testing.assert_close(head.loss(features, target), loss)
        assert set(head.state_dict()) == set(head_class(5, 4, label_type=label_type).state_dict())
        probabilities = torch.compile(head.probabilities, backend="eager", fullgraph=True)(logits)
        torch.testing.assert_close(probabilities, head.probabilities(logits))
        fresh = head_class(5, 4, label_type=label_type)
        if label_type == "multi":
            exported = torch.export.export(fresh, (features,)).module()
            torch.testing.assert_close(exported(features), fresh(features))
print("done")
"""


def test_compiled_and_exported():
    """In a process of its own: the shape checks of these tests would break the graph."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=240)
    assert done.stdout.strip() == "done", done.stderr[-3000:]
