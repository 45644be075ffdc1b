"""Integer weights as signed binary digits: a sparse matrix product made of additions and doublings only.

A weight +-2^k is one digit; any other weight is the fewest digits that sum to it. For each output the inputs are added
with the highest exponent first and the running sum is doubled on the way down (Horner over exponents), so the doublings
are shared by all weights of the output. `hops` counts this program and the fused engine executes it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.errors import CircuitError

WIDEST_BITS = 61  # 3 |w| must fit into int64


@dataclass(frozen=True, eq=False)
class Digits:
    """The program of W x: for each row, ``acc = (acc << doublings) + sign * x[column]``, entry by entry.

    Attributes:
        indptr: Where each row's entries begin, shape (rows + 1,), int64.
        columns: Input of each entry, int32.
        signs: +1 or -1 for each entry, int8.
        doublings: Doublings of the sum before the entry is added, uint8; 0 for the first entry of a row.
        last_doublings: Doublings after the last entry, shape (rows,), uint8.
    """

    indptr: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    signs: npt.NDArray[np.int8]
    doublings: npt.NDArray[np.uint8]
    last_doublings: npt.NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """Number of outputs."""
        return len(self.last_doublings)

    @property
    def additions(self) -> int:
        """Additions of one pass: each entry but the first of its row, with which the sum starts."""
        return int(np.maximum(np.diff(self.indptr) - 1, 0).sum())

    @property
    def total_doublings(self) -> int:
        """Doublings of one pass: each row's highest exponent."""
        return int(self.doublings.sum(dtype=np.int64) + self.last_doublings.sum(dtype=np.int64))

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """For each entry, how many entries from it on are in its row, share its sign and need no doubling between."""
        count = len(self.columns)
        breaks = np.ones(count + 1, dtype=bool)
        breaks[1:-1] = (self.signs[1:] != self.signs[:-1]) | (self.doublings[1:] > 0)
        breaks[self.indptr] = True
        edges = np.flatnonzero(breaks)
        entries = np.arange(count)
        return np.asarray(edges[np.searchsorted(edges, entries, side="right")] - entries, dtype=np.int64)


def count_digits(weights: sparse.csr_array) -> int:
    """How many entries `signed_digits` has, without making them."""
    magnitude = np.abs(weights.data.astype(np.int64))
    return int(np.bitwise_count(3 * magnitude ^ magnitude).sum())


def signed_digits(weights: sparse.csr_array) -> Digits:
    """Decompose integer weights into non-adjacent signed digits, the fewest for each weight.

    Args:
        weights: CSR array of integers below 2^61 in absolute value, shape (rows, columns).

    Returns:
        The program; in a row, entries come by descending exponent and then by ascending column.

    Raises:
        CircuitError: If a weight is 2^61 or more.

    Source: Prodinger, On binary representations of integers with digits -1, 0, 1, Integers 0 (2000), A8: the digits
    of n are the bits in which 3n and n differ, halved.
    """
    rows = weights.shape[0]
    values = weights.data.astype(np.int64)
    if values.size and max(int(values.max()), -int(values.min())) >> WIDEST_BITS:
        raise CircuitError(
            f"Weights of 2^{WIDEST_BITS} or more cannot be split into digits: ask for fewer weight bits."
        )
    magnitude = np.abs(values)
    plus, minus = (3 * magnitude & ~magnitude) >> 1, (magnitude & ~(3 * magnitude)) >> 1
    used = plus | minus

    entry_rows = np.repeat(np.arange(rows, dtype=np.int64), np.diff(weights.indptr))
    exponents = np.arange(int(used.max(initial=0)).bit_length(), dtype=np.int64)
    found = [np.flatnonzero(used >> exponent & 1) for exponent in exponents]
    source = np.concatenate([*found, np.empty(0, dtype=np.int64)]).astype(np.int64)
    exponent = np.repeat(exponents, [len(places) for places in found])
    order = np.lexsort((weights.indices[source], -exponent, entry_rows[source]))
    source, exponent = source[order], exponent[order]

    counts = np.bincount(entry_rows[source], minlength=rows)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    filled = counts > 0
    doublings = np.zeros(len(source), dtype=np.int64)
    doublings[1:] = exponent[:-1] - exponent[1:]
    doublings[indptr[:-1][filled]] = 0
    last = np.zeros(rows, dtype=np.int64)
    last[filled] = exponent[indptr[1:][filled] - 1]
    positive = (plus[source] >> exponent & 1).astype(bool) == (values[source] > 0)
    return Digits(
        indptr=indptr,
        columns=weights.indices[source].astype(np.int32),
        signs=np.where(positive, 1, -1).astype(np.int8),
        doublings=doublings.astype(np.uint8),
        last_doublings=last.astype(np.uint8),
    )
