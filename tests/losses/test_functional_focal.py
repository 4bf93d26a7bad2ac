"""Focal and asymmetric losses against a literal loop, the authors' formulas, torchvision, values by hand; edges."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from torchheads.losses.functional import binary_cross_entropy, cross_entropy
from torchheads.losses.functional_focal import all_others, asymmetric, binary_focal, focal, raised, shifted_log

M, C = 6, 4
GAMMAS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
FRACTIONS = st.sampled_from([0.0, 0.1, 0.5])


def drawn(seed, rows=M, classes=C):
    """Logits, class indices, distributions, sets, weights: all float64, all from one seed."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "logits": 3 * normal(rows, classes),
        "index": torch.randint(0, classes, (rows,), generator=generator),
        "share": (2 * normal(rows, classes)).softmax(dim=1),
        "sets": (normal(rows, classes) > 0).double(),
        "known": normal(rows, classes) > -0.5,
        "class_weight": normal(classes).exp(),
        "pos_weight": normal(classes).exp(),
        "alpha": normal(classes).sigmoid(),
    }


def loop_focal(logits, shares, gamma, weight, smoothing, known):
    """The definition, one number at a time; unknown classes are cut out of the row before anything else."""
    losses = []
    for z, q, k in zip(logits.tolist(), shares.tolist(), known.tolist(), strict=True):
        there = [c for c in range(len(z)) if k[c]]
        total, mass = sum(math.exp(z[c]) for c in there), sum(q[c] for c in there)
        loss = 0.0
        for c in there:
            p, smooth = math.exp(z[c]) / total, (1 - smoothing) * q[c] + smoothing * mass / len(there)
            loss -= float(weight[c]) * smooth * (1 - p) ** gamma * math.log(p)
        losses.append(loss)
    return torch.tensor(losses, dtype=torch.float64)


def loop_binary(logits, target, gamma, alpha, weight, pos_weight, smoothing):
    out = torch.zeros_like(logits)
    for m in range(logits.shape[0]):
        for c in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-float(logits[m, c])))
            t = (1 - smoothing) * float(target[m, c]) + smoothing / 2
            yes = float(alpha[c]) * float(pos_weight[c]) * t * (1 - p) ** gamma * math.log(p)
            no = (1 - float(alpha[c])) * (1 - t) * p**gamma * math.log(1 - p)
            out[m, c] = -float(weight[c]) * (yes + no)
    return out


def authors_asymmetric(logits, target, gamma_neg, gamma_pos, clip):
    """The paper's equations on probabilities: p_t of each answer, shifted, to the power of that answer's gamma."""
    p = torch.sigmoid(logits)
    not_p = torch.minimum(1 - p + clip, torch.ones_like(p))
    p_t = p * target + not_p * (1 - target)
    gamma = gamma_pos * target + gamma_neg * (1 - target)
    return -((1 - p_t) ** gamma) * (target * torch.log(p) + (1 - target) * torch.log(not_p))


# Values ---------------------------------------------------------------------------------------------------------------


def test_focal_by_hand():
    # z = (ln 2, 0, ln 5): probabilities 1/4, 1/8, 5/8; class 1 costs (7/8)^2 ln 8 = 1.5920 at gamma 2
    logits = torch.tensor([[math.log(2), 0.0, math.log(5)]], dtype=torch.float64)
    index = torch.tensor([1])
    assert focal(logits, index).item() == pytest.approx((7 / 8) ** 2 * math.log(8))
    # gamma 1, weight 3: 3 (7/8) ln 8
    weight = torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64)
    assert focal(logits, index, 1.0, weight).item() == pytest.approx(3 * 7 / 8 * math.log(8))
    # half on class 0, half on class 1: ((3/4) ln 4 + (7/8) ln 8) / 2
    half = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    assert focal(logits, half, 1.0).item() == pytest.approx((3 / 4 * math.log(4) + 7 / 8 * math.log(8)) / 2)
    # class 2 unknown: probabilities 2/3, 1/3; class 1 costs (2/3) ln 3
    hot, known = F.one_hot(index, 3).double(), torch.tensor([[True, True, False]])
    assert focal(logits, hot, 1.0, known=known).item() == pytest.approx(2 / 3 * math.log(3))


