"""Losses, their options and weights that do not fit the head, found before anything is built."""

import pytest

from torchheads.config import check_command
from torchheads.errors import HeadConfigError

OF_THE_OTHER_HEAD = {
    ("softmax", "asymmetric"): "loss=cross_entropy, or head=sigmoid, or no loss at all",
    ("sigmoid", "logit_adjusted"): "loss=binary_cross_entropy, or head=softmax, or no loss at all",
    ("sigmoid", "balanced_softmax"): "loss=binary_cross_entropy, or head=softmax, or no loss at all",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(*words):
    with pytest.raises(HeadConfigError) as caught:
        check_command("train", list(words))
    return str(caught.value)


@pytest.mark.parametrize(("head", "loss"), OF_THE_OTHER_HEAD)
def test_a_loss_of_the_other_head_names_its_head(head, loss):
    other = {"softmax": "sigmoid", "sigmoid": "softmax"}[head]
    problem = f"TH-H24: loss={loss} is a loss of head={other}, and the head is {head}"
    assert refusal(f"head={head}", f"loss={loss}") == f"{problem}. Try: {OF_THE_OTHER_HEAD[head, loss]}"
    check_command("train", [f"head={other}", f"loss={loss}"])


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_focal_is_right_for_both(head):
    check_command("train", [f"head={head}", "loss=focal", "weights=auto"])


@pytest.mark.parametrize("key", ["alpha", "pos_weight"])
def test_an_option_of_the_other_head_names_its_head(key):
    assert refusal("head=softmax", "loss=focal", f"loss.{key}=0.5") == (
        f"TH-H24: loss.{key} is an option of focal for head=sigmoid, and the head is softmax. "
        f"Try: loss.{key}=null, or head=sigmoid"
    )
    check_command("train", ["head=sigmoid", "loss=focal", f"loss.{key}=0.5"])


@pytest.mark.parametrize(
    ("head", "loss", "plain"),
    [
        ("softmax", "logit_adjusted", "cross_entropy"),
        ("softmax", "balanced_softmax", "cross_entropy"),
        ("sigmoid", "asymmetric", "binary_cross_entropy"),
    ],
)
def test_weights_beside_a_loss_that_takes_none(head, loss, plain):
    for weights in ("auto", "class_balanced"):
        assert refusal(f"head={head}", f"loss={loss}", f"weights={weights}") == (
            f"TH-H36: loss={loss} takes no weights: it balances the classes by itself. Try: ~weights, or loss={plain}"
        )


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", None])
def test_other_losses_take_weights(loss):
    check_command("train", ["weights=auto", *([f"loss={loss}"] if loss else [])])
