"""A broken promise is put in words that say what was found and what to do."""

import pytest
import torch

from torchheads.errors import HeadConfigError, TargetError
from torchheads.testing.functional import (
    fail,
    on_error,
    one_line,
    require,
    require_close,
    require_equal,
    require_refusal,
    require_same_answers,
)

NAN = float("nan")


def test_fail_has_two_lines():
    with pytest.raises(AssertionError, match=r"^found: this\n   do: that$"):
        fail("this", "that")


def test_require():
    require(True, "this", "that")
    with pytest.raises(AssertionError, match="found: this"):
        require(False, "this", "that")


def test_close_is_within_rounding():
    require_close("x", torch.tensor([1.0]), torch.tensor([1.00001], dtype=torch.float64), "that")
    require_close("x", torch.tensor([True]), torch.tensor([True]), "that")
    require_close("x", torch.zeros(0, 2), torch.zeros(0, 2), "that")
    with pytest.raises(AssertionError, match=r"found: x at \[1, 0\] is 3, expected 4\n   do: that"):
        require_close("x", torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [4.0]]), "that")
    with pytest.raises(AssertionError, match=r"x is nan, expected 0"):
        require_close("x", torch.tensor(NAN), torch.tensor(0.0), "that")
    with pytest.raises(AssertionError, match=r"x is nan, expected nan"):
        require_close("x", torch.tensor(NAN), torch.tensor(NAN), "that")
    with pytest.raises(AssertionError, match=r"x has shape \(2,\), expected \(1, 2\)"):
        require_close("x", torch.zeros(2), torch.zeros(1, 2), "that")


def test_equal_is_to_the_last_bit_and_in_dtype():
    require_equal("x", torch.tensor([NAN, 1.0]), torch.tensor([NAN, 1.0]), "that")
    with pytest.raises(AssertionError, match=r"x at \[0\] is 1, expected 1"):
        require_equal("x", torch.tensor([1.0]), torch.tensor([1.0]).nextafter(torch.tensor([2.0])), "that")
    with pytest.raises(AssertionError, match=r"x is torch.int64, expected torch.bool"):
        require_equal("x", torch.tensor([1]), torch.tensor([True]), "that")
    with pytest.raises(AssertionError, match=r"x at \[0\]"):
        require_equal("x", torch.tensor([NAN]), torch.tensor([0.0]), "that")


def test_same_answers_names_the_one_that_differs():
    with pytest.raises(AssertionError, match=r"found: b is 1, expected 2"):
        require_same_answers(
            {"a": torch.ones(()), "b": torch.ones(())}, {"a": torch.ones(()), "b": 2 * torch.ones(())}, ""
        )


def raising(error):
    def call():
        raise error

    return call


def test_a_refusal_has_kind_code_and_remedy():
    require_refusal(raising(TargetError("T01", "index 9", "num_classes=10")), TargetError, ("T01", "T02"), "that")
    cases = {
        "no error but the answer None, expected TargetError T01": lambda: None,
        "ValueError: bad, expected TargetError T01": raising(ValueError("bad\nsee above")),
        "TargetError: TH-T02: no. Try: yes, expected TargetError T01": raising(TargetError("T02", "no", "yes")),
        "HeadConfigError: TH-T01: no. Try: yes, expected TargetError T01": raising(HeadConfigError("T01", "no", "yes")),
        "no remedy in TH-T01: no": raising(TargetError("T01", "no")),
    }
    for text, call in cases.items():
        with pytest.raises(AssertionError) as found:
            require_refusal(call, TargetError, "T01", "that")
        assert str(found.value).startswith(f"found: {text}\n   do: ")


def test_on_error_turns_errors_into_failures_and_lets_failures_through():
    with pytest.raises(AssertionError, match="found: KeyError: 'a'\n   do: that") as found, on_error("that"):
        raise KeyError("a")
    assert isinstance(found.value.__cause__, KeyError)
    with pytest.raises(AssertionError, match=r"^mine$"), on_error("that"):
        raise AssertionError("mine")


def test_one_line_of_an_error():
    assert one_line(RuntimeError("\n first \nsecond")) == "RuntimeError: first "
    assert one_line(RuntimeError()) == "RuntimeError: "
    assert len(one_line(RuntimeError("x" * 999))) < 230
