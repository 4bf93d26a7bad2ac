"""One value, or one a head by name."""

from torchheads.targets import each, named, prefixed


def test_one_value_and_several_are_walked_alike() -> None:
    assert named(7) == {"": 7}
    assert named(None) == {"": None}
    assert named({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert each(str, 7) == "7"
    assert each(str, {"a": 1, "b": None}) == {"a": "1", "b": None}
    assert each(str, None) is None


def test_a_key_of_the_only_head_is_as_it_is() -> None:
    assert prefixed("", "accuracy") == "accuracy"
    assert prefixed("species", "accuracy") == "species/accuracy"
