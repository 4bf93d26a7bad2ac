"""Any classification model of torchvision by name, with its last layer taken off.

n examples, d features, k channels, h height, w width.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.base import Backbone, image_shape, positive_sizes
from torchheads.errors import HeadConfigError

CLASSES = 1000  # every classification model of torchvision ends in this many outputs unless told otherwise


class TorchvisionBackbone(Backbone):
    """A torchvision model without its classifier; the width of its features is found, not typed.

    Use it for larger images or published weights; `Cnn` is faster on small ones. Grey images are repeated to the
    three channels that these models read.

    Args:
        input_shape: ``(channels, height, width)`` of one image, with 1 or 3 channels.
        name: a classification model as ``torchvision.models.list_models`` names it, such as ``"resnet18"``.
        weights: name of published weights, such as ``"DEFAULT"`` (downloaded on first use), or None for a fresh
            start. Published weights expect images normalised as their page says.
        resize: side in pixels to which images are scaled (bilinear) before the model, or None to leave them; many
            models cannot read images smaller than about 32 pixels.

    Raises:
        HeadConfigError: code H04 for an unknown model or weights, H18 for images that the model cannot read.

    Example:
        >>> import torch
        >>> TorchvisionBackbone((1, 8, 8), name="resnet18")(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 512])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        name: str = "resnet18",
        weights: str | None = None,
        resize: int | None = None,
    ) -> None:
        super().__init__(input_shape)
        channels, height, width = image_shape("TorchvisionBackbone", self.input_shape)
        if channels not in (1, 3):
            raise HeadConfigError("H18", f"{name} got images of {channels} channels; allowed 1 or 3", "backbone=cnn")
        self.resize = None if resize is None else positive_sizes("resize", [resize])[0]
        try:
            self.model = build(name, weights, (self.resize or height, self.resize or width))
            self.out_features = remove_head(self.model)
            self.check_width()
        except (RuntimeError, ValueError, AssertionError) as error:
            if isinstance(error, HeadConfigError):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            problem = f"{name} cannot read images of shape {self.input_shape} with resize={resize} ({reason})"
            raise HeadConfigError("H18", problem, "backbone.resize=224") from error

    def forward(self, input: Float[Tensor, "n k h w"]) -> Float[Tensor, "n d"]:
        """Features of shape (N, D) of images of shape (N, channels, height, width)."""
        if self.resize is not None:
            input = nn.functional.interpolate(input, size=(self.resize, self.resize), mode="bilinear")
        features: Tensor = self.model(input.expand(-1, 3, -1, -1))
        return features

    @torch.no_grad()
    def check_width(self) -> None:
        """Run one image through the model, so that a wrong head or a too small image is found before any training.

        Raises:
            HeadConfigError: code H18, when the features are not of shape (N, out_features).
        """
        self.eval()  # a training pass would move the running statistics of batch norm
        shape = tuple(self(torch.zeros(1, *self.input_shape)).shape)
        self.train()
        if shape != (1, self.out_features):
            problem = f"the model without its head gives shape {shape}; expected (1, {self.out_features})"
            raise HeadConfigError("H18", problem, "backbone.name=resnet18")


def build(name: str, weights: str | None, size: tuple[int, int]) -> nn.Module:
    """The whole torchvision model, for images of the size (height, width).

    Raises:
        HeadConfigError: code H04, with the nearest names, when there is no such model or no such weights.
    """
    models = import_models()
    names = models.list_models(module=models)
    if name not in names:
        problem = f"unknown torchvision model {name!r}; allowed the {len(names)} classification models of torchvision"
        nearest = get_close_matches(name, names, n=3, cutoff=0.5) or ["resnet18"]
        raise HeadConfigError("H04", problem, " or ".join(f"backbone.name={near}" for near in nearest))
    published = list(models.get_model_weights(name).__members__)
    if weights is not None and weights not in published:
        problem = f"unknown weights {weights!r} of {name}; allowed null, {', '.join(published)}"
        raise HeadConfigError("H04", problem, "backbone.weights=null")
    options = size_options(name, size) | init_options(name, weights)
    model: nn.Module = models.get_model(name, weights=weights, **options)
    return model


def import_models() -> Any:
    """``torchvision.models``, imported on first use, so that the other backbones need torch alone."""
    from torchvision import models  # type: ignore[import-untyped]

    return models


def size_options(name: str, size: tuple[int, int]) -> dict[str, Any]:
    """The keyword of models whose layers depend on the image size; most depend on none."""
    if name.startswith("vit_"):
        return {"image_size": size[0]}
    return {"input_size": size} if name.startswith("maxvit_") else {}


def init_options(name: str, weights: str | None) -> dict[str, Any]:
    """The two oldest models warn unless told to initialise themselves."""
    return {"init_weights": True} if weights is None and name in ("googlenet", "inception_v3") else {}


def remove_head(model: nn.Module) -> int:
    """Put an identity in the place of the last layer with `CLASSES` outputs; return the width it read.

    Auxiliary classifiers (GoogLeNet, Inception) go too: while training they would be a second output.

    Raises:
        HeadConfigError: code H18, when no layer has `CLASSES` outputs.
    """
    for auxiliary, absent in (("aux_logits", False), ("aux1", None), ("aux2", None), ("AuxLogits", None)):
        if hasattr(model, auxiliary):
            setattr(model, auxiliary, absent)
    last = [name for name, part in model.named_modules() if widths(part)[1] == CLASSES]
    if not last:
        problem = f"{type(model).__name__} has no layer with {CLASSES} outputs to take off"
        raise HeadConfigError("H18", problem, "backbone.name=resnet18")
    width = widths(model.get_submodule(last[-1]))[0]
    model.set_submodule(last[-1], nn.Identity())
    return width


def widths(part: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a linear or convolutional layer; (0, 0) of any other."""
    if isinstance(part, nn.Linear):
        return part.in_features, part.out_features
    return (part.in_channels, part.out_channels) if isinstance(part, nn.Conv2d) else (0, 0)
