"""TenSEAL's tutorial on one image, and the same network with one vector a pixel on a batch; run in its environment.

Parameters and packing are those of the tutorial: ring degree 8192, 26-bit primes, the convolution as a product with
the image's columns.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tenseal as ts  # type: ignore[import-not-found, unused-ignore]

PRIME_BITS = [31, 26, 26, 26, 26, 26, 26, 31]
SCALE_BITS = 26
SLOTS = 4096


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Measure; the settings and the result are those of every peer, see `__main__`."""
    arrays = dict(np.load(settings["network"]))
    data = np.load(settings["images"])
    threads = {"n_threads": settings["threads"]} if settings["threads"] else {}
    context, keygen_s = timed(lambda: make_context(threads, rotations=not settings["batch"]))
    public = context.copy()
    public.make_context_public()
    key_bytes = len(public.serialize(save_public_key=False, save_secret_key=False))
    run = classify_batch if settings["batch"] else classify_image
    results = [run(context, arrays, data["pixels"], first) for first in range(settings["repeats"])]
    digits = np.concatenate([result.pop("digits") for result in results])
    return {
        "keygen_s": keygen_s,
        "key_bytes": key_bytes,
        "images": len(digits) // len(results),
        "different_digits": int((digits != data["digits"][np.arange(len(digits)) % len(data["digits"])]).sum()),
        **{name: statistics.median(result[name] for result in results) for name in results[0]},
    }


def make_context(threads: dict[str, int], *, rotations: bool) -> Any:
    """The tutorial's context and keys."""
    context = ts.context(ts.SCHEME_TYPE.CKKS, poly_modulus_degree=8192, coeff_mod_bit_sizes=PRIME_BITS, **threads)
    context.global_scale = 2**SCALE_BITS
    if rotations:
        context.generate_galois_keys()
    return context


def classify_image(context: Any, arrays: dict[str, Any], pixels: Any, index: int) -> dict[str, Any]:
    """One image, as in the tutorial."""
    kernels, biases = arrays["conv1.weight"][:, 0].tolist(), arrays["conv1.bias"].tolist()
    dense = [(arrays[f"{name}.weight"].T.tolist(), arrays[f"{name}.bias"].tolist()) for name in ("fc1", "fc2")]
    (encrypted, windows), encrypt_s = timed(lambda: ts.im2col_encoding(context, pixels[index].tolist(), 7, 7, 3))
    upload_bytes = len(encrypted.serialize())

    def evaluate() -> Any:
        maps = [encrypted.conv2d_im2col(kernel, windows) + bias for kernel, bias in zip(kernels, biases, strict=True)]
        values = ts.CKKSVector.pack_vectors(maps)
        for weights, bias in dense:
            values.square_()
            values = values.mm(weights) + bias
        return values

    reply, evaluate_s = timed(evaluate)
    logits, decrypt_s = timed(reply.decrypt)
    return {
        "encrypt_s": encrypt_s,
        "evaluate_s": evaluate_s,
        "decrypt_s": decrypt_s,
        "upload_bytes": upload_bytes,
        "download_bytes": len(reply.serialize()),
        "digits": [int(np.argmax(logits))],
    }


def classify_batch(context: Any, arrays: dict[str, Any], pixels: Any, index: int) -> dict[str, Any]:
    """As many images as there are slots, one vector a pixel, the images repeated to fill them."""
    batch = pixels[(index + np.arange(SLOTS)) % len(pixels)]
    columns = batch.reshape(SLOTS, -1).T
    encrypted, encrypt_s = timed(lambda: [ts.ckks_vector(context, column.tolist()) for column in columns])
    upload_bytes = sum(len(vector.serialize()) for vector in encrypted)

    def evaluate() -> Any:
        kernels = arrays["conv1.weight"][:, 0]
        values = []
        for kernel, bias in zip(kernels, arrays["conv1.bias"], strict=True):
            for row in range(0, 22, 3):
                for column in range(0, 22, 3):
                    window = [encrypted[(row + i) * 28 + column + j] for i in range(7) for j in range(7)]
                    values.append(weighted_sum(window, kernel.ravel(), bias))
        for name in ("fc1", "fc2"):
            squares = [value.square() for value in values]
            values = [
                weighted_sum(squares, weights, bias)
                for weights, bias in zip(arrays[f"{name}.weight"], arrays[f"{name}.bias"], strict=True)
            ]
        return values

    reply, evaluate_s = timed(evaluate)
    logits, decrypt_s = timed(lambda: np.array([vector.decrypt() for vector in reply]))
    return {
        "encrypt_s": encrypt_s,
        "evaluate_s": evaluate_s,
        "decrypt_s": decrypt_s,
        "upload_bytes": upload_bytes,
        "download_bytes": sum(len(vector.serialize()) for vector in reply),
        "digits": logits.argmax(axis=0).tolist(),
    }


def weighted_sum(vectors: list[Any], weights: Any, bias: float) -> Any:
    """Products by numbers, summed: the plain use of the library."""
    total = vectors[0] * float(weights[0])
    for vector, weight in zip(vectors[1:], weights[1:], strict=True):
        total += vector * float(weight)
    return total + float(bias)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
