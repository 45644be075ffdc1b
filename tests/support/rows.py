"""Rows of a small made-up sweep: two budgets, three widths, two seeds, a second activation, real weights."""

from itertools import product
from typing import Any

from fcnlab.data.trained import TrainedPoint
from fcnlab.findings.networks import TrainedNetwork, group_networks

BUDGETS = {20_000: 0.0, 10_000: -0.5}
BITS = {4: 99.0, 3: 98.75, 2: 96.0}


def row(name: str, **changed: Any) -> TrainedPoint:
    """A row whose counts follow from its products."""
    made = {"maps": 5, "units": 100, "degree": 2, "activation": "swish-aq-2", "pixel_bits": 4, "seed": 0}
    pruned = {"prune_ratio": 0.8, "weight_bits": 4, "products": 20_000, "range_bits": 50}
    found = {"accuracy_validation": 98.0, "accuracy_test": 99.0, "minutes": 1.0, "command": "none"}
    values: dict[str, Any] = made | pruned | found
    values |= changed
    products = values["products"]
    counts = {"pt_ct_adds": 100, "ct_ct_adds": products, "pt_ct_mults": products, "ct_ct_mults": 900}
    values |= counts | {
        "executed_products": products,
        "hops_total": sum(counts.values()),
        "hops_executed_fused": products + 500 * values["weight_bits"],
    }
    return TrainedPoint(name=name, **values)


def sweep_rows(*, options: str = "", **changed: Any) -> list[TrainedPoint]:
    """Every budget and width of one base; options are a part of the names."""
    shift = changed.pop("shift", 0.0)
    rows = []
    for (budget, loss), (bits, accuracy) in product(BUDGETS.items(), BITS.items()):
        found = {"range_bits": 40 + 5 * bits, "accuracy_test": accuracy + loss + shift}
        name = f"sweep{options}-{budget}-{bits}-bits"
        rows.append(row(name, products=budget - 10, weight_bits=bits, **found, **changed))
    return rows


def real_rows() -> list[TrainedPoint]:
    """Pruned only, at every budget."""
    return [
        row(f"sweep-{budget}-0-bits", products=budget - 10, weight_bits=0, accuracy_test=99.25 + loss)
        for budget, loss in BUDGETS.items()
    ]


def plain() -> tuple[TrainedNetwork, ...]:
    """One seed, one activation, no real weights."""
    return group_networks(sweep_rows())


def full() -> tuple[TrainedNetwork, ...]:
    """Everything."""
    seeded = sweep_rows(options="-seed-1", seed=1, shift=-0.25)
    other = sweep_rows(options="-activation-relu-aq-2", activation="relu-aq-2", shift=-0.125)
    small = row("fcn-9k", products=4_000, activation="square", accuracy_test=98.9)
    again = row("fcn-9k-seed-1", products=4_100, activation="square", accuracy_test=98.7, seed=1)
    return group_networks([*sweep_rows(), *seeded, *real_rows(), *other, small, again])
