"""The front door: what `import fcnlab` offers, its examples, and what it says where something is missing."""

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import fcnlab
from fcnlab.compiler.layers import Square
from fcnlab.errors import MissingPartError, naming_missing_parts

PACKAGE = Path(fcnlab.__file__).parent
SURFACE = {
    "approximate": "function, *, degree, interval, norm, coefficients, progress",
    "compile": "network, *, name, input_shape, pixel_bits, weight_bits, merge, complete_squares",
    "count": "network, *, convention, options",
    "demonstrate": "network, *, images, scheme, engine, ring_degree, layout, threads, observe_noise, progress",
    "infer": "circuit, plan, images, *, labels, engine, threads, observe_noise, progress, parties, overhear",
    "load": "name_or_path, *, folder",
    "plan": "circuit, *, images, scheme, layout, ring_degree, sample",
    "project": "circuit, plan, *, images, engine, threads, costs",
}


def test_the_surface_is_frozen() -> None:
    assert dir(fcnlab) == sorted(fcnlab.__all__) == sorted([*SURFACE, "FcnlabError", "__version__"])
    for name, arguments in SURFACE.items():
        shown = []
        for parameter in inspect.signature(getattr(fcnlab, name)).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
                shown.append("*")
            shown.append(parameter.name)
        assert ", ".join(shown) == arguments, name


WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text()]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_examples_give_what_they_show(path: Path) -> None:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    found = doctest.testmod(importlib.import_module(".".join(part for part in parts if part != "__init__")))
    assert found.failed == 0
    assert found.attempted > 0


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(AttributeError, match=r"offers .*compile, count, demonstrate"):
        fcnlab.encrypt  # noqa: B018


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_a_network_of_ones_own_goes_all_the_way(scheme: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), Square(), nn.Linear(3, 4))
    circuit = fcnlab.compile(network, input_shape=(1, 4, 4))
    assert circuit.name == "Sequential"
    images = np.random.default_rng(0).integers(0, 256, size=(5, 4, 4), dtype=np.uint8)
    plan = fcnlab.plan(circuit, images=5, scheme=scheme)
    result = fcnlab.infer(circuit, plan, images, labels=np.zeros(5, dtype=np.int64))
    clear = circuit.evaluate(circuit.quantise(images))
    np.testing.assert_array_equal(result.classes, clear.argmax(axis=1))
    np.testing.assert_allclose(result.logits, clear, atol=0 if scheme == "bgv" else 0.02 * np.ptp(clear))
    assert result.report.mismatched_logits == 0
    integers = fcnlab.infer(circuit, plan, circuit.quantise(images))
    np.testing.assert_array_equal(integers.classes, result.classes)


def test_a_convention_is_counted_for_networks_and_circuits() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), Square(), nn.Linear(3, 4))
    circuit = fcnlab.compile(network, input_shape=(1, 4, 4))
    assert fcnlab.count(circuit).total == fcnlab.count(network, input_shape=(1, 4, 4)).total
    table = fcnlab.count(circuit)
    assert "PT-CT mults" in str(table)
    assert "<th>PT-CT mults</th>" in table._repr_html_()
    with pytest.raises(fcnlab.FcnlabError, match="published, stepwise, fused"):
        fcnlab.count(circuit, convention="executed")


def test_a_missing_part_is_named_with_what_installs_it() -> None:
    @naming_missing_parts("draw")
    def draw() -> None:
        raise ModuleNotFoundError("No module named 'plotly.io'", name="plotly.io")

    with pytest.raises(MissingPartError, match=r"draw needs plotly.*pip install 'fcnlab\[lab\]'"):
        draw()


def test_without_torch_a_call_says_so(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch', name='torch')\n")
    code = "import fcnlab\ntry:\n    fcnlab.load('fcn-12k')\nexcept fcnlab.FcnlabError as error:\n    print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}
    )
    assert "load needs torch, which is not installed: `pip install torch`" in done.stdout, done.stderr
