"""The metrics of several heads are those of each head fed on its own, under its name."""

import math

import pytest
import torch

from torchheads import FittedThreshold, LabelLists, MultiHead, SigmoidHead, SoftmaxHead, Threshold
from torchheads.errors import HeadConfigError, TargetError
from torchheads.metrics import HeadMetrics, MultiHeadMetrics, default_decision, head_metrics


@pytest.fixture
def head() -> MultiHead:
    return MultiHead({"species": SoftmaxHead(8, 4, ignore_index=-1), "tags": SigmoidHead(8, 3, ignore_index=-1)})


def draw(seed: int, n: int = 9) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    random = torch.Generator().manual_seed(seed)
    logits = {"species": torch.randn(n, 4, generator=random), "tags": torch.randn(n, 3, generator=random)}
    target = {
        "species": torch.randint(-1, 4, (n,), generator=random),
        "tags": torch.randint(0, 2, (n, 3), generator=random),
    }
    return logits, target, {"tags": torch.rand(n, 3, generator=random) < 0.7}


def test_each_head_is_judged_as_if_it_were_alone(head: MultiHead) -> None:
    metrics, alone = head_metrics(head), {name: HeadMetrics(part) for name, part in head.items()}
    assert type(metrics) is MultiHeadMetrics
    for seed in (1, 2):
        logits, target, mask = draw(seed)
        metrics.update(head, logits, target, mask)
        for name, part in head.items():
            alone[name].update(part, logits[name], target[name], mask.get(name))
    values = metrics.compute()
    expected = {f"{name}/{key}": value for name, part in alone.items() for key, value in part.compute().items()}
    assert list(values) == list(expected)
    assert values == pytest.approx(expected, nan_ok=True)
    assert metrics.examples() == max(part.examples() for part in alone.values())
    assert {"species/accuracy", "tags/mean_average_precision", "tags/nll"} <= set(values)
    table, parts = metrics.per_class(), [part.per_class() for part in alone.values()]
    for column, cells in table.items():
        assert cells == pytest.approx(parts[0][column] + parts[1][column], nan_ok=True)
    metrics.reset()
    assert metrics.examples() == 0


def test_a_column_that_a_head_lacks_is_empty() -> None:
    head = MultiHead({"a": SigmoidHead(8, 3, decision=FittedThreshold()), "b": SigmoidHead(8, 2)})
    metrics = head_metrics(head)
    metrics.update(
        head, {"a": torch.randn(4, 3), "b": torch.ones(4, 2)}, {"a": torch.ones(4, 3), "b": torch.ones(4, 2)}
    )
    table = metrics.per_class()
    assert table["support"] == [4.0] * 5
    assert [math.isnan(value) for value in table["f1"]] == [True] * 3 + [False] * 2
    assert "a/micro_f1" not in metrics.compute()
    assert "b/micro_f1" in metrics.compute()


def test_decisions_by_head_replace_the_heads_own() -> None:
    head = MultiHead({"a": SigmoidHead(8, 2, decision=Threshold(0.99)), "b": SigmoidHead(8, 2)})
    logits = {"a": torch.full((3, 2), 1.0), "b": torch.full((3, 2), 1.0)}
    target = {"a": torch.ones(3, 2), "b": torch.ones(3, 2)}
    found, strict = [], Threshold(0.99)
    strict.bind(2)
    for decision in (None, default_decision(head), {"b": strict}):
        metrics = head_metrics(head, decision)
        metrics.update(head, logits, target)
        found.append([metrics.compute()[f"{name}/exact_match"] for name in ("a", "b")])
    assert found == [[0, 1], [1, 1], [0, 0]]
    assert {name: type(rule) for name, rule in default_decision(head).items()} == {"a": Threshold, "b": Threshold}


def test_the_first_head_picks_epochs(head: MultiHead) -> None:
    metrics = MultiHeadMetrics(head)
    assert metrics.watched == "species/accuracy"
    assert metrics.direction("species/accuracy") == "max"
    assert metrics.direction("tags/nll") == "min"
    with pytest.raises(
        HeadConfigError, match=r"TH-H10: no head of the metric 'accuracy'; allowed species/\.\.\., tags"
    ):
        metrics.direction("accuracy")
    with pytest.raises(HeadConfigError, match="TH-H10: no metric 'acuracy' for single-label targets"):
        metrics.direction("species/acuracy")


def test_targets_that_are_not_one_a_head(head: MultiHead) -> None:
    logits, target, _ = draw(1)
    for wrong in (target["species"], {"species": target["species"]}):
        with pytest.raises(TargetError, match="TH-M17"):
            MultiHeadMetrics(head).update(head, logits, wrong)  # type: ignore[arg-type]


def test_label_lists_are_a_target_of_a_head() -> None:
    head = MultiHead({"tags": SigmoidHead(8, 3)})
    metrics = head_metrics(head)
    metrics.update(head, {"tags": torch.eye(3)}, {"tags": LabelLists.from_lists([[0], [1], []], 3)})
    assert metrics.per_class()["support"] == [1.0, 1.0, 0.0]
