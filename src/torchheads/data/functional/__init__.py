"""Pure functions of the data room: keyed numbers, shares of a rank, windows into images, splits, canvases."""
