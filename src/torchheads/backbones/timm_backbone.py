"""Any model of timm by name, without its classifier.

n examples, d features, k channels, h height, w width.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from math import floor
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.base import Backbone, dry_run, image_shape
from torchheads.backbones.weights_file import is_file_name, load_file, not_downloaded
from torchheads.errors import HeadConfigError, TorchHeadsError
from torchheads.images import ImageFormat


class TimmBackbone(Backbone):
    """A model of timm, which has more of them and more published weights than `TorchvisionBackbone`.

    Needs the package timm: ``pip install 'torchheads[timm]'``. The width of the features is found by running one
    image; the first layer is built for the channels of the images, and published weights are fitted to it.

    Args:
        input_shape: ``(channels, height, width)`` of one image.
        name: a model as ``timm.list_models`` names it, such as ``"resnet18"``; ``"resnet18.tv_in1k"`` says which of
            its published weights are meant.
        weights: ``"DEFAULT"`` for the published ones (downloaded on first use), a file of them (``.safetensors``,
            ``.pth``; see `load_file`), or None for a fresh start. They want images normalised as `expects` says.
        freeze: which stages do not train, see `Backbone.freeze`.

    Raises:
        HeadConfigError: code H04 for an unknown model or weights, H18 for images that the model cannot read, H30 for
            ``freeze``, H31 for weights that cannot be downloaded, H32 without timm.
        CheckpointCorrupt, UnsafeArtifact, CheckpointMismatch: codes K01, K05, K03, for a file of weights.

    Example:
        >>> import torch
        >>> TimmBackbone((1, 8, 8), name="resnet18")(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 512])

    Source: Wightman 2019, PyTorch Image Models.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        name: str = "resnet18",
        weights: str | None = None,
        freeze: bool | int | str | None = None,
    ) -> None:
        super().__init__(input_shape)
        image_shape("TimmBackbone", self.input_shape)
        published = published_format(name, weights)
        try:
            self.model = build(name, weights, self.input_shape, published)
            shape = dry_run(self)
        except TorchHeadsError:
            raise
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            problem = f"{name} cannot read images of shape {self.input_shape} ({reason})"
            raise HeadConfigError("H18", problem, "data.image_size=224, or backbone.name=resnet18") from error
        if len(shape) != 2:
            problem = f"{name} without its classifier gives shape {shape}; allowed one row of features an image"
            raise HeadConfigError("H18", problem, "backbone.name=resnet18")
        self.out_features = shape[1]
        if weights is not None and is_file_name(weights):
            heads = published.classifier or ()
            load_file(self.model, weights, [f"{head}." for head in ([heads] if isinstance(heads, str) else heads)])
        self.freeze(freeze)

    @classmethod
    def expects(cls, name: str = "resnet18", weights: str | None = None, **options: Any) -> ImageFormat:
        """The images that the weights were evaluated on when they were published.

        A file of weights is taken to be of those that timm publishes under the name. Without weights anything will do.

        Args:
            name: the model.
            weights: as in the constructor.
            options: the others, which change nothing.

        Raises:
            HeadConfigError: code H04 for an unknown model or weights, H32 without timm.

        Example:
            >>> TimmBackbone.expects(name="resnet18.tv_in1k", weights="DEFAULT").interpolation
            'bilinear'
        """
        published = published_format(name, weights)
        if weights is None:
            return ImageFormat()
        seen = import_timm().data.resolve_data_config(pretrained_cfg=published.to_dict())
        channels, height, width = seen["input_size"]
        cut = seen["crop_mode"] == "center" and height == width
        return ImageFormat(
            size=(height, width),
            channels=channels,
            resize=floor(height / seen["crop_pct"]) if cut else None,
            interpolation=seen["interpolation"],
            mean=tuple(seen["mean"]),
            deviation=tuple(seen["std"]),
        )

    def forward(self, input: Float[Tensor, "n k h w"]) -> Float[Tensor, "n d"]:
        """Features of shape (N, D) of images of shape (N, channels, height, width)."""
        features: Tensor = self.model(input)
        return features


def import_timm() -> Any:
    """``timm``, imported on first use, since it is an extra.

    Raises:
        HeadConfigError: code H32, when it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        problem = f"backbone=timm needs the package timm ({error})"
        raise HeadConfigError("H32", problem, "pip install 'torchheads[timm]', or backbone=torchvision") from error
    return timm


def published_format(name: str, weights: str | None) -> Any:
    """What timm knows of a model's published weights, read from its own tables.

    Raises:
        HeadConfigError: code H04, with the nearest names, when there is no such model or no such weights.
    """
    timm = import_timm()
    architecture, _, tag = str(name).partition(".")
    try:
        published = timm.get_pretrained_cfg(name) if timm.is_model(architecture) else None
    except RuntimeError:  # a tag that there is not
        published = None
    if published is None:
        names = timm.list_models(pretrained=True) if tag else timm.list_models()
        problem = f"unknown timm model {name!r}; allowed the models that timm.list_models() prints"
        nearest = get_close_matches(str(name), names, n=3, cutoff=0.5) or ["resnet18"]
        raise HeadConfigError("H04", problem, " or ".join(f"backbone.name={near}" for near in nearest))
    offered = timm.is_model_pretrained(name)
    if weights is None or is_file_name(weights) or (weights == "DEFAULT" and offered):
        return published
    allowed = "null, DEFAULT or a file" if offered else "null or, since timm publishes none, a file"
    problem = f"unknown weights {weights!r} of {name}; allowed {allowed} such as weights.pth"
    raise HeadConfigError("H04", problem, "backbone.weights=null")


def build(name: str, weights: str | None, input_shape: Sequence[int], published: Any) -> nn.Module:
    """The model without classifier, for images of a shape; with published weights if they are asked for.

    Raises:
        HeadConfigError: code H31, when they cannot be downloaded.
    """
    channels, *size = input_shape
    sized = {"img_size": tuple(size)} if published.fixed_input_size else {}
    try:
        model: nn.Module = import_timm().create_model(
            name, pretrained=weights == "DEFAULT", num_classes=0, in_chans=channels, **sized
        )
    except (RuntimeError, ValueError, TypeError, AssertionError):
        raise
    except Exception as error:  # each way to download has errors of its own
        raise not_downloaded(name, "DEFAULT", error) from error
    return model
