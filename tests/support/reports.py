"""Accounts of encrypted runs that never took place."""

from typing import Any

from fcnlab.inference.report import LayerReport, Report, Seconds

PROVEN: dict[str, Any] = {"elapsed_s": 0.25, "value_bits": 20, "noise_bits": 40.0, "budget_bits": 60.0}
RUN: dict[str, Any] = {"engine": "fused", "batches": 1, "threads": 1, "accuracy": None, "reference_accuracy": None}
AGREES: dict[str, Any] = {"mismatched_logits": 0, "mismatched_digits": 0, "logit_error": 0.0}
SIZES: dict[str, Any] = {
    "evaluation_key_bytes": 0,
    "upload_bytes": 10**8,
    "download_bytes": 10**6,
    "peak_memory_bytes": 2**30,
}
SECONDS = Seconds(keygen=0.125, encrypt=4.5, evaluate=0.75, decrypt=0.5)


def made_up_layer(name: str, **fields: Any) -> LayerReport:
    """A step of a run, with these fields."""
    return LayerReport(name=name, **PROVEN | fields)


def made_up_report(**fields: Any) -> Report:
    """A run without a wrong logit, with these fields; network, scheme, images, passes, layers and plan are needed."""
    return Report(**RUN | AGREES | SIZES | {"seconds": SECONDS} | fields)
