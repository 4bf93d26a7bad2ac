"""One of the processes that share out the classes of a head; `test_class_parallel.py` starts them.

Usage: class_parallel_worker.py RANK WORLD FOLDER [LOAD]
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed import checkpoint, init_device_mesh

from torchheads import (
    Argmax,
    Asymmetric,
    BinaryCrossEntropy,
    CrossEntropy,
    FittedThreshold,
    Focal,
    LabelLists,
    SigmoidHead,
    SoftmaxHead,
    Threshold,
    TopK,
    best_classes,
    predict_lists,
)
from torchheads.calibration import Temperature
from torchheads.errors import TorchHeadsError
from torchheads.heads import shard_classes

N, D, C = 7, 5, 11  # four processes hold 3, 3, 3 and 2 classes
WEIGHT = torch.linspace(0.5, 2.0, C).tolist()
CASES = {
    "softmax index": (SoftmaxHead, "single", CrossEntropy, None),
    "softmax index weighted": (SoftmaxHead, "single", lambda: CrossEntropy(WEIGHT, 0.2), "rows"),
    "softmax lists": (SoftmaxHead, "multi", lambda: CrossEntropy(WEIGHT, 0.2), "rows"),
    "sigmoid index": (SigmoidHead, "single", BinaryCrossEntropy, "rows"),
    "sigmoid lists": (SigmoidHead, "multi", lambda: BinaryCrossEntropy(WEIGHT, WEIGHT[::-1], 0.2), None),
    "sigmoid mean": (SigmoidHead, "multi", lambda: BinaryCrossEntropy(class_reduction="mean"), None),
    "focal": (SigmoidHead, "multi", lambda: Focal(1.5, 0.3, WEIGHT, 3.0, 0.2), "rows"),
    "asymmetric": (SigmoidHead, "multi", lambda: Asymmetric(class_weight=WEIGHT), None),
}


def head_of(case, num_classes=C, **parts):
    """The same head in every process."""
    head_class, label_type, make, _ = CASES[case]
    torch.manual_seed(0)
    head = head_class(D, num_classes, label_type=label_type, criterion=make(), path="dense", **parts)
    nn.init.normal_(head.classifier.weight)
    nn.init.normal_(head.classifier.bias)
    return head


def batch_of(case, num_classes=C):
    """Features, target and mask, the same in every process."""
    _, label_type, _, masked = CASES[case]
    random = torch.Generator().manual_seed(1)
    features = torch.randn(N, D, generator=random).requires_grad_()
    target = torch.randint(0, num_classes, (N,), generator=random)
    if label_type == "multi":
        hot = torch.rand(N, num_classes, generator=random) < 0.3
        hot[0], hot[1] = False, True
        target = LabelLists.from_multi_hot(hot)
    return features, target, torch.arange(N) != 3 if masked else None


def gradients(head, features, target, mask):
    """Loss and the gradients of features, weight and bias, whole ones for those shared out."""
    loss = head.loss(features, target, mask)
    found = torch.autograd.grad(loss, [features, *head.classifier.parameters()])
    return [loss.detach(), *(x.full_tensor() if hasattr(x, "full_tensor") else x for x in found)]


def difference(case, mesh, num_classes=C):
    """The largest difference from the dense loss in float64, of loss and gradients by their scale."""
    dense, shared = head_of(case, num_classes).double(), head_of(case, num_classes)
    features, target, mask = batch_of(case, num_classes)
    shard_classes(shared, mesh)
    expected = gradients(dense, features.detach().double().requires_grad_(), target, mask)
    found = gradients(shared, features, target, mask)
    return max(((x - y).abs().max() / y.abs().max()).item() for x, y in zip(found, expected, strict=True))


RULES = {
    "argmax": Argmax,
    "argmax that rejects": lambda: Argmax(reject_below=0.4),
    "top 3": lambda: TopK(k=3),
    "threshold": lambda: Threshold([0.02 * (c + 1) for c in range(C)]),
    "fitted": FittedThreshold,
    "fitted, one to three": lambda: FittedThreshold(min_labels=1, max_labels=3),
    "fitted, two or more": lambda: FittedThreshold(min_labels=2),
}


def judged(case, rule, mesh, num_classes=C):
    """Predictions and best classes of a shared head, and of the same head whole."""
    features, _, _ = batch_of(case)
    features = features.detach()
    answers = []
    for shared in (True, False):
        head = head_of(case, num_classes, decision=RULES[rule](), calibrator=Temperature())
        random = torch.Generator().manual_seed(2)
        hot = torch.rand(200, num_classes, generator=random) < 0.4
        if head.label_type == "single":
            hot = nn.functional.one_hot(torch.arange(200) % num_classes, num_classes) > 0
        held_out = torch.randn(200, num_classes, generator=random) + 3 * hot
        head.fit_held_out(held_out, hot if head.label_type == "multi" else hot.int().argmax(dim=1))
        with torch.no_grad():
            head.classifier.weight[[1, 4]] = 0.0  # classes of two processes that are tied, to the last bit
            head.classifier.bias[[1, 4]] = 1.0
        if shared:
            shard_classes(head, mesh)
            ranked = best_classes(head, features, 4)
            answers.append([predict_lists(head, features).tolist(), ranked.indices.tolist(), ranked.values])
        else:
            order = head.calibrated(head(features)).sort(dim=1, descending=True, stable=True).indices[:, :4]
            scores = head.scores(head(features)).gather(1, order)
            decided = head.predict(head(features))
            if decided.ndim == 1:
                lists = [[row] if row >= 0 else [] for row in decided.tolist()]
            else:
                lists = LabelLists.from_multi_hot(decided).tolist()
            answers.append([lists, order.tolist(), scores])
    (lists, indices, values), (expected, order, scores) = answers
    return lists == expected and indices == order and torch.allclose(values, scores, rtol=1e-5, atol=1e-6)


def trained(case, mesh):
    """A shared head after three steps of Adam, and its optimizer."""
    head = head_of(case)
    shard_classes(head, mesh)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        head.loss(*batch_of(case)).backward()
        optimizer.step()
    return head, optimizer


def refusals(mesh):
    """What is said to what a shared head cannot do."""
    said = []
    head = head_of("softmax index")
    shard_classes(head, mesh)
    features, *_ = batch_of("softmax index")
    for attempt in (
        lambda: head(features),
        lambda: shard_classes(SoftmaxHead(D, C, criterion=Focal()), mesh),
        lambda: head.loss(features, torch.full((N,), C)),
    ):
        try:
            attempt()
        except TorchHeadsError as error:
            said.append(str(error))
    return said


def main():
    """Compare every case with the dense one, then load what fewer or more processes saved, and save it again."""
    rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / f'meeting_point_{world}'}", rank=rank, world_size=world,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    mesh = init_device_mesh("cpu", (world,))
    found = {case: difference(case, mesh) for case in CASES}
    found["an empty shard"] = max(difference(case, mesh, num_classes=5) for case in ("softmax index", "sigmoid mean"))
    found["predictions"] = {
        f"{case} {rule}": judged(case, rule, mesh)
        for case in ("softmax index", "softmax lists", "sigmoid index", "sigmoid lists")
        for rule in RULES
        if ("lists" in case) != ("argmax" in rule)
    }
    found["predictions"]["an empty shard"] = judged("softmax index", "argmax", mesh, num_classes=5)
    found["refused"] = refusals(mesh)
    head, optimizer = trained("sigmoid lists", mesh)
    weight = head.classifier.weight
    found["local"] = [len(weight.to_local()), optimizer.state[weight]["exp_avg"].to_local().numel()]
    if len(sys.argv) > 4:
        state = {"head": head.state_dict()}
        checkpoint.load(state, checkpoint_id=sys.argv[4])
        head.load_state_dict(state["head"])
    checkpoint.save({"head": head.state_dict()}, checkpoint_id=folder / f"saved_by_{world}")
    (folder / f"{world}_{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
    os._exit(0)  # a thread of gloo may still be ending, over which Python's own exit aborts in one process of 40
