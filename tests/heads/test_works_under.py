"""What the heads work under: one test a row of what people put around a model.

Rows that compile, export or need two processes run in works_under_worker.py: the shape checks of the tests would break
a graph.
"""

import copy
import functools
import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from torchheads import BinaryCrossEntropy, CrossEntropy, FittedThreshold, SigmoidHead, SoftmaxHead, Threshold

WORKER = Path(__file__).with_name("works_under_worker.py")
TWO_PROCESSES = [
    *("-m", "torch.distributed.run", "--nproc-per-node=2"),
    *("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"),
]
N, D, C = 7, 6, 5
KINDS = [(head, label_type) for head in (SoftmaxHead, SigmoidHead) for label_type in ("single", "multi")]
every_kind = pytest.mark.parametrize(("head_class", "label_type"), KINDS)


@functools.cache
def run_worker(*rows: str, processes: int = 1) -> tuple[str, str]:
    """Output and errors of rows of the worker, in a process group of its own under a time limit; nothing is left."""
    local = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(
        [sys.executable, *(TWO_PROCESSES if processes == 2 else []), str(WORKER), *rows],
        env={**os.environ, **local},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        return process.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()


def alone(row):
    """Assert that a row passed in one process; the first to ask pays for all of them."""
    output, errors = run_worker("export", "accumulation", "compile", "compile_inductor")
    assert f"{row} passed\n" in output, errors[-3000:]


def with_another(row):
    """Assert that a row passed in two processes."""
    output, errors = run_worker("ddp", "fsdp2", "accumulation", processes=2)
    assert f"{row} passed\n" in output, errors[-3000:]


def random_head(head_class, label_type, **options):
    head = head_class(D, C, label_type=label_type, **options)
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    if not head.decision.fitted:
        head.decision.fit(torch.randn(20, C), torch.rand(20, C) < 0.4)
    return head


def random_batch(label_type):
    target = torch.randint(0, C, (N,)) if label_type == "single" else (torch.rand(N, C) < 0.4).float()
    return torch.randn(N, D), target


def answers(head, features):
    logits = head(features)
    return [logits, head.scores(logits), head.probabilities(logits), head.predict(logits)]


def same(one, other, label_type):
    """Whether two heads give the same answers and the same loss, bit by bit."""
    features, target = random_batch(label_type)
    pairs = zip(answers(one, features), answers(other, features), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and torch.equal(
        one.loss(features, target), other.loss(features, target)
    )


# In processes of their own --------------------------------------------------------------------------------------------


def test_works_under_export():
    alone("export")


def test_works_under_gradient_accumulation():
    alone("accumulation")


def test_works_under_compile():
    alone("compile")


def test_works_under_compile_inductor():
    alone("compile_inductor")


def test_works_under_ddp():
    with_another("ddp")


def test_works_under_fsdp2():
    with_another("fsdp2")


def test_works_under_gradient_accumulation_of_two_processes():
    with_another("accumulation")


# Here -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_kind
def test_works_under_autocast(head_class, label_type, dtype):
    head, (features, target) = random_head(head_class, label_type), random_batch(label_type)
    with torch.autocast("cpu", dtype=dtype):
        logits, loss = head(features), head.loss(features, target)
        scores, probabilities, predictions = head.scores(logits), head.probabilities(logits), head.predict(logits)
    assert logits.dtype == dtype
    assert {loss.dtype, scores.dtype, probabilities.dtype} == {torch.float32}
    exact = logits.detach().float()  # what was rounded is the product with the weights, and nothing after it
    assert torch.equal(loss, head.loss_from_logits(exact, target))
    assert torch.equal(scores, head.scores(exact))
    assert torch.equal(probabilities, head.probabilities(exact))
    assert torch.equal(predictions, head.predict(exact))
    loss.backward()
    assert head.classifier.weight.grad.dtype == torch.float32
    assert head.classifier.weight.grad.isfinite().all()


@every_kind
def test_works_under_functional_call_and_vmap(head_class, label_type):
    heads = [random_head(head_class, label_type) for _ in range(3)]
    features, target = random_batch(label_type)
    state = stack_module_state(heads)
    skeleton = copy.deepcopy(heads[0])

    def loss(parameters, buffers):
        return functional_call(skeleton, (parameters, buffers), (features, target))

    losses, logits = vmap(loss)(*state), torch.stack([head(features) for head in heads])
    torch.testing.assert_close(losses, torch.stack([head.loss(features, target) for head in heads]))
    wanted = torch.stack([head.scores(head(features)) for head in heads])
    torch.testing.assert_close(vmap(skeleton.scores)(logits), wanted)
    swapped = {"classifier.bias": torch.full((C,), 9.0)}
    moved = functional_call(heads[0], swapped, (features,))
    torch.testing.assert_close(moved, heads[0](features) - heads[0].classifier.bias + 9)


@every_kind
def test_works_under_per_example_gradients(head_class, label_type):
    head, (features, target) = random_head(head_class, label_type), random_batch(label_type)
    parameters = {name: parameter.detach() for name, parameter in head.named_parameters()}

    def loss(parameters, feature, answer):
        return functional_call(head, parameters, (feature[None], answer[None]))

    slopes = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, features, target)
    for n in range(N):
        wanted = torch.autograd.grad(head.loss(features[n : n + 1], target[n : n + 1]), list(head.parameters()))
        torch.testing.assert_close([slope[n] for slope in slopes.values()], list(wanted))
    whole = grad(lambda parameters: functional_call(head, parameters, (features, target)))(parameters)
    torch.testing.assert_close([slope.mean(0) for slope in slopes.values()], list(whole.values()))


@every_kind
def test_works_under_deepcopy(head_class, label_type):
    head = random_head(head_class, label_type)
    again = copy.deepcopy(head)
    assert same(head, again, label_type)
    nn.init.zeros_(again.classifier.weight)
    assert not same(head, again, label_type)


@every_kind
def test_works_under_pickle(head_class, label_type):
    head = random_head(head_class, label_type)
    assert same(head, pickle.loads(pickle.dumps(head)), label_type)
    file = io.BytesIO()
    torch.save(head, file)
    file.seek(0)
    assert same(head, torch.load(file, weights_only=False), label_type)


def from_meta(build, state):
    """A head built without memory, then given memory full of rubbish, then the state."""
    with torch.device("meta"):
        head = build()
    state_of = {**dict(head.named_parameters()), **dict(head.named_buffers())}
    empty = [name for name, values in state_of.items() if values.is_meta]
    assert {name for name, _ in head.named_parameters()} <= set(empty)
    head.to_empty(device="cpu")
    with torch.no_grad():
        for name, values in (*head.named_parameters(), *head.named_buffers()):
            if name in empty:  # what the memory held
                values.fill_(9)
    head.load_state_dict(state)
    return head


@every_kind
def test_works_under_meta_device(head_class, label_type):
    head = random_head(head_class, label_type)
    assert same(head, from_meta(lambda: head_class(D, C, label_type=label_type), head.state_dict()), label_type)


@pytest.mark.parametrize(
    ("head_class", "options"),
    [
        (SigmoidHead, lambda: {"decision": Threshold(0.7)}),
        (SigmoidHead, lambda: {"criterion": BinaryCrossEntropy(pos_weight=[1.0, 2.0, 3.0, 4.0, 5.0])}),
        (SoftmaxHead, lambda: {"criterion": CrossEntropy(class_weight=[1.0, 2.0, 3.0, 4.0, 5.0])}),
    ],
    ids=["threshold", "pos_weight", "class_weight"],
)
def test_works_under_meta_device_with_numbers_as_options(head_class, options):
    label_type = head_class.natural_label_type
    head = random_head(head_class, label_type, **options())
    again = from_meta(lambda: head_class(D, C, label_type=label_type, **options()), head.state_dict())
    assert same(head, again, label_type)


@every_kind
def test_works_under_safetensors(head_class, label_type, tmp_path):
    head = random_head(head_class, label_type)
    safetensors.torch.save_file(head.state_dict(), tmp_path / "head.safetensors")
    fresh = head_class(D, C, label_type=label_type, prior="data")
    fresh.load_state_dict(safetensors.torch.load_file(tmp_path / "head.safetensors"))
    assert not fresh.awaits_prior
    assert fresh.decision.fitted
    assert isinstance(fresh.decision, FittedThreshold) == (head_class is SoftmaxHead and label_type == "multi")
    assert same(head, fresh, label_type)
    safetensors.torch.save_model(head, str(tmp_path / "model.safetensors"))
    safetensors.torch.load_model(again := head_class(D, C, label_type=label_type), tmp_path / "model.safetensors")
    assert same(head, again, label_type)
