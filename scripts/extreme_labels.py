"""A sigmoid head learns 200,000 labels on two processor cores, against the most frequent labels as an answer to all.

    python scripts/extreme_labels.py                                    # about five minutes, below 2 GiB
    python scripts/extreme_labels.py --labels 1000000 --width 32 --output out.json

The set is generated. Label frequencies follow a power law, p_r ~ 1 / (r + 10) at rank r: most labels have a handful of
training examples, many none. Each label is a prototype of a few words; an example has one to five labels, and a bag of
words of theirs among which others stand that mean nothing. A model of word vectors, summed, and a `SigmoidHead` over
them never holds the logits, the targets or the scores of all labels: the loss goes through chunks (path="chunked"),
targets are label lists, and the best classes are found chunk by chunk.

The classifier is nearly all of the memory: its weights, their gradient, and what the optimizer keeps. Adam keeps two
numbers a weight, Adagrad one; here Adagrad keeps one a row, the mean square of the gradients of a label or word, which
is what frequent and rare rows differ in.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from torchheads import LabelLists, SigmoidHead, best_classes
from torchheads.metrics import ExtremeMetrics
from torchheads.metrics.extreme import inverse_propensity

SLOTS, PROTOTYPE, NOISE = 5, 8, 10
"""Most labels of an example, words of a label's prototype, and words of an example that mean nothing."""
KEPT = 0.8
"""How likely an example has a word of its label's prototype."""
SHOWN = {
    "P@1": "precision_at_1",
    "P@5": "precision_at_5",
    "nDCG@5": "ndcg_at_5",
    "PSP@1": "propensity_precision_at_1",
    "PSP@5": "propensity_precision_at_5",
}


class Examples(NamedTuple):
    """Words (n, w) and labels of examples."""

    words: Tensor
    target: LabelLists


def drawn(count: int, labels: int, prototypes: Tensor, vocabulary: int, generator: torch.Generator) -> Examples:
    """Examples of one to five labels each; prototypes are word numbers (labels, PROTOTYPE)."""
    frequency = 1 / (torch.arange(labels) + 10.0)
    chosen = torch.multinomial(frequency, count * SLOTS, replacement=True, generator=generator).view(count, SLOTS)
    used = torch.arange(SLOTS) < torch.randint(1, SLOTS + 1, (count, 1), generator=generator)
    noise = torch.randint(0, vocabulary, (count, SLOTS * PROTOTYPE + NOISE), generator=generator)
    kept = torch.rand(count, SLOTS, PROTOTYPE, generator=generator) < KEPT
    words = prototypes[chosen].where(kept & used.unsqueeze(2), -1).flatten(1)
    words = torch.cat([words, words.new_full((count, NOISE), -1)], dim=1)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), used.sum(dim=1).cumsum(0)])
    return Examples(words.where(words >= 0, noise), LabelLists(chosen[used], offsets, labels))


class RowAdagrad(torch.optim.Optimizer):
    """Adagrad with one number a row, the sum over steps of the mean square of its gradient."""

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Divide each row's step by the root of its sum."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self._update(parameter, group["lr"])

    def _update(self, parameter: Tensor, lr: float) -> None:
        gradient = parameter.grad.view(len(parameter), -1)
        state = self.state[parameter]
        if not state:
            state["sum"] = gradient.new_zeros(len(gradient), 1)
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        state["sum"].addcmul_(norm, norm, value=1 / gradient.shape[1])
        parameter.view_as(gradient).addcdiv_(gradient, state["sum"].sqrt().add_(1e-8), value=-lr)


def trained(data: Examples, options: argparse.Namespace) -> tuple[nn.Module, SigmoidHead]:
    """Word vectors and a head, after one pass over the data (or what of it fits the time)."""
    backbone = nn.EmbeddingBag(options.vocabulary, options.width, mode="sum")
    nn.init.normal_(backbone.weight, std=options.width**-0.5)
    head = SigmoidHead(options.width, options.labels, path="chunked")
    head.set_prior((counts_of(data.target) + 1) / (len(data.target) + 2))
    optimizer = RowAdagrad([*backbone.parameters(), *head.parameters()], options.lr)
    order, start = torch.randperm(len(data.target)), time.perf_counter()
    batches = [batch for _ in range(options.epochs) for batch in order.split(options.batch)]
    for number, rows in enumerate(batches):
        loss = head.loss(backbone(data.words[rows]), data.target[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number % 25 == 0 or number + 1 == len(batches):
            seconds = time.perf_counter() - start
            print(f"step {number + 1:5d} of {len(batches)}   loss {loss.item():8.3f}   {seconds:6.1f} s", flush=True)
    return backbone, head


def counts_of(target: LabelLists) -> Tensor:
    """How many examples have each label, (c,)."""
    return torch.bincount(target.indices, minlength=target.num_classes)


def judged(name: str, indices: Tensor, target: LabelLists, weight: Tensor) -> dict[str, float]:
    """The metrics of the best classes (n, 5), printed."""
    metrics = ExtremeMetrics(target.num_classes, (1, 3, 5), weight)
    metrics.update(indices, target)
    found = metrics.compute()
    print(f"{name:<22}" + "".join(f"{found[key]:>9.4f}" for key in SHOWN.values()))
    return found


def main() -> None:
    """Generate, train, and print both answers to the test examples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=200_000)
    parser.add_argument("--vocabulary", type=int, default=20_000)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--test", type=int, default=5_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    prototypes = torch.randint(0, options.vocabulary, (options.labels, PROTOTYPE), generator=generator)
    train, test = (
        drawn(count, options.labels, prototypes, options.vocabulary, generator)
        for count in (options.examples, options.test)
    )
    counts = counts_of(train.target)
    print(f"{options.labels} labels, {int((counts > 0).sum())} of them in {len(train.target)} training examples")
    start = time.perf_counter()
    backbone, head = trained(train, options)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        ranked = torch.cat(
            [best_classes(head, backbone(words), 5).indices for words in test.words.split(options.batch)]
        )
    weight = inverse_propensity(counts, len(train.target))
    frequent = counts.argsort(descending=True, stable=True)[:5].expand(len(test.target), 5)
    print(f"{'':<22}" + "".join(f"{name:>9}" for name in SHOWN))
    figures: dict[str, Any] = {
        "most frequent labels": judged("most frequent labels", frequent, test.target, weight),
        "sigmoid head": judged("sigmoid head", ranked, test.target, weight),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"training {seconds:.0f} s, peak memory {peak:.2f} GiB, load {os.getloadavg()[0]:.1f}")
    if options.output:
        settings = {name: value for name, value in vars(options).items() if name != "output"}
        record = {"torch": torch.__version__, **settings, **figures, "seconds": seconds, "peak_gib": peak}
        options.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
