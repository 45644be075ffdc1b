"""Controls that several labs have: which network, scheme and engine, and what to compare with."""

from collections.abc import Mapping
from typing import Any, Final

from fcnlab.data.frontier import shipped_points
from fcnlab.data.published import published_systems
from fcnlab.ui.kit.controls import Choice

SCHEMES: Final = {"bgv": "bgv, exact", "bfv": "bfv, exact", "ckks": "ckks, approximate"}
ENGINES: Final = {"fused": "fused kernels", "stepwise": "one SEAL call a HOP"}
BITS: Final = {"trained": "as trained", **{str(bits): f"{bits} bits, ±2ᵏ" for bits in (2, 3, 4, 5)}}

WEIGHT_BITS: Final = Choice(label="weights", options=BITS, help="Rounded as they stand, layer by layer.")
ENGINE: Final = Choice(label="engine", options=ENGINES, help="How the server works.")
BESIDE: Final = Choice(
    label="compare with", options=lambda: {name: name for name in published_systems()}, help="A published system."
)


def network_names() -> dict[str, str]:
    """The shipped networks as options; which there are is found out when a lab opens."""
    return {point.name: point.name for point in shipped_points()}


def shipped_only(presets: Mapping[str, Any]) -> dict[str, Any]:
    """The presets whose network is here."""
    known = network_names()
    return {name: settings for name, settings in presets.items() if settings.network in known}


def network_choice(text: str) -> Choice:
    """A shipped network."""
    return Choice(label="network", options=network_names, help=text)


def scheme_choice(text: str) -> Choice:
    """A scheme."""
    return Choice(label="scheme", options=SCHEMES, help=text)
