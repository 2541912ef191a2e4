"""Projections whose results count by their lengths alone, in as few numbers as possible."""

import numpy as np


def triangular(columns: np.ndarray) -> np.ndarray:
    """The same columns, turned among themselves so that the upper ones of their numbers are 0.

    For any row h, h @ columns and h @ triangular(columns) have the same length, and so have
    differences of such products. Zeros take no place in a compressed file: of a square matrix half
    of the numbers are left.

    Args:
        columns: float64 [rows, rank], rank at most rows.

    Returns:
        float64 [rows, rank], lower triangular: the number at [i, j] is 0 for i < j.
    """
    # columns' = Q R with Q orthogonal, so that columns = R' Q'.
    return np.tril(np.asarray(np.linalg.qr(columns.T, mode="r")).T)
