import numpy as np

from fcnlab.memory import peak_resident_bytes


def test_the_peak_holds_what_was_written_and_never_falls():
    before = peak_resident_bytes()
    array = np.ones(25_000_000)
    filled = peak_resident_bytes()
    assert filled >= max(before, 0.9 * array.nbytes)  # the kernel counts pages in batches
    del array
    assert peak_resident_bytes() >= 0.9 * filled