def test_binary_focal_by_hand():
    # sigmoid(ln 3) = 3/4: a positive costs (1/4)^2 ln 4/3, a negative (3/4)^2 ln 4; alpha 1/4 weighs them 1/4 and 3/4
    logits, target = torch.full((1, 2), math.log(3)), torch.tensor([[1.0, 0.0]])
    low, high = math.log(4 / 3) / 16, 9 / 16 * math.log(4)
    assert binary_focal(logits, target)[0].tolist() == pytest.approx([low, high])
    assert binary_focal(logits, target, alpha=0.25)[0].tolist() == pytest.approx([low / 4, 3 / 4 * high])


def test_asymmetric_by_hand():
    # sigmoid(ln 3) = 3/4: a positive costs (1/4) ln 4/3; a negative, shifted to 0.7, 0.7^4 ln(1 / 0.3) = 0.2891
    logits, target = torch.full((1, 2), math.log(3)), torch.tensor([[1.0, 0.0]])
    assert asymmetric(logits, target)[0].tolist() == pytest.approx([math.log(4 / 3) / 4, 0.7**4 * math.log(1 / 0.3)])
    # sigmoid(-ln 19) = 0.05: below the clip a negative is free
    assert asymmetric(torch.full((1, 1), -3.0), torch.zeros(1, 1)).item() == 0


@given(st.integers(0, 10**6), GAMMAS, FRACTIONS)
def test_focal_is_the_loop(seed, gamma, smoothing):
    d = drawn(seed)
    everything, weight, hot = torch.ones_like(d["known"]), d["class_weight"], F.one_hot(d["index"], C).double()
    by_index = focal(d["logits"], d["index"], gamma, weight, smoothing)
    torch.testing.assert_close(by_index, loop_focal(d["logits"], hot, gamma, weight, smoothing, everything))
    by_share = focal(d["logits"], d["share"], gamma, weight, smoothing)
    torch.testing.assert_close(by_share, loop_focal(d["logits"], d["share"], gamma, weight, smoothing, everything))
    known = d["known"] | hot.bool()  # at least one class is known
    some = focal(d["logits"], d["share"] * known, gamma, weight, smoothing, known)
    torch.testing.assert_close(some, loop_focal(d["logits"], d["share"] * known, gamma, weight, smoothing, known))


@given(st.integers(0, 10**6), GAMMAS, FRACTIONS)
def test_binary_focal_is_the_loop(seed, gamma, smoothing):
    d = drawn(seed)
    options = (gamma, d["alpha"], d["class_weight"], d["pos_weight"], smoothing)
    for target in (d["sets"], d["share"]):
        torch.testing.assert_close(
            binary_focal(d["logits"], target, *options), loop_binary(d["logits"], target, *options)
        )


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
@pytest.mark.parametrize("alpha", [0.25, None])
def test_binary_focal_is_torchvisions(gamma, alpha):
    d = drawn(1)
    theirs = sigmoid_focal_loss(d["logits"], d["sets"], alpha=-1 if alpha is None else alpha, gamma=gamma)
    torch.testing.assert_close(binary_focal(d["logits"], d["sets"], gamma, alpha), theirs)


def test_without_focus_they_are_the_cross_entropies():
    d = drawn(2)
    torch.testing.assert_close(focal(d["logits"], d["index"], 0.0), cross_entropy(d["logits"], d["index"]))
    entries = binary_cross_entropy(d["logits"], d["sets"])
    torch.testing.assert_close(binary_focal(d["logits"], d["sets"], 0.0), entries)
    torch.testing.assert_close(asymmetric(d["logits"], d["sets"], 0.0, 0.0, 0.0), entries)


