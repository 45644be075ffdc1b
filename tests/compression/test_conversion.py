"""The converted network is the same function."""

import pytest
import torch

from fcnlab.compression.conversion import convert
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture

SIZES = {"maps": 2, "maps2": 3, "units": 4}
SQUARES = Architecture(kind="cryptonets", activation="square", **SIZES)


@pytest.mark.parametrize("activation", ["square", "swish-aq-2", "relu-2"])
@pytest.mark.parametrize("pooling", ["sum", "average"])
def test_the_function_stays(activation: str, pooling: str) -> None:
    torch.manual_seed(1)
    network = SQUARES.build()
    target = Architecture(kind="cryptonets", activation=activation, pooling=pooling, **SIZES)
    converted = convert(network, target=target)
    images = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(converted(images), network(images), rtol=1e-4, atol=1e-3)
    assert float(converted.conv2.weight.detach().square().mean()) == pytest.approx(1 / 50)
    back = convert(converted, target=SQUARES)
    torch.testing.assert_close(back(images), network(images), rtol=1e-4, atol=1e-3)


def test_the_collapsed_network_too() -> None:
    torch.manual_seed(2)
    network = Architecture(kind="faster-cryptonets", activation="swish-aq-2", maps=2, units=4).build()
    target = Architecture(kind="faster-cryptonets", activation="square", maps=2, units=4)
    images = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(convert(network, target=target)(images), network(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("change", [{"maps": 3}, {"kind": "faster-cryptonets"}, {"activation": "relu-3"}])
def test_other_differences_are_refused(change: dict[str, object]) -> None:
    values = {"kind": "cryptonets", "activation": "square", **SIZES, **change}
    with pytest.raises(DataError, match="can be converted"):
        convert(SQUARES.build(), target=Architecture(**values))
