"""Homomorphic operations (HOPs) of a circuit, layer by layer, in three conventions.

* published: the table of Faster CryptoNets. Every nonzero weight is one PT-CT mult and one CT-CT add (the sum starts at
  zero), every pooling tap is one CT-CT add, every output of a layer with weights one PT-CT add for its bias.
* stepwise: what an engine with one call per operation performs. The sum starts with the first product, a bias of zero
  is not added, and a sign is an addition or a subtraction: negating a first product is not counted.
* fused: what the fused engine performs. Weights are `signed_digits`, so an affine step is made of additions and
  doublings alone and has no PT-CT mult.

The four columns count operations on ciphertexts; their sum, with the rotations that the packed layout needs, is the
total. Three figures stand beside them: `doublings`, those of the CT-CT adds in which a sum is added to itself (already
in the column, not counted twice); `relinearizations` and `mod_switches`, which are no HOPs and which a plan or an
engine fills in. Every rotation and every relinearization is one key switch.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from typing_extensions import override

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.polynomials import CountingOperations, Operand, apply_polynomial
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.page import Page, Sentence, Shown, Table

COLUMNS: Final = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults")
"""The four columns of the published table."""
HEADS: Final = {
    "pt_ct_adds": "PT-CT adds",
    "ct_ct_adds": "CT-CT adds",
    "pt_ct_mults": "PT-CT mults",
    "ct_ct_mults": "CT-CT mults",
    "relinearizations": "relins",
    "mod_switches": "switches",
}
"""What columns are called in tables."""

CONVENTIONS: Final = ("published", "stepwise", "fused", "executed")


@dataclass(frozen=True, kw_only=True)
class LayerHops:
    """Operations of one layer for one batch.

    Attributes:
        name: Name of the step.
        outputs: Number of output ciphertexts.
        pt_ct_adds: Plaintext plus ciphertext: biases and constants.
        ct_ct_adds: Ciphertext plus or minus ciphertext, doublings included.
        pt_ct_mults: Ciphertext times plaintext.
        ct_ct_mults: Ciphertext times ciphertext, squares included.
        doublings: Those of `ct_ct_adds` that add a sum to itself.
        rotations: Rotations of a ciphertext's slots; none in the batch layout.
        relinearizations: Key switches after CT-CT mults, where a plan asks for them.
        mod_switches: Modulus switches or rescales, where a plan asks for them.
    """

    name: str
    outputs: int
    pt_ct_adds: int = 0
    ct_ct_adds: int = 0
    pt_ct_mults: int = 0
    ct_ct_mults: int = 0
    doublings: int = 0
    rotations: int = 0
    relinearizations: int = 0
    mod_switches: int = 0

    @property
    def total(self) -> int:
        """The sum of the four columns and the rotations."""
        return self.pt_ct_adds + self.ct_ct_adds + self.pt_ct_mults + self.ct_ct_mults + self.rotations


@dataclass(frozen=True)
class HopTable(Shown):
    """Operations of a network in one convention, layer by layer."""

    network: str
    convention: str
    layers: tuple[LayerHops, ...]

    @property
    def total(self) -> LayerHops:
        """Column sums, as a layer named ``total`` with the outputs of the last layer."""
        columns = [field for field in LayerHops.__dataclass_fields__ if field not in ("name", "outputs")]
        sums = {column: sum(getattr(layer, column) for layer in self.layers) for column in columns}
        return LayerHops(name="total", outputs=self.layers[-1].outputs if self.layers else 0, **sums)

    @override
    def page(self) -> Page:
        packed = self.total.rotations > 0  # the packed layout rotates where others double
        beside = ("rotations", "relinearizations", "total") if packed else ("total", "doublings")
        columns = ("outputs", "pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", *beside, "mod_switches")
        rows = [[layer.name, *(getattr(layer, column) for column in columns)] for layer in (*self.layers, self.total)]
        rows[-1][1] = ""
        heads = ["layer", *(HEADS.get(column, column) for column in columns)]
        title = f"{self.network}, {self.convention} convention{', packed layout' if packed else ''}"
        return Page(Sentence(title), Table(heads, rows[:-1], total=rows[-1]))

    def as_dict(self) -> dict[str, Any]:
        """The table for JSON: ``network, convention, layers[...], total{...}``."""
        sums = asdict(self.total) | {"total": self.total.total}
        del sums["name"], sums["outputs"]
        layers = [asdict(layer) | {"total": layer.total} for layer in self.layers]
        return {"network": self.network, "convention": self.convention, "layers": layers, "total": sums}


def count_published(circuit: Circuit) -> HopTable:
    """Count as the published table does; meant for circuits compiled with merge=False, complete_squares=False.

    An activation of degree d by Horner's rule is d - 1 CT-CT mults, one PT-CT mult and a PT-CT add for each constant on
    the way; the last constant is free where a layer with biases follows directly, since it folds into them.

    Source: reconstruction from the published totals (Chou et al. 2018, arXiv 1811.09953, table 1), exact for the rows
    of CryptoNets and Faster CryptoNets.
    """
    layers = []
    for step, after in zip(circuit.steps, (*circuit.steps[1:], None), strict=True):
        if isinstance(step, Affine):
            layers.append(
                LayerHops(
                    name=step.name,
                    outputs=step.outputs,
                    pt_ct_adds=int(np.count_nonzero(step.bias)) if step.pooling else step.outputs,
                    ct_ct_adds=step.products,
                    pt_ct_mults=0 if step.pooling else step.products,
                )
            )
        else:
            folds = isinstance(after, Affine) and not after.pooling
            layers.append(count_horner(step, constant_folds=folds))
    return HopTable(circuit.name, "published", tuple(layers))


def count_stepwise(circuit: Circuit) -> HopTable:
    """Count what an engine with one call per operation performs."""
    layers = [count_products(step) if isinstance(step, Affine) else count_polynomial(step) for step in circuit.steps]
    return HopTable(circuit.name, "stepwise", tuple(layers))


def count_fused(circuit: Circuit) -> HopTable:
    """Count what the fused engine performs: additions and doublings instead of products."""
    layers = [count_digits(step) if isinstance(step, Affine) else count_polynomial(step) for step in circuit.steps]
    return HopTable(circuit.name, "fused", tuple(layers))


def count_products(step: Affine) -> LayerHops:
    """An affine step with a PT-CT mult for each weight: the sum starts with the first, a zero bias is not added."""
    filled = int(np.count_nonzero(np.diff(step.weights.indptr)))
    return LayerHops(
        name=step.name,
        outputs=step.outputs,
        pt_ct_adds=int(np.count_nonzero(step.bias)),
        ct_ct_adds=step.products - filled,
        pt_ct_mults=0 if step.pooling else step.products,
    )


def count_digits(step: Affine) -> LayerHops:
    """An affine step as signed binary digits: additions and doublings."""
    program = signed_digits(step.weights)
    return LayerHops(
        name=step.name,
        outputs=step.outputs,
        pt_ct_adds=int(np.count_nonzero(step.bias)),
        ct_ct_adds=program.additions + program.total_doublings,
        doublings=program.total_doublings,
    )


def count_horner(step: Polynomial, *, constant_folds: bool) -> LayerHops:
    """A polynomial by Horner's rule as published: x (a x + b) + c; the square is one CT-CT mult."""
    if step.is_square:
        return LayerHops(name=step.name, outputs=step.width, ct_ct_mults=step.width)
    constants = [value for value in step.coefficients[:-1] if value]
    free = constant_folds and step.coefficients[0] != 0
    return LayerHops(
        name=step.name,
        outputs=step.width,
        pt_ct_adds=step.width * (len(constants) - free),
        pt_ct_mults=step.width,
        ct_ct_mults=step.width * (step.degree - 1),
    )


def count_polynomial(step: Polynomial, *, aligned: bool = False) -> LayerHops:
    """A polynomial as the engines evaluate it (`polynomials`), with the fewest CT-CT mults.

    Args:
        step: The activation.
        aligned: Terms have to meet in scale or correction factor: even a factor of 1 is then a product.
    """
    counting = CountingOperations(aligned=aligned)
    apply_polynomial(step.coefficients, Operand(2), counting)
    return LayerHops(
        name=step.name,
        outputs=step.outputs,
        pt_ct_adds=step.width * counting.count("add_plain"),
        ct_ct_adds=step.width * counting.count("add"),
        pt_ct_mults=step.width * counting.count("multiply_plain"),
        ct_ct_mults=step.width * counting.count("square", "multiply"),
    )
