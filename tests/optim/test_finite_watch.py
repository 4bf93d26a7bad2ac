"""A loss that is not finite ends the run one step later, with the number of its step."""

import pytest
import torch

from torchheads.errors import NonFiniteError
from torchheads.optim import FiniteWatch

GOOD = torch.tensor(1.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_the_next_step_tells(bad):
    watch = FiniteWatch()
    watch.look(GOOD, step=3)
    watch.look(torch.tensor(bad), step=4)
    with pytest.raises(NonFiniteError, match=r"^TH-L01: the loss of step 4 is NaN or infinite\. Try: a smaller learn"):
        watch.look(GOOD, step=5)


def test_the_end_of_an_epoch_tells():
    watch = FiniteWatch()
    watch.look(torch.tensor(float("nan")), step=9)
    with pytest.raises(NonFiniteError, match="step 9"):
        watch.read()
    watch.read()  # told once


def test_finite_losses_pass():
    watch = FiniteWatch()
    watch.read()
    for step in range(3):
        watch.look(torch.tensor(0.0, requires_grad=True), step)
    watch.read()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_answer_comes_from_the_device():
    watch = FiniteWatch()
    watch.look(GOOD.cuda(), step=0)
    watch.look(torch.tensor(float("nan"), device="cuda"), step=1)
    with pytest.raises(NonFiniteError, match="step 1"):
        watch.read()
