"""One image in the packed layout, client to client, on one thread: medians, bytes, agreement."""

import os
import statistics
import time
from collections.abc import Iterator

CASES = (("ckks", "fused"), ("ckks", "stepwise"), ("bgv", "fused"), ("bgv", "stepwise"))
LARGEST_SHARE = 40  # images for each repeat in ckks; bgv takes a hundredth of them


def run(*, network: str, repeats: int) -> Iterator[str]:
    """One line for each scheme and engine; encryption, evaluation and decryption are medians over the images."""
    import numpy as np

    from fcnlab.data.mnist import load_mnist
    from fcnlab.inference.demonstration import prepare
    from fcnlab.inference.infer import compare_logits, meet
    from fcnlab.planning.choose import choose_plan

    os.environ["OMP_NUM_THREADS"] = "1"
    circuit = prepare(network).circuit
    test = load_mnist("test")
    yield (
        f"{'scheme':<7}{'ring':>6}{'engine':>10}{'passes':>7}{'images':>8}{'keys s':>8}{'encrypt ms':>12}"
        f"{'evaluate ms':>13}{'decrypt ms':>12}{'sum ms':>9}{'up MB':>8}{'down MB':>9}{'keys MB':>9}{'wrong':>7}"
    )
    for scheme, engine in CASES:
        plan, _ = choose_plan(circuit, scheme=scheme, images=1, layout="packed")  # type: ignore[arg-type]
        if plan.layout != "packed":
            yield f"{scheme:<7}{network} has no packed plan in {scheme}"
            continue
        parties = meet(circuit, plan, engine=engine, threads=1)
        count = LARGEST_SHARE * repeats if scheme == "ckks" else 2 * repeats
        pixels = circuit.quantise(test.pixels[:count]).reshape(count, -1)
        seconds: list[list[float]] = []
        logits = []
        up = down = 0
        for start in range(0, count, plan.batch_images):
            decrypted, spent = [], [0.0, 0.0, 0.0]
            for index in range(plan.parameters.passes):
                marks = [time.perf_counter()]
                upload = parties.client.encrypt(pixels[start : start + plan.batch_images], index=index)
                marks.append(time.perf_counter())
                reply = parties.server.evaluate(upload, index=index).reply
                marks.append(time.perf_counter())
                decrypted.append(parties.client.decrypt(reply, index=index))
                marks.append(time.perf_counter())
                spent = [total + after - before for total, before, after in zip(spent, marks, marks[1:], strict=False)]
                up, down = plan.parameters.passes * len(upload), plan.parameters.passes * len(reply)
            seconds.append(spent)
            logits.append(parties.client.combine(decrypted))
        compared = compare_logits(np.concatenate(logits), circuit.evaluate(pixels), bound=plan.logit_bound)
        wrong = compared["mismatched_digits" if scheme == "ckks" else "mismatched_logits"]
        encrypt, evaluate, decrypt = (1e3 * statistics.median(stage) for stage in zip(*seconds, strict=True))
        yield (
            f"{scheme:<7}{plan.parameters.ring_degree:>6}{engine:>10}{plan.parameters.passes:>7}{count:>8}"
            f"{parties.keygen_s:>8.2f}{encrypt:>12.1f}{evaluate:>13.1f}{decrypt:>12.1f}"
            f"{encrypt + evaluate + decrypt:>9.1f}{up / 1e6:>8.2f}{down / 1e6:>9.2f}"
            f"{parties.evaluation_key_bytes / 1e6:>9.1f}{wrong:>7}"
        )
