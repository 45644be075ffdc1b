"""The table of really trained networks over the range of pruning and quantization: one row each, never interpolated."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fcnlab.data.tables import TABLES, read_rows, write_rows

TRAINED: Final = TABLES / "frontier.csv"
SEED_MARK: Final = "-seed-"  # in a name, before the seed, if that is not the recipe's own


@dataclass(frozen=True, kw_only=True)
class TrainedPoint:
    """One trained network.

    Attributes:
        name: Its checkpoint's name.
        maps: Feature maps of the convolution.
        units: Units of the hidden dense layer.
        degree: The activation's degree.
        activation: Its name.
        pixel_bits: Bits of a pixel.
        prune_ratio: Share of the dense network's weight products that is gone, 0 to 1.
        weight_bits: Bits that name zero, the signs and the exponents of a weight.
        products: Weight products per image.
        executed_products: Those that are left when what nobody reads is dropped.
        pt_ct_adds: Published convention, as are the next three.
        ct_ct_adds: Ciphertext plus ciphertext.
        pt_ct_mults: Ciphertext times plaintext.
        ct_ct_mults: Ciphertext times ciphertext.
        hops_total: The sum of the four.
        hops_executed_fused: What the fused engine performs: additions and doublings instead of products.
        range_bits: Bits of the widest value of the circuit, in the worst case.
        accuracy_validation: Percent on the validation images.
        accuracy_test: Percent on the 10,000 test images.
        seed: The training's seed.
        minutes: Minutes of training, what it shares with other points included, its teacher not.
        command: Makes it again.
    """

    name: str
    maps: int
    units: int
    degree: int
    activation: str
    pixel_bits: int
    prune_ratio: float
    weight_bits: int
    products: int
    executed_products: int
    pt_ct_adds: int
    ct_ct_adds: int
    pt_ct_mults: int
    ct_ct_mults: int
    hops_total: int
    hops_executed_fused: int
    range_bits: int
    accuracy_validation: float
    accuracy_test: float
    seed: int
    minutes: float
    command: str


def load_trained(path: Path = TRAINED) -> tuple[TrainedPoint, ...]:
    """The rows, in the order of the file; none if there is no file.

    Raises:
        DataError: If the file is not such a table.
    """
    if not path.exists():
        return ()
    return read_rows(TrainedPoint, path=path, mend="restore it, or run `fcnlab sweep --afresh`")


def save_trained(points: Iterable[TrainedPoint], *, path: Path = TRAINED) -> None:
    """Write the rows, most products first and then most bits; the older table stays whole until this one is.

    Raises:
        DataError: If the file cannot be written.
    """
    ordered = sorted(points, key=lambda point: (-point.products, -point.weight_bits, point.name))
    write_rows(TrainedPoint, ordered, path=path)
