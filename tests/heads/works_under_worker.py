"""What test_works_under.py runs in processes of its own, without the shape checks of the tests; each row by name.

Usage: python tests/heads/works_under_worker.py ROW ROW ..., under torchrun --nproc-per-node 2 for the distributed rows.
"""

import copy
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Trainer
from torch import Tensor, nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.build import quieten_lightning
from torchheads.data import Batch
from torchheads.heads import ClassificationHead
from torchheads.module import ClassificationModule
from torchheads.optim import constant, sgd

D, C = 6, 5
KINDS = [(head, label_type) for head in (SoftmaxHead, SigmoidHead) for label_type in ("single", "multi")]
SGD = partial(sgd, lr=0.5, momentum=0.0, weight_decay=0.0, nesterov=False)
RANK, WORLD = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def random_head(head_class: type[ClassificationHead], label_type: str, **options: object) -> ClassificationHead:
    """A head with random weights, ready to decide; the same on every rank."""
    random = torch.Generator().manual_seed(1)
    head = head_class(D, C, label_type=label_type, **options)
    for parameter in head.parameters():
        nn.init.normal_(parameter, generator=random)
    if not head.decision.fitted:
        head.decision.fit(torch.randn(20, C, generator=random), torch.rand(20, C, generator=random) < 0.4)
    return head


def random_batch(label_type: str, count: int, ignored: float = 0.0) -> tuple[Tensor, Tensor]:
    """Features and targets, a share of the targets -1; the same on every rank."""
    random = torch.Generator().manual_seed(count)
    features = torch.randn(count, D, generator=random)
    if label_type == "single":
        target = torch.randint(0, C, (count,), generator=random)
    else:
        target = (torch.rand(count, C, generator=random) < 0.4).float()
    return features, target.masked_fill(torch.rand(target.shape, generator=random) < ignored, -1)


def close(got: object, wanted: object) -> None:
    """Equal up to float32 rounding."""
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


# One process --------------------------------------------------------------------------------------------------------


def compiled() -> None:
    """Loss, its gradient, scores and predictions in one graph each, whatever the batch, with and without unknowns."""
    for head_class, label_type in KINDS:
        for options, with_mask in (({}, False), ({"ignore_index": -1}, False), ({}, True)):
            torch._dynamo.reset()
            head = random_head(head_class, label_type, **options)
            plain = not options and not with_mask
            compile_part = partial(
                torch.compile, fullgraph=True, dynamic=True, backend="aot_eager" if plain else "eager"
            )
            compare_losses(head, compile_part(head.loss), with_mask)
            if plain:
                compare_answers(head, compile_part)


def compiled_by_inductor() -> None:
    """The same down to machine code, for each head on its natural labels."""
    for head_class in (SoftmaxHead, SigmoidHead):
        head = random_head(head_class, head_class.natural_label_type)
        compile_part = partial(torch.compile, fullgraph=True, dynamic=True)
        compare_losses(head, compile_part(head.loss), with_mask=False)
        compare_answers(head, compile_part)


def compare_losses(head: ClassificationHead, loss: Callable[..., Tensor], with_mask: bool) -> None:
    """Three batches through a compiled loss and back, against the same uncompiled."""
    for count in (7, 2, 64):
        features, target = random_batch(head.label_type, count, ignored=0.0 if head.form.ignore_index is None else 0.3)
        mask = torch.arange(target.numel()).reshape(target.shape) % 3 > 0 if with_mask else None
        got, wanted = loss(features, target, mask), head.loss(features, target, mask)
        close(got, wanted)
        weights = list(head.parameters())
        close(torch.autograd.grad(got, weights), torch.autograd.grad(wanted, weights))


def compare_answers(head: ClassificationHead, compile_part: Callable[..., Any]) -> None:
    """Three batches through compiled scores and predictions, against the same uncompiled."""
    scores, predict = compile_part(head.scores), compile_part(head.predict)
    for count in (7, 2, 64):
        logits = torch.randn(count, C)
        close(scores(logits), head.scores(logits))
        assert torch.equal(predict(logits), head.predict(logits))


