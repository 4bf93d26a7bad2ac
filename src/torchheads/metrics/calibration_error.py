"""Expected calibration error from one sum per bin, which adds up over batches and ranks exactly.

n examples, k columns (one for the top label, or one a label).
"""

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

NUM_BINS = 15


def bin_gaps(confidence: Float64[Tensor, "n k"], outcome: Bool[Tensor, "n k"]) -> Float64[Tensor, "k bins"]:
    """Summed outcome minus summed confidence of each of 15 equal-width bins, shape (k, 15).

    Bin i holds i/15 < confidence <= (i+1)/15; confidence 0 is in the first bin and 1 in the last (torchmetrics 1.9 puts
    1 into a bin of its own).

    Args:
        confidence: probabilities of shape (n, k) in [0, 1].
        outcome: whether what was announced came true, shape (n, k).

    Example:
        >>> gaps = bin_gaps(torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.tensor([[True], [False]]))
        >>> gaps[0, 0].item(), gaps[0, -1].item()
        (1.0, -1.0)
    """
    columns = confidence.shape[1]
    edges = torch.arange(1, NUM_BINS, dtype=torch.float64, device=confidence.device) / NUM_BINS
    bins = torch.bucketize(confidence.contiguous(), edges)
    cells = bins + NUM_BINS * torch.arange(columns, device=confidence.device)
    gaps = torch.zeros(columns * NUM_BINS, dtype=torch.float64, device=confidence.device)
    return gaps.index_add_(0, cells.flatten(), (outcome.double() - confidence).flatten()).view(columns, NUM_BINS)


def calibration_error(gaps: Float64[Tensor, "k bins"], examples: Float64[Tensor, "*k"]) -> Float64[Tensor, ""]:
    """Expected calibration error, averaged over the columns that have rows; NaN without rows.

        ECE = sum_b n_b/n |mean outcome_b - mean confidence_b| = 1/n sum_b |gap_b|

    Args:
        gaps: what `bin_gaps` gives, added over all rows, shape (k, bins).
        examples: number of rows n, or of each column's, shape (k,).

    Example:
        >>> confidence = torch.tensor([[0.9], [0.9]], dtype=torch.float64)
        >>> gaps = bin_gaps(confidence, torch.tensor([[True], [False]]))
        >>> calibration_error(gaps, torch.tensor(2.0, dtype=torch.float64))
        tensor(0.4000, dtype=torch.float64)

    Source: Guo et al., "On Calibration of Modern Neural Networks", section 2.
    """
    return (gaps.abs().sum(dim=1) / examples).nanmean()
