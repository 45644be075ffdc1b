"""Our own row: one image by the packed layout, or a full batch; in a process of its own like the peers."""

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from fcnlab.data.mnist import load_mnist
from fcnlab.inference.demonstration import prepare
from fcnlab.inference.infer import meet
from fcnlab.planning.choose import choose_plan
from tests.benchmarks.peers.networks import TESTED

RING_DEGREES = {"ckks": 4096, "bgv": 16384}
"""By scheme, the ring of a batch: the smallest of ckks, and the one that bgv passes once."""


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Measure; the settings and the result are those of every peer, see `__main__`."""
    prepared = prepare(settings["name"])
    circuit, scheme = prepared.circuit, settings["scheme"]
    if settings["batch"]:
        plan, _ = choose_plan(circuit, scheme=scheme, ring_degree=RING_DEGREES[scheme], layout="batch")
    else:
        plan, _ = choose_plan(circuit, scheme=scheme, images=1, layout="packed")
    test = load_mnist("test")
    pixels = circuit.quantise(test.pixels)
    clear = circuit.evaluate(pixels[:TESTED]).argmax(axis=1)
    size = min(plan.batch_images, len(pixels)) if settings["batch"] else 1
    parties = meet(circuit, plan, threads=settings["threads"])
    client, server = parties.client, parties.server
    rounds: list[dict[str, float]] = []
    different = 0
    if settings["batch"]:
        client.encrypt(pixels[:1])  # touches what it needs
    for first in range(settings["repeats"]):
        chosen = pixels[first : first + size]
        sums, replies = {"encrypt_s": 0.0, "evaluate_s": 0.0, "decrypt_s": 0.0}, []
        for index in range(plan.parameters.passes):
            began = time.perf_counter()
            upload = client.encrypt(chosen, index=index)
            encrypted = time.perf_counter()
            reply = server.evaluate(upload, index=index).reply
            evaluated = time.perf_counter()
            replies.append(client.decrypt(reply, index=index))
            sums["decrypt_s"] += time.perf_counter() - evaluated
            sums["evaluate_s"] += evaluated - encrypted
            sums["encrypt_s"] += encrypted - began
        rounds.append(sums)
        digits = client.combine(replies).argmax(axis=1)
        different += int((digits != circuit.evaluate(chosen).argmax(axis=1)).sum())
    return {
        "accuracy": 100 * float(np.mean(clear == test.labels[:TESTED])),
        "keygen_s": parties.keygen_s,
        "key_bytes": parties.evaluation_key_bytes,
        "images": size,
        "different_digits": different,
        **{name: statistics.median(sums[name] for sums in rounds) for name in rounds[0]},
        "upload_bytes": len(upload) * plan.parameters.passes,
        "download_bytes": len(reply) * plan.parameters.passes,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
