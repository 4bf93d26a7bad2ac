"""Rules that make new weights of gradients, chunk by chunk: the same as torch's optimizers where those have them."""

import pickle

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.linear import RowwiseAdam, Sgd

CHUNKS = (slice(0, 4), slice(4, 5), slice(5, 7))


def walk(step, weight, gradient):
    step.begin(weight)
    for classes in CHUNKS:
        step.take(weight[classes], gradient[classes].clone(), classes)


def drawn(steps=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 5, generator=generator), torch.randn(steps, 7, 5, generator=generator)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_is_torchs_with_decoupled_decay(decay):
    weight, gradients = drawn()
    theirs = torch.nn.Parameter(weight.clone())
    optimizer, step = torch.optim.SGD([theirs], lr=0.3), Sgd(lr=0.3, weight_decay=decay)
    for gradient in gradients:
        walk(step, weight, gradient)
        with torch.no_grad():
            theirs.mul_(1 - 0.3 * decay)
        theirs.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight, theirs.detach())


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rowwise_adam_is_torchs_adamw_where_a_row_has_one_square_that_does_not_grow(decay):
    """Of gradients whose entries have one size in each row, the mean square of the row is that of each entry."""
    weight, gradients = drawn(5)
    gradients = gradients.sign() * torch.rand(5, 7, 1).sort(dim=0, descending=True).values
    theirs = torch.nn.Parameter(weight.clone())
    optimizer = torch.optim.AdamW([theirs], lr=0.01, betas=(0.0, 0.9), weight_decay=decay)
    step = RowwiseAdam(lr=0.01, beta=0.9, weight_decay=decay)
    for gradient in gradients:
        walk(step, weight, gradient)
        theirs.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight, theirs.detach())


def test_the_first_example_of_a_rare_class_is_no_long_step():
    weight, step = torch.zeros(7, 5), RowwiseAdam(lr=1.0)
    for _ in range(50):
        walk(step, weight, torch.full((7, 5), 1e-6))
    before = weight.clone()
    walk(step, weight, torch.full((7, 5), 1e-2))
    torch.testing.assert_close(before - weight, torch.ones(7, 5), rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_no_gradient_is_no_step_in_any_precision(dtype):
    weight, _ = drawn(1)
    weight = weight.to(dtype)
    before, step = weight.clone(), RowwiseAdam(lr=0.1)
    walk(step, weight, torch.zeros_like(weight))
    assert torch.equal(weight, before)


def test_a_saved_state_does_not_change_with_the_next_step():
    weight, gradients = drawn(2)
    step = RowwiseAdam(lr=0.1)
    walk(step, weight, gradients[0])
    saved = step.state_dict()["mean_square"]
    before = saved.clone()
    walk(step, weight, gradients[1])
    assert torch.equal(saved, before)


def test_a_class_without_a_gradient_stays():
    weight, gradients = drawn(1)
    before = weight.clone()
    gradients[0, 3] = 0
    walk(RowwiseAdam(lr=0.1), weight, gradients[0])
    assert torch.equal(weight[3], before[3])
    assert not (weight == before)[:3].any()


def test_the_learning_rate_may_change():
    weight, gradients = drawn(1)
    step, before = Sgd(lr=1.0), weight.clone()
    step.lr = 0.25
    walk(step, weight, gradients[0])
    torch.testing.assert_close(weight, before - 0.25 * gradients[0])


@pytest.mark.parametrize("copy", [pickle.dumps, None])
def test_a_saved_state_goes_on_as_if_nothing_had_been(copy):
    weight, gradients = drawn(4)
    step, twin = RowwiseAdam(lr=0.1), RowwiseAdam(lr=0.1)
    for gradient in gradients[:2]:
        walk(step, weight, gradient)
    other = weight.clone()
    twin.load_state_dict(pickle.loads(copy(step.state_dict())) if copy else step.state_dict())
    for gradient in gradients[2:]:
        walk(step, weight, gradient)
        walk(twin, other, gradient)
    assert torch.equal(weight, other)
    assert Sgd(lr=0.1).state_dict() == {}


def test_half_precision_weights_keep_their_squares_in_float32():
    weight, gradients = drawn(1)
    weight = weight.to(torch.bfloat16)
    step = RowwiseAdam(lr=0.1)
    walk(step, weight, (gradients[0] * 1e-6).to(torch.bfloat16))
    assert weight.dtype == torch.bfloat16
    assert step.mean_square.dtype == torch.float32
    assert (step.mean_square > 0).all()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Sgd(lr=0.0), r"Sgd\.lr=0\.0; allowed a number above 0, below inf\. Try: lr=0\.01"),
        (lambda: Sgd(lr=float("nan")), r"Sgd\.lr=nan"),
        (lambda: Sgd(lr=float("inf")), r"Sgd\.lr=inf"),
        (lambda: Sgd(lr="1"), r"Sgd\.lr='1'"),
        (lambda: Sgd(lr=True), r"Sgd\.lr=True"),
        (lambda: RowwiseAdam(lr=0.1, weight_decay=-1.0), r"RowwiseAdam\.weight_decay=-1\.0; allowed a number from 0"),
        (lambda: RowwiseAdam(lr=0.1, beta=1.0), r"RowwiseAdam\.beta=1\.0; allowed a number from 0, below 1"),
        (lambda: RowwiseAdam(lr=0.1, eps=0.0), r"RowwiseAdam\.eps=0\.0"),
    ],
)
def test_numbers_out_of_range(make, text):
    with pytest.raises(HeadConfigError, match=f"^TH-H13: {text}"):
        make()


def test_a_rule_belongs_to_one_classifier():
    step = RowwiseAdam(lr=0.1)
    step.begin(torch.zeros(3, 2))
    with pytest.raises(HeadConfigError, match="TH-H13: mean squares of 3 classes for a weight of 4"):
        step.begin(torch.zeros(4, 2))


def test_it_says_what_it_is():
    assert repr(RowwiseAdam(lr=0.125)) == "RowwiseAdam(lr=0.125, weight_decay=0)"
