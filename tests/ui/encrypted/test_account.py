from fcnlab.data.published import published_systems
from fcnlab.ui.encrypted.account import ACCOUNT, DRAWN, account, drawn, published_amounts, spell_amount


def test_amounts_are_spelled_with_three_digits_and_counts_in_full():
    assert [spell_amount(value, "s") for value in (None, 0.01934, 39.1, 411.1)] == [None, "0.0193 s", "39.1 s", "411 s"]
    assert [spell_amount(value, "") for value in (None, 7, 13_737)] == [None, "7", "13,737"]


def test_columns_stand_side_by_side_and_what_is_unknown_is_a_dash():
    beside = published_systems()["Faster CryptoNets"]
    published = published_amounts(beside)
    assert published.keys() <= ACCOUNT.keys()
    assert drawn(published) == [beside.encrypt_decrypt_s, beside.inference_s, beside.message_mb]
    assert drawn({}) == [None] * len(DRAWN)
    rows = {row[0]: row[1:] for row in account({"sent": 2.5}, {}, published).rows}
    assert rows["sent"] == ["2.5 MB", None, spell_amount(beside.message_mb, "MB")]
    assert rows["HOPs, published convention"] == [None, None, f"{beside.total:,}"]
    assert list(rows) == list(ACCOUNT)
