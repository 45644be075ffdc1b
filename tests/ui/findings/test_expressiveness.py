"""The second question of lab 07 without a browser."""

from fcnlab.ui.findings.expressiveness import expressiveness


def test_the_second_question_follows_its_slider():
    lab = expressiveness()
    assert "1.28 ×" in lab.numbers.value
    lab.model.change(target="softplus", degree=3)
    assert lab.figure.data[-1].x == (3,)
    assert "<b>softplus</b>, largest error by degree" in lab.tables.value
    assert "<b>All functions</b>, largest error at degree 3" in lab.tables.value
    assert lab.model.line == "expressiveness(target='softplus', degree=3)"
    lab.frame.buttons["ReLU"].click()
    assert "1.00 ×" in lab.numbers.value
