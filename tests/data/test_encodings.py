"""Growth is the exponent of a power law."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.data.encodings import EncodingStudy, ProductRow


@given(st.floats(0.5, 2), st.floats(1, 1000))
def test_growth_is_the_exponent_of_a_power_law(exponent: float, factor: float) -> None:
    rows = tuple(ProductRow("bfv", "dense", ring, factor * ring**exponent) for ring in (8192, 2048, 32768))
    study = EncodingStudy("a processor", rows, (), "", ())
    assert study.curve("bfv", "dense")[0] == [2048, 8192, 32768]
    assert study.growth("bfv", "dense") == pytest.approx(exponent, abs=1e-6)
    assert math.isnan(study.growth("bgv", "dense"))
