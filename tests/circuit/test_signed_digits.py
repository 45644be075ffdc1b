import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from fcnlab.circuit.signed_digits import Digits, count_digits, signed_digits
from fcnlab.errors import CircuitError

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
WEIGHTS = st.one_of(
    st.just(0),
    st.integers(-9, 9),
    st.integers(-(1 << 61) + 1, (1 << 61) - 1),
    st.integers(0, 60).flatmap(lambda k: st.sampled_from([1 << k, -(1 << k)])),
)


def execute(program: Digits, inputs: list[int]) -> list[int]:
    """The program in Python integers, one instruction at a time."""
    outputs = []
    for row in range(program.rows):
        accumulator = 0
        for entry in range(program.indptr[row], program.indptr[row + 1]):
            accumulator = accumulator << int(program.doublings[entry])
            accumulator += int(program.signs[entry]) * inputs[program.columns[entry]]
        outputs.append(accumulator << int(program.last_doublings[row]))
    return outputs


@given(hnp.arrays(np.int64, SHAPES, elements=WEIGHTS), st.integers(0, 2**32 - 1))
def test_the_program_computes_the_matrix_product(weights, seed):
    inputs = np.random.default_rng(seed).integers(-1000, 1000, weights.shape[1]).tolist()
    program = signed_digits(sparse.csr_array(weights))
    assert execute(program, inputs) == (weights.astype(object) @ np.array(inputs, dtype=object)).tolist()
    starts = program.indptr[:-1][np.diff(program.indptr) > 0]
    assert not program.doublings[starts].any()
    assert set(np.unique(program.signs)) <= {-1, 1}


@given(hnp.arrays(np.int64, SHAPES, elements=WEIGHTS))
def test_digits_are_non_adjacent_and_the_fewest(weights):
    def fewest(n: int) -> int:
        return 0 if n == 0 else fewest(n // 2) if n % 2 == 0 else 1 + fewest((n - 2 + n % 4) // 2)

    program = signed_digits(sparse.csr_array(weights))
    assert len(program.columns) == sum(fewest(abs(int(w))) for w in weights.ravel())


def test_powers_of_two_are_one_digit_each_and_share_their_doublings():
    program = signed_digits(sparse.csr_array(np.array([[8, -2, 8, 0], [0, 0, 0, 0], [0, 4, 0, -4]])))
    assert program.indptr.tolist() == [0, 3, 3, 5]
    assert program.columns.tolist() == [0, 2, 1, 1, 3]
    assert program.signs.tolist() == [1, 1, -1, 1, -1]
    assert program.doublings.tolist() == [0, 0, 2, 0, 0]
    assert program.last_doublings.tolist() == [1, 0, 2]
    assert program.additions == 3
    assert program.total_doublings == 3 + 2


def test_types_are_those_the_kernel_reads():
    program = signed_digits(sparse.csr_array((3, 4), dtype=np.int64))
    types = [program.indptr, program.columns, program.signs, program.doublings, program.last_doublings]
    assert [array.dtype for array in types] == [np.int64, np.int32, np.int8, np.uint8, np.uint8]
    assert program.additions == program.total_doublings == 0


def test_a_weight_too_wide_is_refused():
    with pytest.raises(CircuitError, match="2\\^61"):
        signed_digits(sparse.csr_array(np.array([[-(1 << 61)]])))


@given(hnp.arrays(np.int64, SHAPES, elements=st.sampled_from([0, 1, -1, 2, 4, -6])))
def test_runs_end_at_rows_signs_and_doublings(weights):
    program = signed_digits(sparse.csr_array(weights))
    for row in range(program.rows):
        end = program.indptr[row + 1]
        for entry in range(program.indptr[row], end):
            length = 1
            while (
                entry + length < end
                and program.signs[entry + length] == program.signs[entry]
                and not program.doublings[entry + length]
            ):
                length += 1
            assert program.runs[entry] == length


@given(hnp.arrays(np.int64, SHAPES, elements=WEIGHTS))
def test_digits_are_counted_without_being_made(weights: np.ndarray) -> None:
    matrix = sparse.csr_array(weights)
    assert count_digits(matrix) == len(signed_digits(matrix).columns)
