"""What the inputs are: sizes and modes of pictures by their headers, and the numbers of features.

n examples, d features, k constant ones.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from torchheads.data.pictures import picture_bytes
from torchheads.errors import DataError
from torchheads.images import ImageFormat, Pictures
from torchheads.images.functional import upright_size

HEADERS = 5000
"""Pictures whose headers are read at most, spread evenly over each part."""


class Header(NamedTuple):
    """What the header of a picture says: height and width once it is upright, and Pillow's word for its colours."""

    size: tuple[int, int]
    mode: str


def headers(parts: Sequence[Pictures]) -> list[Header]:
    """The headers of up to `HEADERS` pictures; those that cannot be read do not count."""
    total, found = sum(map(len, parts)), []
    for pictures in parts:
        looks = min(len(pictures), max(1, HEADERS * len(pictures) // max(total, HEADERS)))
        for look in range(looks):
            try:
                with pictures.open(look * len(pictures) // looks) as picture:
                    found.append(Header(upright_size(picture), picture.mode))
            except DataError:
                continue
    return found


def picture_record(found: Sequence[Header], total: int) -> dict[str, Any]:
    """Sizes and modes of pictures.

    Args:
        found: headers, one or more.
        total: how many pictures there are.

    Example:
        >>> picture_record([Header((4, 6), "L"), Header((4, 6), "L"), Header((2, 9), "RGB")], 3)["sizes"]["most_common"]
        [{'size': [4, 6], 'pictures': 2}, {'size': [2, 9], 'pictures': 1}]
    """
    heights, widths = zip(*(header.size for header in found), strict=True)
    sizes = Counter(header.size for header in found)
    return {
        "headers_read": len(found),
        "pictures": total,
        "sizes": {
            "different": len(sizes),
            "smallest": [min(heights), min(widths)],
            "median": [median(heights), median(widths)],
            "largest": [max(heights), max(widths)],
            "most_common": [{"size": list(size), "pictures": count} for size, count in sizes.most_common(3)],
        },
        "modes": dict(Counter(header.mode for header in found).most_common()),
    }


def format_record(format: ImageFormat, samples: int, cache_gb: float) -> dict[str, Any]:
    """What pictures are turned into, and the memory that all of them take as bytes.

    Example:
        >>> format_record(ImageFormat(size=(64, 64), channels=3), samples=1000, cache_gb=4.0)["gigabytes"]
        0.012288
    """
    size = picture_bytes(format) * samples / 1e9
    return {**format._asdict(), "gigabytes": size, "cache_gb": cache_gb, "cached": size <= cache_gb}


def feature_record(splits: Mapping[str, Float[Tensor, "n d"]]) -> dict[str, Any]:
    """Number and range of features, those that never change in training, and values that are no numbers.

    Example:
        >>> import torch
        >>> features = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
        >>> feature_record({"train": features, "test": features})["constant"]
        [1]
    """
    train = splits["train"]
    finite = [features[features.isfinite()] for features in splits.values()]
    constant = (train == train[:1]).all(dim=0)
    return {
        "dimension": train.shape[1],
        "smallest": min((numbers.min().item() for numbers in finite if len(numbers)), default=math.nan),
        "largest": max((numbers.max().item() for numbers in finite if len(numbers)), default=math.nan),
        "constant": constant.nonzero().flatten().tolist(),
        "not_finite": {name: int((~features.isfinite()).sum()) for name, features in splits.items()},
    }
