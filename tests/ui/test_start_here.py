"""The first lab without a browser, on an outcome that no encryption was needed for."""

from dataclasses import replace

import numpy as np
import pytest

from fcnlab.compiler.compile import compile_circuit
from fcnlab.data.mnist import load_mnist
from fcnlab.inference.report import Inference, Seconds
from fcnlab.networks.architectures import faster_cryptonets
from fcnlab.networks.checkpoint import read_model_card
from fcnlab.planning.choose import make_plan
from fcnlab.ui.start_here import NOTHING_YET, FirstRun, chosen_images
from tests.support.reports import made_up_layer, made_up_report

NETWORK, IMAGES = "fcn-12k", 30


def counts(outputs: int) -> dict[str, int]:
    """Operations of a layer with so many outputs."""
    return {"ct_ct_adds": 7 * outputs, "pt_ct_adds": outputs}


@pytest.fixture(scope="module")
def outcome() -> Inference:
    """The first thirty test images, two of them misread."""
    circuit = compile_circuit(faster_cryptonets(maps=1, units=4, batch_norm=False), name="tiny", pixel_bits=1)
    plan = make_plan(circuit)
    layers = tuple(
        made_up_layer(row.name, outputs=row.outputs, operations=counts(row.outputs)) for row in plan.steps[1:]
    )
    run = {"network": NETWORK, "scheme": "bgv", "images": IMAGES, "passes": plan.parameters.passes, "accuracy": 93.33}
    report = made_up_report(**run, layers=layers, plan=plan.as_dict())
    reads = load_mnist("test").labels[:IMAGES].copy()
    reads[[3, 25]] += 1
    return Inference(np.eye(11)[reads], np.eye(11)[reads], report)


def bundles(lab: FirstRun) -> dict[str, dict[str, str]]:
    views = {"panel": lab.panel, "account": lab.account, "layers": lab.layers, "digits": lab.digits}
    return {name: view._repr_mimebundle_() for name, view in views.items()}


def test_before_a_run_every_view_says_so():
    lab = FirstRun()
    for name in ("account", "layers", "digits"):
        assert repr(getattr(lab, name)) == NOTHING_YET
    assert "8,192 MNIST test images" in repr(lab.panel)


def test_after_a_run_every_view_is_filled(outcome):
    lab = FirstRun()
    lab.run.result = outcome
    assert "30 images classified under encryption, 93.33 % right" in repr(lab.account)
    assert f"this network takes {read_model_card(NETWORK).hops['total']:,} HOPs" in repr(lab.account)
    assert "128-bit security" in repr(lab.account)
    assert "images a second" in lab.account.widget.value
    figure = lab.figure
    assert list(figure.data[0].y) == [layer.name for layer in outcome.report.layers]
    assert list(figure.data[-1].x) == [0.25] * len(outcome.report.layers)
    assert figure.data[1].visible
    assert not figure.data[2].visible
    assert chosen_images(outcome.classes != load_mnist("test").labels[:IMAGES]) == [0, 1, 2, *range(4, 20), 3, 25]
    assert lab.digits.widget.value.count("<img") == 21
    assert lab.digits.widget.value.count('class="wrong"') == 2


def test_what_a_notebook_stores_has_no_timings(outcome):
    late = Seconds(keygen=9.0, encrypt=9.0, evaluate=9.0, decrypt=9.0)
    slower = replace(outcome, report=replace(outcome.report, seconds=late, peak_memory_bytes=7))
    stored = []
    for each in (outcome, slower):
        lab = FirstRun()
        lab.run.result = each
        stored.append({name: (data["text/plain"], data["text/html"]) for name, data in bundles(lab).items()})
    assert stored[0] == stored[1]


def test_a_failed_run_leaves_the_last_result_and_says_why(outcome):
    lab = FirstRun(network="no-such-network", images=3)
    lab.run.result = outcome
    lab.start()
    lab.run.wait()
    assert lab.run.state == "failed"
    assert "Unknown network 'no-such-network'" in lab.run.message
    words = lab.panel.widget.children[-1].value
    assert "Unknown network" in words
    assert "the run before" in words
    assert "30 images" in repr(lab.account)


def test_a_cancelled_run_can_be_started_again():
    lab = FirstRun(images=3)
    start, cancel = lab.panel.widget.children[0].children
    assert not start.disabled
    assert cancel.layout.display == "none"
    for _ in range(2):
        start.click()
        assert start.disabled
        assert cancel.layout.display == "flex"
        cancel.click()
        lab.run.wait()
        assert lab.run.state == "cancelled"
        assert not start.disabled
