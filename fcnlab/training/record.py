"""Rows of the frontier table from trained networks: each is compiled, counted, and described beside its card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import COLUMNS, count_fused
from fcnlab.compression.layers import Compression
from fcnlab.data.trained import SEED_MARK, TRAINED, TrainedPoint, load_trained, save_trained
from fcnlab.networks.checkpoint import (
    MODELS,
    Checkpoint,
    ModelCard,
    available_networks,
    compile_checkpoint,
    load_checkpoint,
    read_model_card,
)
from fcnlab.training.recipes import find_recipe


def record_shipped(*, table: Path = TRAINED, folder: Path = MODELS) -> tuple[TrainedPoint, ...]:
    """Bring the rows of the shipped networks with powers of two in step with their cards; returns all rows."""
    rows = {row.name: row for row in load_trained(table)}
    known = dict(rows)
    for name in available_networks(folder=folder):
        card = read_model_card(name, folder=folder)
        row = rows.get(name)
        if card.weight_bits and (row is None or row.accuracy_test != card.accuracy or row.minutes != card.minutes):
            rows[name] = describe_point(load_checkpoint(name, folder=folder))
    if rows != known:
        save_trained(rows.values(), path=table)
    return load_trained(table)


def record_point(checkpoint: Checkpoint, *, table: Path = TRAINED) -> None:
    """Put a trained network into the table; a row of the same name is replaced."""
    rows = {row.name: row for row in load_trained(table)}
    rows[checkpoint.card.name] = describe_point(checkpoint)
    save_trained(rows.values(), path=table)


def describe_point(checkpoint: Checkpoint) -> TrainedPoint:
    """The row of a trained network."""
    card, network = checkpoint.card, checkpoint.network
    built = card.architecture
    circuit = compile_checkpoint(checkpoint)
    kept = ("name", "weight_bits", "products", "range_bits", "seed", "minutes", "command")
    shared: dict[str, Any] = {name: getattr(card, name) for name in kept}
    shared |= {name: getattr(built, name) for name in ("maps", "units", "activation", "pixel_bits")}
    shared |= {column: card.hops[column] for column in COLUMNS}
    return TrainedPoint(
        **shared,
        degree=len(network.get_submodule("act1").coefficients) - 1,  # type: ignore[arg-type]
        prune_ratio=round(1 - card.products / dense_products(card), 4),
        executed_products=executed_products(circuit),
        hops_total=card.hops["total"],
        hops_executed_fused=count_fused(circuit).total.total,
        accuracy_validation=round(card.validation, 2),
        accuracy_test=round(card.accuracy, 2),
    )


def executed_products(circuit: Circuit) -> int:
    """Weight products that are left once dead code is gone."""
    return sum(step.products for step in circuit.affine_steps if not step.pooling)


def dense_products(card: ModelCard) -> int:
    """Weight products per image of the network with all its weights; before it was untied, if it is."""
    architecture = card.architecture
    if architecture.kind == "untied":
        convolution = find_recipe(card.name.partition(SEED_MARK)[0]).convolution
        assert convolution is not None
        architecture = replace(convolution, kind="faster-cryptonets")
    return Compression(architecture.build()).products
