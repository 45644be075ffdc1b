from fcnlab.inference.demonstration import prepare
from fcnlab.ui.cost.lab import cost
from fcnlab.ui.cost.layouts import HEADS, describe_layouts, layout_rows, layout_sentence, plan_layouts


def test_both_layouts_stand_side_by_side():
    layouts = plan_layouts(prepare("fcn-20k").circuit, layout="auto", scheme="ckks", images=1)
    batch, packed = layout_rows(layouts)
    assert (batch[0], packed[0]) == ("batch", "packed (chosen)")
    assert (batch[1], packed[1]) == (layouts.batch.parameters.slots, 1)
    assert len(batch) == len(packed) == len(HEADS)
    assert 1 < layouts.crossing < layouts.batch.batch_images
    assert f"{layouts.crossing:,} images" in layout_sentence(layouts)


def test_the_choice_turns_at_the_crossing():
    circuit = prepare("fcn-20k").circuit
    crossing = plan_layouts(circuit, layout="auto", scheme="ckks", images=1).crossing
    chosen = [plan_layouts(circuit, layout="auto", scheme="ckks", images=n).chosen.layout for n in (1, 4 * crossing)]
    assert chosen == ["packed", "batch"]


def test_a_missing_layout_is_explained():
    layouts = plan_layouts(prepare("fcn-20k").circuit, layout="packed", scheme="bfv", images=1)
    assert layouts.chosen.layout == "batch"
    assert layouts.packed is None
    assert layouts.note
    assert layouts.reason in describe_layouts(layouts).text()


def test_the_lab_of_costs_shows_them():
    lab = cost(images=1, scheme="ckks")
    assert "packed (chosen)" in repr(lab)
    lab.model.change(layout="batch")
    assert "batch (chosen)" in repr(lab)
