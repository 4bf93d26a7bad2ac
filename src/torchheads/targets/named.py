"""One value, or one a head by name: several heads on one backbone have dicts of logits, targets, masks and answers."""

from collections.abc import Callable, Mapping
from typing import Any


def named(tree: Any) -> Mapping[str, Any]:
    """The values by head; a single value stands under the empty name.

    Example:
        >>> dict(named(3)), named({"species": 3})
        ({'': 3}, {'species': 3})
    """
    return tree if isinstance(tree, Mapping) else {"": tree}


def each(function: Callable[[Any], Any], tree: Any) -> Any:
    """The function of a value, or of each value of a dict by head; None, which stands for no value, stays None.

    Example:
        >>> each(len, (1, 2)), each(len, {"species": (1, 2), "tags": ()}), each(len, None)
        (2, {'species': 2, 'tags': 0}, None)
    """
    if isinstance(tree, Mapping):
        return {name: each(function, value) for name, value in tree.items()}
    return None if tree is None else function(tree)


def prefixed(name: str, key: str) -> str:
    """A key of a head's own, such as a metric's, among those of all heads.

    Example:
        >>> prefixed("species", "accuracy"), prefixed("", "accuracy")
        ('species/accuracy', 'accuracy')
    """
    return f"{name}/{key}" if name else key