class Answers(nn.Module):
    """Logits in; scores, probabilities and predictions out."""

    def __init__(self, head: ClassificationHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.head.scores(logits), self.head.probabilities(logits), self.head.predict(logits)


class Decision(nn.Module):
    """Features in, predictions out."""

    def __init__(self, head: ClassificationHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head.predict(self.head(features))


def exported() -> None:
    """One program for every batch size, with the same decisions."""
    for head_class, label_type in KINDS:
        head = random_head(head_class, label_type).eval()
        for model, width in ((Answers(head), C), (Decision(head), D)):
            batch = ({0: torch.export.Dim("batch")},)
            program = torch.export.export(model, (torch.randn(2, width),), dynamic_shapes=batch).module()
            for count in (1, 2, 7, 64):
                inputs = torch.randn(count, width)
                got, wanted = program(inputs), model(inputs)
                if isinstance(wanted, tuple):
                    close(got[:2], wanted[:2])
                    got, wanted = got[2], wanted[2]
                assert torch.equal(got, wanted)


# Two processes ------------------------------------------------------------------------------------------------------


def own_rows(values: Tensor, uneven: bool = False) -> Tensor:
    """The rows of this rank: half of them each, or a quarter and the rest."""
    cut = len(values) // (4 if uneven else 2)
    return values[:cut] if RANK == 0 else values[cut:]


def ddp() -> None:
    """Averaged gradients are those of the whole batch; of uneven ranks too, by sums and counts."""
    for head_class, label_type in KINDS:
        head = random_head(head_class, label_type, ignore_index=-1)
        whole = copy.deepcopy(head)
        wrapped = nn.parallel.DistributedDataParallel(head)
        features, target = random_batch(label_type, 16)
        wrapped(own_rows(features), target=own_rows(target)).backward()
        whole.loss(features, target).backward()
        close([p.grad for p in head.parameters()], [p.grad for p in whole.parameters()])

        head.zero_grad(), whole.zero_grad()
        features, target = random_batch(label_type, 16, ignored=0.5)
        target[1] = -1  # nothing known
        logits = wrapped(own_rows(features, uneven=True))
        losses = head.row_losses(logits, own_rows(target, uneven=True))
        count = torch.as_tensor(head.count(own_rows(target, uneven=True)), dtype=torch.float32)
        assert losses.weight is not None
        assert losses.weight.sum() == count
        dist.all_reduce(count)
        assert count == whole.count(target)
        (losses.values.sum() * WORLD / count).backward()
        whole.loss(features, target).backward()
        close([p.grad for p in head.parameters()], [p.grad for p in whole.parameters()])


def fsdp2() -> None:
    """A step of a head whose parameters are sharded is the step of one process on all rows."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    for head_class, label_type in KINDS:
        head = random_head(head_class, label_type)
        whole = copy.deepcopy(head)
        fully_shard(head, mesh=init_device_mesh("cpu", (WORLD,)))
        features, target = random_batch(label_type, 16)
        for trained, rows in ((head, own_rows), (whole, lambda values: values)):
            optimizer = torch.optim.SGD(trained.parameters(), lr=0.5)
            loss = trained.loss(rows(features), rows(target))
            loss.backward()
            optimizer.step()
            if trained is head:
                dist.all_reduce(loss.detach())  # in place: the sum over ranks
                mean = loss.detach() / WORLD
        close(mean, loss.detach())
        close([p.full_tensor() for p in head.parameters()], list(whole.parameters()))
        close(head.loss(features, target).detach(), whole.loss(features, target).detach())


# One process or two ---------------------------------------------------------------------------------------------------


def accumulation() -> None:
    """Each optimizer step over uneven batches and ranks, the last over fewer, is one step on all their rows."""
    quieten_lightning()
    sizes = [7, 3, 1, 5, 2] if WORLD == 1 else [[7, 3, 1, 5, 2], [2, 6, 4, 1, 3]][RANK]
    steps_of = [[7, 3, 1, 5, 2]] if WORLD == 1 else [[7, 3, 1, 5, 2], [2, 6, 4, 1, 3]]
    for head_class, label_type in KINDS:
        head = random_head(head_class, label_type, ignore_index=-1)
        whole = copy.deepcopy(head)
        features, target = random_batch(label_type, 100, ignored=0.4)
        target[7:10] = -1  # rank 0: a whole batch of which nothing is known
        starts = [[sum(part[:k]) + 50 * rank for k in range(len(part) + 1)] for rank, part in enumerate(steps_of)]
        optimizer = torch.optim.SGD(whole.parameters(), lr=0.5)
        for window in ((0, 1), (2, 3), (4,)):
            rows = torch.cat([torch.arange(own[k], own[k + 1]) for own in starts for k in window])
            optimizer.zero_grad()
            whole.loss(features[rows], target[rows]).backward()
            optimizer.step()
        batches = [Batch(features[a:b], target[a:b], torch.arange(a, b), None) for a, b in pairwise(starts[RANK])]
        assert [len(batch.input) for batch in batches] == sizes
        module = ClassificationModule(nn.Identity(), head, SGD, constant)
        train(module, batches)
        close(list(module.head.parameters()), list(whole.parameters()))


def train(module: ClassificationModule, batches: list[Batch]) -> None:
    """One epoch under Lightning, two batches a step."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    strategy = "ddp" if WORLD > 1 else "auto"
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            devices=WORLD,
            strategy=strategy,
            max_epochs=1,
            accumulate_grad_batches=2,
            default_root_dir=folder,
            **quiet,
        )
        trainer.fit(module, train_dataloaders=torch.utils.data.DataLoader(batches, batch_size=None))
        assert trainer.global_step == 3


ROWS = {
    "compile": compiled,
    "compile_inductor": compiled_by_inductor,
    "export": exported,
    "ddp": ddp,
    "fsdp2": fsdp2,
    "accumulation": accumulation,
}


def main(*rows: str) -> None:
    """Run rows one after the other, the first that fails ends it; says which have passed."""
    torch.set_num_threads(1)
    if WORLD > 1:
        dist.init_process_group("gloo")
    for row in rows:
        ROWS[row]()
        if RANK == 0:
            print(f"{row} passed", flush=True)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
