"""Any classification model of torchvision by name, with its last layer taken off.

n examples, d features, k channels, h height, w width.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.base import Backbone, dry_run, image_shape, positive_sizes
from torchheads.backbones.weights_file import is_file_name, load_file, not_downloaded
from torchheads.errors import HeadConfigError, TorchHeadsError
from torchheads.images import ImageFormat

CLASSES = 1000  # every classification model of torchvision ends in this many outputs unless told otherwise
AUXILIARY = ("aux1", "aux2", "AuxLogits")  # second outputs, of GoogLeNet and Inception


class TorchvisionBackbone(Backbone):
    """A torchvision model without its classifier; the width of its features is found, not typed.

    Use it for larger images or published weights; `Cnn` is faster on small ones. Grey images are repeated to the
    three channels that these models read.

    Args:
        input_shape: ``(channels, height, width)`` of one image, with 1 or 3 channels.
        name: a classification model as ``torchvision.models.list_models`` names it, such as ``"resnet18"``.
        weights: name of published weights, such as ``"DEFAULT"`` (downloaded on first use), a file of them
            (``.safetensors``, ``.pth``; see `load_file`), or None for a fresh start. They want images normalised as
            `expects` says.
        resize: side in pixels to which images are scaled (bilinear) before the model, or None to leave them; many
            models cannot read images smaller than about 32 pixels.
        freeze: which stages do not train, see `Backbone.freeze`.

    Raises:
        HeadConfigError: code H04 for an unknown model or weights, H18 for images that the model cannot read, H30 for
            ``freeze``, H31 for weights that cannot be downloaded.
        CheckpointCorrupt, UnsafeArtifact, CheckpointMismatch: codes K01, K05, K03, for a file of weights.

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
        freeze: bool | int | str | None = None,
    ) -> None:
        super().__init__(input_shape)
        channels, height, width = image_shape("TorchvisionBackbone", self.input_shape)
        if channels not in (1, 3):
            raise HeadConfigError("H18", f"{name} got images of {channels} channels; allowed 1 or 3", "backbone=cnn")
        self.resize = None if resize is None else positive_sizes("resize", [resize])[0]
        try:
            self.model = build(name, weights, (self.resize or height, self.resize or width))
            classifier = [f"{part}." for part in (find_head(self.model), *AUXILIARY)]
            self.out_features = remove_head(self.model)
            self.check_width()
        except (RuntimeError, ValueError, AssertionError) as error:
            if isinstance(error, TorchHeadsError):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            problem = f"{name} cannot read images of shape {self.input_shape} with resize={resize} ({reason})"
            raise HeadConfigError("H18", problem, "backbone.resize=224") from error
        if weights is not None and is_file_name(weights):
            load_file(self.model, weights, classifier)
        self.freeze(freeze)

    @classmethod
    def expects(
        cls, name: str = "resnet18", weights: str | None = None, resize: int | None = None, **options: Any
    ) -> ImageFormat:
        """The images that the weights were evaluated on when they were published.

        A file of weights is taken to be of the model's ``DEFAULT`` ones. With ``resize`` the model scales images
        itself, and only channels, mean and deviation are those of the weights. Without weights anything will do.

        Args:
            name: the model.
            weights: as in the constructor.
            resize: as in the constructor.
            options: the others, which change nothing.

        Raises:
            HeadConfigError: code H04 for an unknown model or weights.

        Example:
            >>> TorchvisionBackbone.expects(name="resnet18", weights="DEFAULT").size
            (224, 224)
        """
        check_names(name, weights)
        published = import_models().get_model_weights(name)
        key = "DEFAULT" if is_file_name(weights) else weights
        if key not in published.__members__:
            return ImageFormat()
        seen = published[key].transforms()
        known = ImageFormat(channels=3, mean=tuple(seen.mean), deviation=tuple(seen.std))
        if resize is not None:
            return known
        side, shorter = seen.crop_size[0], seen.resize_size[0]
        return known._replace(size=(side, side), resize=shorter, interpolation=seen.interpolation.value)

    def forward(self, input: Float[Tensor, "n k h w"]) -> Float[Tensor, "n d"]:
        """Features of shape (N, D) of images of shape (N, channels, height, width)."""
        if self.resize is not None:
            input = nn.functional.interpolate(input, size=(self.resize, self.resize), mode="bilinear")
        features: Tensor = self.model(input.expand(-1, 3, -1, -1))
        return features

    def check_width(self) -> None:
        """Run one image through the model, so that a wrong head or a too small image is found before any training.

        Raises:
            HeadConfigError: code H18, when the features are not of shape (N, out_features).
        """
        shape = dry_run(self)
        if shape != (1, self.out_features):
            problem = f"the model without its head gives shape {shape}; expected (1, {self.out_features})"
            raise HeadConfigError("H18", problem, "backbone.name=resnet18")


def build(name: str, weights: str | None, size: tuple[int, int]) -> nn.Module:
    """The whole torchvision model, for images of the size (height, width); with published weights if they are named.

    Raises:
        HeadConfigError: code H31, when they cannot be downloaded; those of `check_names`.
    """
    check_names(name, weights)
    published = None if is_file_name(weights) else weights
    options = size_options(name, size) | init_options(name, published)
    try:
        model: nn.Module = import_models().get_model(name, weights=published, **options)
    except (OSError, RuntimeError) as error:
        if published is None or (isinstance(error, RuntimeError) and "invalid hash" not in str(error)):
            raise
        raise not_downloaded(name, published, error) from error
    return model


def check_names(name: str, weights: str | None) -> None:
    """Refuse what torchvision does not have.

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
    if weights is not None and not is_file_name(weights) and weights not in published:
        allowed = f"null, {', '.join(published)}, or a file such as weights.pth"
        problem = f"unknown weights {weights!r} of {name}; allowed {allowed}"
        raise HeadConfigError("H04", problem, "backbone.weights=null")


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
    """The two oldest models warn unless told to initialise themselves, and scale their input to other weights' means.

    With published weights torchvision switches that scaling on. Here it is always on, so that what a model computes
    depends on its weights alone and not on where they came from.
    """
    if name not in ("googlenet", "inception_v3"):
        return {}
    return {"transform_input": True} | ({"init_weights": True} if weights is None else {})


def remove_head(model: nn.Module) -> int:
    """Put an identity in the place of the last layer with `CLASSES` outputs; return the width it read.

    Auxiliary classifiers (GoogLeNet, Inception) go too: while training they would be a second output.

    Raises:
        HeadConfigError: code H18, when no layer has `CLASSES` outputs.
    """
    for auxiliary, absent in (("aux_logits", False), *((name, None) for name in AUXILIARY)):
        if hasattr(model, auxiliary):
            setattr(model, auxiliary, absent)
    head = find_head(model)
    width = widths(model.get_submodule(head))[0]
    model.set_submodule(head, nn.Identity())
    return width


def find_head(model: nn.Module) -> str:
    """Name of the last layer with `CLASSES` outputs.

    Raises:
        HeadConfigError: code H18, when no layer has `CLASSES` outputs.
    """
    last = [name for name, part in model.named_modules() if widths(part)[1] == CLASSES]
    if not last:
        problem = f"{type(model).__name__} has no layer with {CLASSES} outputs to take off"
        raise HeadConfigError("H18", problem, "backbone.name=resnet18")
    head: str = last[-1]
    return head


def widths(part: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a linear or convolutional layer; (0, 0) of any other."""
    if isinstance(part, nn.Linear):
        return part.in_features, part.out_features
    return (part.in_channels, part.out_channels) if isinstance(part, nn.Conv2d) else (0, 0)
