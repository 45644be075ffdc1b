"""The answers of lab 07 at a glance."""

from fcnlab.ui.findings.answers import answers


def test_all_four_are_answered():
    text = repr(answers())
    assert all(f"RQ{number}" in text for number in (1, 2, 3, 4))
