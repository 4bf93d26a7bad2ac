"""Says, before the first step, what is about to be trained on what, and what it is judged by."""

from __future__ import annotations

from typing import Any, cast, final

from lightning.pytorch import Callback, LightningModule, Trainer

from torchheads.callbacks.base import Watched, parts
from torchheads.heads import named_heads

CROSSED = {
    (
        "SoftmaxHead",
        "multi",
    ): "on label sets: cross-entropy, an equal share for each label of a set, none for the empty one",
    (
        "SigmoidHead",
        "single",
    ): "on one class each: binary cross-entropy of each class; the highest score is the answer",
}
"""What is trained where head and label type are not each other's natural choice."""

LOGIT_BYTES = 4  # heads compute their link in float32, whatever the precision of the run


@final
class StartSummary(Callback):
    """Prints data, parameters, memory of the logits and the watched metric when a fit starts; rank 0 only.

    Example:
        >>> memory(1536)
        '1.5 KiB'
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the summary."""
        if trainer.is_global_zero:
            print("\n".join(summary(parts(pl_module), getattr(trainer, "datamodule", None))), flush=True)


def summary(module: Watched, data: Any) -> list[str]:
    """The lines of the summary.

    Args:
        module: gives ``backbone``, ``head``, ``watched`` and ``watched_mode``.
        data: gives ``name``, ``num_samples`` and ``batch_size``; what it lacks is left out, None included.

    Returns:
        One line each for data, model, logits and the watched metric; one more for a head on the other label type.
    """
    heads: dict[str, Any] = named_heads(cast(Any, module.head))
    kinds = [f"{name} {head.label_type}-label, {head.num_classes:,} classes".strip() for name, head in heads.items()]
    classes = sum(head.num_classes for head in heads.values())
    samples = " / ".join(f"{count:,} {split}" for split, count in getattr(data, "num_samples", {}).items())
    name = getattr(data, "name", "data")
    batch_size = getattr(data, "batch_size", None)
    rows = f"{batch_size:,} x {classes:,} a batch" if batch_size else f"{classes:,} an example"
    best = "highest" if module.watched_mode == "max" else "lowest"
    crossed = [line for head in heads.values() if (line := CROSSED.get((type(head).__name__, head.label_type)))]
    return [
        f"data      {name}: {'; '.join(kinds)}" + (f", {samples}" if samples else ""),
        f"model     {parameters(module.backbone)} + {parameters(module.head)} parameters",
        *(f"training  {line}" for line in crossed),
        f"logits    {rows}, {memory((batch_size or 1) * classes * LOGIT_BYTES)}",
        f"watching  {module.watched}, {best} is best",
    ]


def parameters(part: Any) -> str:
    """Class and number of parameters of a module, with the trainable ones where some are frozen."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in part.parameters()]
    total, trainable = sum(count for count, _ in counts), sum(count for count, trains in counts if trains)
    return f"{type(part).__name__} {total:,}" + ("" if total == trainable else f" ({trainable:,} trainable)")


def memory(size: int) -> str:
    """A number of bytes in the largest unit that keeps it at 1 or more.

    Example:
        >>> memory(2560), memory(3 * 2**30)
        ('2.5 KiB', '3.0 GiB')
    """
    power = min(max(size, 1).bit_length() - 1, 49) // 10
    return f"{size / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
