"""Optimizers with a fused kernel on the CPU take the steps of torch's own, however weights lie in memory."""

import copy
import pickle

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from torchheads.optim import adamw, sgd
from torchheads.optim.fused import can_fuse, is_dense

PLAIN = {
    adamw: lambda groups: torch.optim.AdamW(groups, lr=0.1, foreach=False),
    sgd: lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, foreach=False),
}
both = pytest.mark.parametrize("make", [adamw, sgd])


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(5))


def images():
    return torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def built(make, change=lambda module: module):
    """A network and its optimizer, and the same with torch's plain one."""
    module = net()
    module(images())
    twin = copy.deepcopy(change(module))
    ours = make(change(module), lr=0.1)
    groups = [{key: group[key] for key in ("params", "weight_decay")} for group in make(twin, lr=0.1).param_groups]
    return (module, ours), (twin, PLAIN[make](groups))


def train(module, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        module(images()).square().sum().mul(0.01).backward()
        optimizer.step()


def assert_alike(one, other):
    torch.testing.assert_close(one.state_dict(), other.state_dict())


def channels_last(module):
    return module.to(memory_format=torch.channels_last)


@both
@pytest.mark.parametrize("change", [lambda module: module, channels_last])
def test_steps_are_torchs(make, change):
    (module, ours), (twin, theirs) = built(make, change)
    assert ours.aligns
    train(module, ours)
    train(twin, theirs)
    assert_alike(module, twin)


@both
def test_a_change_of_format_between_two_steps(make):
    (module, ours), (twin, theirs) = built(make)
    for each, optimizer in ((module, ours), (twin, theirs)):
        train(each, optimizer)
        channels_last(each)
        train(each, optimizer)
    assert_alike(module, twin)


@both
def test_a_state_saved_in_another_format(make):
    (module, ours), (twin, theirs) = built(make)
    for each, optimizer in ((module, ours), (twin, theirs)):
        train(each, optimizer)
        state = copy.deepcopy(optimizer.state_dict())
        channels_last(each)
        optimizer.state.clear()
        optimizer.load_state_dict(state)
        train(each, optimizer)
    assert_alike(module, twin)


@both
def test_a_weight_with_gaps_in_memory(make):
    table = torch.randn(5, 8)
    linear = nn.Linear(3, 5)
    linear.weight = nn.Parameter(table[:, :3])
    twin = copy.deepcopy(linear)
    twin.weight = nn.Parameter(table[:, :3].clone())
    optimizers = make(linear, lr=0.1), make(twin, lr=0.1)
    assert [optimizer.aligns for optimizer in optimizers] == [False, True]
    for module, optimizer in zip((linear, twin), optimizers, strict=True):
        for _ in range(3):
            optimizer.zero_grad()
            module(torch.ones(2, 3)).square().sum().backward()
            optimizer.step()
    assert_alike(linear, twin)


@both
def test_gradients_that_lie_otherwise(make):
    (module, ours), (twin, theirs) = built(make)
    for each, optimizer in ((module, ours), (twin, theirs)):
        weight = each[3].weight
        for parameter in each.parameters():
            parameter.grad = torch.zeros_like(parameter)
        weight.grad = torch.arange(weight.numel(), dtype=torch.float32).view(weight.shape[::-1]).t()
        optimizer.step()
    assert_alike(module, twin)


@both
def test_a_closure_is_asked_once_with_gradients(make):
    (module, ours), (twin, theirs) = built(make)
    for each, optimizer in ((module, ours), (twin, theirs)):
        calls = []

        def closure(each=each, optimizer=optimizer, calls=calls):
            calls.append(torch.is_grad_enabled())
            optimizer.zero_grad()
            loss = each(images()).square().mean()
            loss.backward()
            return loss

        with torch.no_grad():
            assert optimizer.step(closure) > 0
        assert calls == [True]
    assert_alike(module, twin)


@both
def test_copies_go_on_alike(make):
    (module, ours), _ = built(make)
    train(module, ours)
    twin, copied = pickle.loads(pickle.dumps((module, ours)))
    train(module, ours)
    train(twin, copied)
    assert_alike(module, twin)


@both
def test_hooks_of_a_step_run_once(make):
    (_, ours), (_, plain) = built(make)  # torch's own class has been made, and wrapped its step
    calls = []
    for optimizer in (ours, plain):
        optimizer.register_step_pre_hook(lambda *_: calls.append("pre"))
        optimizer.register_step_post_hook(lambda *_: calls.append("post"))
        optimizer.step()
    assert calls == ["pre", "post"] * 2


def test_what_has_no_fused_kernel_is_left_to_torch():
    sparse = nn.Embedding(5, 3, sparse=True)
    optimizer = sgd(sparse, lr=0.1, momentum=0.0, weight_decay=0.0, nesterov=False)
    sparse(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    complex_ = nn.Module()
    complex_.weight = nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))
    assert not can_fuse(complex_, [{"params": [complex_.weight]}])
    sharded = type("Sharded", (torch.Tensor,), {})
    of_its_own = nn.Module()
    of_its_own.weight = nn.Parameter(torch.ones(2, 2).as_subclass(sharded))
    assert not can_fuse(of_its_own, [{"params": [of_its_own.weight]}])
    meta = nn.Linear(2, 2, device="meta")
    assert not can_fuse(meta, [{"params": list(meta.parameters())}])


@pytest.mark.parametrize(
    ("tensor", "dense"),
    [
        (torch.zeros(2, 3, 4), True),
        (torch.zeros(2, 3, 4).permute(2, 0, 1), True),
        (torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last), True),
        (torch.zeros(()), True),
        (torch.zeros(0, 3), True),
        (torch.zeros(2, 1, 3)[:, :, :2], False),
        (torch.zeros(3).expand(2, 3), False),
        (torch.zeros(4)[::2], False),
        (torch.eye(2).to_sparse(), False),
    ],
)
def test_gaps_and_overlaps(tensor, dense):
    assert is_dense(tensor) == dense


@both
def test_gradients_are_clipped_in_mixed_precision(make, tmp_path):
    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def training_step(self, batch, batch_idx):
            return self.linear(batch).square().mean()

        def configure_optimizers(self):
            return make(self, lr=0.1)

    trainer = Trainer(
        accelerator="cpu", precision="bf16-mixed", gradient_clip_val=1.0, max_epochs=1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.ones(4, 3), batch_size=2))
