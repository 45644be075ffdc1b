import numpy as np

from fcnlab.machine.machine import available_bytes, peak_resident_bytes


def test_the_peak_holds_what_was_written_and_never_falls():
    before = peak_resident_bytes()
    array = np.ones(25_000_000)
    filled = peak_resident_bytes()
    assert filled >= max(before, 0.9 * array.nbytes)  # the kernel counts pages in batches
    del array
    assert peak_resident_bytes() >= 0.9 * filled


def test_what_is_left_is_a_number_of_bytes_or_unknown():
    left = available_bytes()
    assert left is None or 2**20 < left < 2**50