def test_a_two_class_softmax_is_a_sigmoid_of_the_difference():
    d = drawn(3, classes=2)
    one = binary_focal(d["logits"][:, 1:] - d["logits"][:, :1], d["index"][:, None].double())
    torch.testing.assert_close(focal(d["logits"], d["index"]), one[:, 0])


@given(st.integers(0, 10**6), GAMMAS, st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.05, 0.3]))
def test_asymmetric_is_the_authors(seed, gamma_neg, gamma_pos, clip):
    d = drawn(seed)
    ours = asymmetric(d["logits"], d["sets"], gamma_neg, gamma_pos, clip, d["class_weight"])
    theirs = d["class_weight"] * authors_asymmetric(d["logits"], d["sets"], gamma_neg, gamma_pos, clip)
    torch.testing.assert_close(ours, theirs)


def test_soft_answers_cost_what_their_mixture_costs():
    d = drawn(4)
    yes, no = torch.ones_like(d["share"]), torch.zeros_like(d["share"])
    for loss in (binary_focal, asymmetric):
        mixed = d["share"] * loss(d["logits"], yes) + (1 - d["share"]) * loss(d["logits"], no)
        torch.testing.assert_close(loss(d["logits"], d["share"]), mixed)


def test_the_largest_probability_keeps_the_digits_of_its_complement():
    p = torch.tensor([[0.0, 30.0, -2.0]]).softmax(dim=1)
    exact = (1 + math.exp(-2)) * math.exp(-30)
    assert all_others(p)[0, 1].item() == pytest.approx(exact, rel=1e-5)
    torch.testing.assert_close(all_others(p)[0, ::2], 1 - p[0, ::2])


