import pytest

from fcnlab.data.published import published_systems


@pytest.mark.parametrize("method", ["Faster CryptoNets", "CryptoNets"])
def test_exact_rows_add_up(method):
    row = published_systems()[method]
    assert row.pt_ct_adds + row.ct_ct_adds + row.pt_ct_mults + row.ct_ct_mults == row.total


def test_the_claims_of_the_paper_follow_from_the_table():
    ours, theirs = published_systems()["Faster CryptoNets"], published_systems()["CryptoNets"]
    assert round(theirs.total / ours.total, 1) == 9.1
    assert round(theirs.inference_s / ours.inference_s, 1) == 6.4
    assert ours.scheme == "FV-RNS"


def test_a_message_is_an_image_of_ciphertexts():
    # 784 ciphertexts of 2 polynomials, 8192 coefficients, 4 primes, 8 bytes; headers apart
    assert published_systems()["Faster CryptoNets"].message_mb == pytest.approx(784 * 2 * 8192 * 4 * 8 / 1e6, abs=0.1)
