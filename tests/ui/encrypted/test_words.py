"""Words and tables of lab 04 that need no run."""

import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.inference.report import Progress
from fcnlab.ui.encrypted.settings import DigitSettings, pick_digits
from fcnlab.ui.encrypted.words import big_answer, hops_so_far, layer_shares, meter, preview, quantised

NAMES = ["conv1", "act1", "conv2+pool2", "act2", "fc2"]
LAYERS = [LayerHops(name=name, outputs=1, ct_ct_adds=10 * (index + 1)) for index, name in enumerate(NAMES)]


def evaluating(detail: str, done: int, total: int, *, turn: int = 1) -> Progress:
    return Progress("evaluate", detail, done, total, turn, 2)


@pytest.mark.parametrize(
    ("progress", "shares"),
    [
        (None, [0, 0, 0, 0, 0]),
        (Progress("encrypt", "", 5, 9, 1, 1), [0, 0, 0, 0, 0]),
        (evaluating("conv1+act1+conv2+pool2", 1, 4), [0.25, 0.25, 0.25, 0, 0]),
        (evaluating("conv2+pool2: drop 2 primes", 3, 9), [1, 1, 1, 0, 0]),
        (evaluating("act2", 3, 6), [1, 1, 1, 0.5, 0]),
        (Progress("decrypt", "", 1, 1, 1, 1), [1, 1, 1, 1, 1]),
    ],
)
def test_shares_of_a_batch_follow_groups_of_layers(progress, shares):
    assert layer_shares(NAMES, progress, "running", layout="batch") == shares
    assert layer_shares(NAMES, progress, "done", layout="batch") == [1] * 5
    if progress is None or progress.stage != "decrypt":
        assert layer_shares(NAMES, progress, "cancelled", layout="batch") == [0] * 5


def test_shares_of_a_packed_run_follow_finished_layers():
    assert layer_shares(NAMES, evaluating("act1", 2, 5), "running", layout="packed") == [1, 1, 0, 0, 0]


def test_hops_so_far_count_passes():
    shares = [1, 1, 0.5, 0, 0]
    assert hops_so_far(LAYERS, shares, None) == (45, 150)
    assert hops_so_far(LAYERS, shares, evaluating("x", 1, 2, turn=2)) == (195, 300)


def reader(*, side: int = 28, bits: int = 4) -> Circuit:
    return Circuit("reader", (1, side, side), bits, ())


def test_the_preview_is_what_is_encrypted():
    pixels = load_mnist("test").pixels[:3]
    for bits in (1, 4, 8):
        levels = quantise_pixels(pixels, bits=bits)
        assert np.array_equal(np.rint(quantised(pixels, reader(bits=bits)) / 255 * (2**bits - 1)), levels)
    assert quantised(pixels, reader(side=14)).shape == (3, 14, 14)
    one, many = pick_digits(DigitSettings()), pick_digits(DigitSettings(count=50))
    assert "28 × 28 pixels of 16 greys" in preview(one, circuit=reader()).html()
    assert "14 × 14 pixels of 32 greys" in preview(one, circuit=reader(side=14, bits=5)).html()
    assert "3 read" in preview(one, circuit=reader(), answer="3 read").html()
    assert "3 read" not in preview(many, circuit=reader(), answer="3 read").html()
    assert "and 10 more" in preview(many, circuit=reader()).html()
    assert "Nothing is drawn yet" in preview(None, circuit=reader()).html()


def test_the_answer_is_a_digit_a_wait_or_a_question():
    assert ">7<" in big_answer(7, running=False)
    assert ">…<" in big_answer(None, running=True)
    assert ">?<" in big_answer(None, running=False)


def test_meters_are_spelled():
    assert [meter(share) for share in (0, 0.5, 1)] == ["▯▯▯▯▯", "▮▮▯▯▯", "▮▮▮▮▮"]