# Gradients ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("kind", ["index", "share", "known"])
def test_gradients_of_focal(kind, gamma):
    d = drawn(6)
    known = d["known"] if kind == "known" else None
    target = d["sets"] * d["known"] / 2 if kind == "known" else d[kind]
    logits = d["logits"].requires_grad_()
    assert torch.autograd.gradcheck(lambda z: focal(z, target, gamma, d["class_weight"], 0.1, known), logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_of_binary_focal(gamma):
    d = drawn(7)
    options = (gamma, d["alpha"], d["class_weight"], d["pos_weight"], 0.1)
    assert torch.autograd.gradcheck(lambda z: binary_focal(z, d["sets"], *options), d["logits"].requires_grad_())


@pytest.mark.parametrize("options", [(4.0, 1.0, 0.05), (0.5, 0.0, 0.0), (2.0, 2.0, 0.3)])
def test_gradients_of_asymmetric_are_those_of_the_whole_expression(options):
    d = drawn(8)
    assert torch.autograd.gradcheck(lambda z: asymmetric(z, d["sets"], *options), d["logits"].requires_grad_())


# Edges ----------------------------------------------------------------------------------------------------------------

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
BINARY = {
    "focal": binary_focal,
    "focal, gamma 1/2": lambda z, y: binary_focal(z, y, 0.5),
    "focal, gamma 0": lambda z, y: binary_focal(z, y, 0.0),
    "asymmetric": asymmetric,
    "asymmetric, no clip": lambda z, y: asymmetric(z, y, 4.0, 1.0, 0.0),
    "asymmetric, tiny clip": lambda z, y: asymmetric(z, y, 4.0, 1.0, 1e-7),
    "asymmetric, roots": lambda z, y: asymmetric(z, y, 0.5, 0.5, 0.05),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", BINARY.values(), ids=BINARY.keys())
@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_extreme_logits_of_sigmoids(loss, answer, dtype):
    logits = torch.tensor([[1e4, -1e4, 104.0, -104.0, 17.0, -17.0, 0.0]], dtype=dtype, requires_grad=True)
    losses = loss(logits, torch.full_like(logits, answer))
    assert losses.dtype == dtype
    assert losses.isfinite().all()
    assert (losses >= 0).all()
    losses.sum().backward()
    assert logits.grad.isfinite().all()


def test_a_wrong_answer_without_doubt_costs_its_logit():
    logits, target = torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]])
    assert binary_focal(logits, target)[0].tolist() == [1e4, 1e4]
    # a negative that is shifted to 0.95 costs 0.95^4 ln 20 = 2.4400, and no more
    assert asymmetric(logits, target)[0].tolist() == pytest.approx([0.95**4 * math.log(20), 1e4])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_of_a_softmax(gamma, dtype):
    logits = torch.tensor([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
    loss = focal(logits, torch.tensor([1, 0]), gamma)
    assert loss.tolist() == [torch.tensor(2e4, dtype=dtype).item(), 0]
    loss.sum().backward()
    assert logits.grad.tolist() == [[1, -1, 0], [0, 0, 0]]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_class_ruled_out_costs_nothing_where_it_is_wrong(gamma):
    logits = torch.tensor([[-math.inf, 0.0, 0.0], [-math.inf, -math.inf, 3.0]], requires_grad=True)
    loss = focal(logits, torch.tensor([1, 2]), gamma, label_smoothing=0.2)
    torch.testing.assert_close(loss, torch.tensor([0.5**gamma * math.log(2), 0.0]))
    loss.sum().backward()
    assert logits.grad.isfinite().all()
    assert focal(logits, torch.tensor([0, 0]), gamma).tolist() == [math.inf, math.inf]


def test_infinite_logits_that_are_wrong():
    infinite = torch.tensor([[-math.inf]])
    for loss in (binary_focal, asymmetric):
        assert loss(infinite, torch.ones(1, 1)).item() == math.inf
    assert asymmetric(-infinite, torch.zeros(1, 1)).item() == pytest.approx(0.95**4 * math.log(20))


def test_a_row_without_mass_or_knowledge_costs_nothing_and_pulls_nowhere():
    logits = torch.randn(2, 3, requires_grad=True)
    for known in (None, torch.zeros(2, 3, dtype=torch.bool)):
        loss = focal(logits, torch.zeros(2, 3), 2.0, None, 0.1, known)
        assert loss.tolist() == [0, 0]
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert not grad.any()


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row(rows):
    d = drawn(10, rows=rows)
    assert focal(d["logits"], d["index"]).shape == focal(d["logits"], d["share"]).shape == (rows,)
    assert binary_focal(d["logits"], d["sets"]).shape == asymmetric(d["logits"], d["sets"]).shape == (rows, C)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    d = drawn(9)
    tolerance = {"rtol": 30 * torch.finfo(dtype).eps, "atol": 30 * torch.finfo(dtype).eps}
    logits, sets = d["logits"].to(dtype), d["sets"].to(dtype)
    for loss, exact in [
        (focal(logits, d["index"]), focal(d["logits"], d["index"])),
        (binary_focal(logits, sets), binary_focal(d["logits"], d["sets"])),
        (asymmetric(logits, sets), asymmetric(d["logits"], d["sets"])),
    ]:
        assert loss.dtype == dtype
        torch.testing.assert_close(loss.double(), exact, **tolerance)


def test_a_root_of_nothing_has_no_slope():
    values = torch.tensor([0.0, 0.25], requires_grad=True)
    raised(values, 0.5).sum().backward()
    assert values.grad.tolist() == [0, 1]
    assert raised(torch.zeros(1), 0.0).item() == 1


def test_the_shifted_logarithm_never_rises_above_nothing():
    values = shifted_log(torch.linspace(-20, 20, 41, dtype=torch.float64), 0.05)
    p = torch.linspace(-20, 20, 41, dtype=torch.float64).sigmoid()
    torch.testing.assert_close(values, (1 - (p - 0.05).clamp(min=0)).log())
    assert (values <= 0).all()
