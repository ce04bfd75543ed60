"""Optimal assignment: which of several people is which of several faces, so that the sum of scores is largest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


def assign(scores: npt.ArrayLike) -> list[int | None]:
    """Give each row at most one column, and each column to at most one row; a score of 0 or less is never taken.

    The Hungarian method with potentials (Kuhn 1955; Jonker and Volgenant 1987), one column of zeros for each row
    standing for "nobody".

    Args:
        scores: (rows, columns), higher is better.

    Returns:
        The column of each row, or None.
    """
    gains = np.maximum(np.asarray(scores, np.float64), 0.0)
    rows, columns = gains.shape if gains.ndim == 2 else (0, 0)
    cost = -np.hstack([gains, np.zeros((rows, rows))])
    taken = _cheapest(cost) if rows else np.zeros(0, np.int64)
    return [
        int(column) if column < columns and gains[row, column] > 0.0 else None
        for row, column in enumerate(taken)
    ]


def _cheapest(cost: F64) -> npt.NDArray[np.int64]:
    """Return the column of each row, (n,), of the cheapest assignment of a matrix (n, m) with n <= m."""
    n, m = cost.shape
    of_row, of_column = np.zeros(n + 1), np.zeros(m + 1)  # potentials
    row_at = np.zeros(m + 1, np.int64)  # 1 + row that has the column; column 0 is where a path begins
    for row in range(1, n + 1):
        row_at[0], column = row, 0
        least, before = np.full(m + 1, np.inf), np.zeros(m + 1, np.int64)
        used = np.zeros(m + 1, bool)
        while row_at[column]:
            used[column] = True
            free = ~used[1:]
            reduced = cost[row_at[column] - 1] - of_row[row_at[column]] - of_column[1:]
            better = free & (reduced < least[1:])
            least[1:][better], before[1:][better] = reduced[better], column
            step = 1 + int(np.argmin(np.where(free, least[1:], np.inf)))
            delta = least[step]
            of_row[row_at[used]] += delta
            of_column[used] -= delta
            least[~used] -= delta
            column = step
        while column:
            row_at[column], column = row_at[before[column]], before[column]
    taken = np.zeros(n, np.int64)
    for column in range(1, m + 1):
        if row_at[column]:
            taken[row_at[column] - 1] = column - 1
    return taken
