"""From real affine and polynomial steps to integer ones: folding, completing squares, merging, rounding.

Every function takes a list of steps and returns a new one; `compile` calls them in order. Torch is not needed here:
`translation` has already turned the modules into sparse matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Polynomial, Step
from fcnlab.circuit.integers import integer_array
from fcnlab.errors import CircuitError

Reals = npt.NDArray[np.float64]
EXACT_BITS = 52  # float64 holds integers of this size, so products and sums of powers of two stay exact
SMALLEST_UNIT = Fraction(1, 1 << 1000)
EXACT_LEAD_BITS = 16  # a polynomial whose exact integers need a wider leading coefficient is rounded instead
MERGE_LIMIT = 400_000_000  # multiply-adds; a pair of layers whose product takes more is not tried


@dataclass(frozen=True, eq=False)
class RealAffine:
    """y = scale * M x + bias in real numbers.

    Attributes:
        name: The layers it stands for.
        matrix: CSR array of float64, shape (outputs, inputs), without stored zeros.
        bias: Shape (outputs,), float64.
        scale: A positive factor that costs nothing, since it only changes the unit.
        quantum: Every entry of `matrix` is an integer multiple of this power of two and stays exact; None to round.
        pooling: True for a pure sum: all entries are 1.
        scaling: True for a batch norm or a degree-1 activation: one input for each output, to be folded away.
    """

    name: str
    matrix: sparse.csr_array
    bias: Reals
    scale: Fraction = Fraction(1)
    quantum: float | None = None
    pooling: bool = False
    scaling: bool = False

    @property
    def outputs(self) -> int:
        """Number of output values."""
        return int(self.matrix.shape[0])


@dataclass(frozen=True)
class RealPolynomial:
    """y = c0 + c1 x + ... in real numbers, constant first, the last coefficient not zero, degree 2 to 4."""

    name: str
    width: int
    coefficients: tuple[float, ...]


RealStep = RealAffine | RealPolynomial


def make_affine(name: str, *, matrix: sparse.csr_array, bias: Reals) -> RealAffine:
    """An affine step whose weights are kept exactly if each nonzero one is +-2^k."""
    return RealAffine(name=name, matrix=matrix, bias=bias, quantum=find_quantum(matrix.data))


def find_quantum(values: Reals) -> float | None:
    """The smallest power of two among values that are all +-2^k, spread over at most 52 exponents; otherwise None."""
    mantissas, exponents = np.frexp(np.abs(values))
    if not values.size:
        return 1.0
    if np.any(mantissas != 0.5) or int(exponents.max()) - int(exponents.min()) > EXACT_BITS:
        return None
    return float(2.0 ** (int(exponents.min()) - 1))


def compose(second: RealAffine, first: RealAffine, *, name: str) -> RealAffine:
    """The affine step that does `first` and then `second`."""
    matrix = sparse.csr_array(second.matrix @ first.matrix)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    quanta = (first.quantum, second.quantum)
    return RealAffine(
        name=name,
        matrix=matrix,
        bias=float(second.scale) * (second.matrix @ first.bias) + second.bias,
        scale=first.scale * second.scale,
        quantum=None if quanta[0] is None or quanta[1] is None else quanta[0] * quanta[1],
        pooling=first.pooling and second.pooling and bool(np.all(matrix.data == 1)),
        scaling=first.scaling and second.scaling,
    )


def fold_scalings(steps: Sequence[RealStep]) -> list[RealStep]:
    """Fold each scaling into the affine step before it, or else into the one after; between polynomials it stays."""
    folded: list[RealStep] = []
    for step in steps:
        match (folded[-1] if folded else None), step:
            case RealAffine() as before, RealAffine(scaling=True):
                folded[-1] = compose(step, before, name=before.name)
            case RealAffine(scaling=True) as before, RealAffine():
                folded[-1] = compose(step, before, name=step.name)
            case _:
                folded.append(step)
    return folded


def complete_squares(steps: Sequence[RealStep]) -> list[RealStep]:
    """Turn each quadratic a x^2 + b x + c into a x'^2, where affine neighbours can hold the rest.

    a x^2 + b x + c = a (x + b/2a)^2 + (c - b^2/4a): the shift goes into the bias of the step before, the constant and
    the sign of a into the step after. A quadratic without the neighbour it needs is left as it is.
    """
    result = list(steps)
    for index, step in enumerate(result):
        if isinstance(step, RealAffine) or len(step.coefficients) != 3:
            continue
        c, b, a = step.coefficients
        shift, constant = b / (2 * a), c - b * b / (4 * a)
        before = result[index - 1] if index else None
        after = result[index + 1] if index + 1 < len(result) else None
        if (shift and not isinstance(before, RealAffine)) or (
            (constant or a < 0) and not isinstance(after, RealAffine)
        ):
            continue
        result[index] = replace(step, coefficients=(0.0, 0.0, abs(a)))
        if isinstance(before, RealAffine):
            result[index - 1] = replace(before, bias=before.bias + shift)
        if isinstance(after, RealAffine):
            absorb(result, index + 1, constant=np.full(step.width, constant), negative=a < 0)
    return result


def absorb(steps: list[RealStep], index: int, *, constant: Reals, negative: bool) -> None:
    """Let the affine step at `index` read constant + x, or constant - x, where it read x; a pure sum passes it on."""
    step, after = steps[index], steps[index + 1] if index + 1 < len(steps) else None
    assert isinstance(step, RealAffine)
    bias = float(step.scale) * (step.matrix @ constant) + step.bias
    if step.pooling and isinstance(after, RealAffine):
        steps[index] = replace(step, bias=np.zeros(step.outputs))
        absorb(steps, index + 1, constant=bias, negative=negative)
    elif negative:
        steps[index] = replace(step, matrix=-step.matrix, bias=bias, pooling=False)
    else:
        steps[index] = replace(step, bias=bias)


def merge_affine_steps(steps: Sequence[RealStep]) -> list[RealStep]:
    """Multiply adjacent affine steps out where that lowers the number of operations; the best split of each run."""
    merged: list[RealStep] = []
    run: list[RealAffine] = []
    for step in steps:
        if isinstance(step, RealAffine):
            run.append(step)
        else:
            merged += [*merge_run(run), step]
            run = []
    return [*merged, *merge_run(run)]


def merge_run(run: Sequence[RealAffine]) -> list[RealAffine]:
    """The cheapest way to write a run of affine steps as products of neighbours; the shorter one among equals."""
    run = drop_unread_rows(run)
    best: list[tuple[int, list[RealAffine]]] = [(0, [])]
    for end in range(1, len(run) + 1):
        candidates = []
        product: RealAffine | None = run[end - 1]
        for start in range(end - 1, -1, -1):
            if start < end - 1:
                assert product is not None
                product = multiply_out(product, run[start])
            if product is None:
                break
            cost, chosen = best[start]
            candidates.append((cost + count_operations(product), [*chosen, product]))
        best.append(min(candidates, key=lambda candidate: (candidate[0], len(candidate[1]))))
    return best[-1][1]


def multiply_out(second: RealAffine, first: RealAffine) -> RealAffine | None:
    """The product of two steps; None if it would be huge or if exact weights would lose their exactness."""
    multiply_adds = int(np.diff(first.matrix.indptr)[second.matrix.indices].sum(dtype=np.int64))
    if multiply_adds > MERGE_LIMIT:
        return None
    if first.quantum and second.quantum and first.matrix.nnz and second.matrix.nnz:
        row = float(abs(second.matrix).sum(axis=1).max()) / second.quantum
        if row * float(np.abs(first.matrix.data).max()) / first.quantum >= 2**EXACT_BITS:
            return None
    return compose(second, first, name=f"{first.name}+{second.name}")


def count_operations(step: RealAffine) -> int:
    """Operations of an affine step: products, additions between them, additions of biases."""
    filled = np.count_nonzero(np.diff(step.matrix.indptr))
    products = 0 if step.pooling else step.matrix.nnz
    return int(products + step.matrix.nnz - filled + np.count_nonzero(step.bias))


def drop_unread_rows(run: Sequence[RealAffine]) -> list[RealAffine]:
    """Drop the outputs that the next affine step of a run does not read."""
    kept = list(run)
    for index in range(len(kept) - 2, -1, -1):
        first, second = kept[index], kept[index + 1]
        read = np.unique(second.matrix.indices)
        if len(read) < first.outputs:
            kept[index] = replace(first, matrix=first.matrix[read], bias=first.bias[read])
            kept[index + 1] = replace(second, matrix=sparse.csr_array(second.matrix[:, read]))
    return kept


def round_steps(steps: Sequence[RealStep], *, pixel_bits: int, weight_bits: int) -> list[Step]:
    """Give each step integers and a unit, from the pixels on."""
    unit = Fraction(1, 1 << pixel_bits)
    rounded: list[Step] = []
    for step in steps:
        if isinstance(step, RealAffine):
            weights, quantum = round_weights(step, weight_bits=weight_bits)
            unit *= step.scale * quantum
            bias = integer_array([round(Fraction(value) / unit) for value in step.bias.tolist()])
            rounded.append(Affine(step.name, weights, bias, unit=unit_of(unit, step), pooling=step.pooling))
        else:
            integers, unit = round_coefficients(step.coefficients, unit=unit, weight_bits=weight_bits)
            rounded.append(Polynomial(step.name, step.width, integers, unit=unit_of(unit, step)))
    return rounded


def unit_of(unit: Fraction, step: RealStep) -> float:
    """A unit as float64.

    Raises:
        CircuitError: If it is out of range.
    """
    if not SMALLEST_UNIT <= unit <= 1 / SMALLEST_UNIT:
        raise CircuitError(
            f"The values of {step.name!r} would have a unit below 2^-1000 or above 2^1000, which float64 does not "
            "hold: use fewer activations, of lower degree, or coefficients nearer to 1."
        )
    return float(unit)


def round_weights(step: RealAffine, *, weight_bits: int) -> tuple[sparse.csr_array, Fraction]:
    """Integer weights and the real value of 1 among them.

    Exact weights are divided by their greatest common divisor. Others are rounded to the nearest of the 2^weight_bits
    - 1 values that divide the interval from minus to plus the largest weight evenly.
    """
    largest = float(np.abs(step.matrix.data).max(initial=0.0))
    if not largest:
        return sparse.csr_array(step.matrix.shape, dtype=np.int64), Fraction(1)
    if step.quantum is not None:
        integers = (step.matrix.data / step.quantum).astype(np.int64)
        divisor = int(np.gcd.reduce(integers))
        integers //= divisor
        quantum = Fraction(step.quantum) * divisor
    else:
        top = (1 << (weight_bits - 1)) - 1
        integers = np.rint(step.matrix.data / largest * top).astype(np.int64)
        quantum = Fraction(largest) / top
    weights = sparse.csr_array((integers, step.matrix.indices, step.matrix.indptr), shape=step.matrix.shape, copy=True)
    weights.eliminate_zeros()
    weights.sort_indices()
    return weights, quantum


def round_coefficients(
    coefficients: Sequence[float], *, unit: Fraction, weight_bits: int
) -> tuple[tuple[int, ...], Fraction]:
    """Integer coefficients of a polynomial for inputs in a given unit, and the unit of its values.

    The integers are exact if the leading one then has at most 16 bits, as for the square and for powers of two. If not,
    the others are rounded so finely that each rounding moves a value no more than a change of x by half of
    2^-weight_bits would move the leading term.
    """
    terms = [Fraction(value) * unit**power for power, value in enumerate(coefficients)]
    divisor = terms[-1]
    for term in terms:
        divisor = greatest_common_divisor(divisor, term)
    if abs(terms[-1] / divisor).numerator.bit_length() > EXACT_LEAD_BITS:
        lead = 1
        while unit / lead > Fraction(1, 1 << weight_bits):
            lead *= 2
        divisor = abs(terms[-1]) / lead
    return tuple(round(term / divisor) for term in terms), divisor


def greatest_common_divisor(a: Fraction, b: Fraction) -> Fraction:
    """The largest fraction of which both are integer multiples; positive."""
    a, b = abs(a), abs(b)
    while b:
        a, b = b, a % b
    return a
