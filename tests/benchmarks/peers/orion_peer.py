"""Orion v2 on one image: the networks of its examples, at 128-bit security; run in its environment.

Its examples take ten primes of 26 bits and two of 29 at ring degree 8192: 321 bits, where 128-bit security allows 218.
Here each network has as many primes as it needs, and the smallest ring that allows them.
"""

import json
import statistics
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orion_compiler.nn as on  # type: ignore[import-not-found, unused-ignore]
import torch
from lattigo.ckks import Encoder, Parameters  # type: ignore[import-not-found, unused-ignore]
from lattigo.rlwe import Ciphertext, Decryptor, Encryptor, KeyGenerator, MemEvaluationKeySet  # type: ignore[import-not-found, unused-ignore]
from orion_compiler import CKKSParams, Compiler  # type: ignore[import-not-found, unused-ignore]
from orion_evaluator import Evaluator, Model  # type: ignore[import-not-found, unused-ignore]

PRIME_BITS = {"lola": (13, [29] + [26] * 5), "mlp": (13, [29] + [26] * 5), "lenet": (14, [29] + [26] * 7)}
"""By network: logarithm of the ring degree, and bits of the primes; two more of 29 bits are for key switching."""


class Net(on.Module):  # type: ignore[misc, unused-ignore]
    """One of the networks, from its arrays: convolutions of stride 2, linear layers, squares between them."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        super().__init__()
        self.order = []
        names = sorted({key.split(".")[0] for key in arrays}, key=lambda name: (name.startswith("fc"), name))
        flat = False
        for position, name in enumerate(names):
            weight, bias = torch.from_numpy(arrays[f"{name}.weight"]), torch.from_numpy(arrays[f"{name}.bias"])
            if weight.dim() == 4:
                layer = on.Conv2d(weight.shape[1], weight.shape[0], kernel_size=5, padding=2, stride=2)
            else:
                if not flat:
                    self.add("flatten", on.Flatten())
                    flat = True
                layer = on.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias
            self.add(name, layer)
            if position < len(names) - 1:
                self.add(f"square{position}", on.Quad())

    def add(self, name: str, layer: Any) -> None:
        """One more layer."""
        setattr(self, name, layer)
        self.order.append(name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """All layers in order."""
        for name in self.order:
            x = getattr(self, name)(x)
        return x


def compile_network(settings: dict[str, Any], path: Path) -> None:
    """Write the network as the library compiles it."""
    pixels = np.load(settings["images"])["pixels"]
    degree, bits = PRIME_BITS[settings["name"]]
    net = Net(dict(np.load(settings["network"]))).eval()
    compiler = Compiler(
        net, CKKSParams(logn=degree, logq=tuple(bits), logp=(29, 29), log_default_scale=26, h=2**degree)
    )
    compiler.fit(torch.from_numpy(pixels[:1]).float().unsqueeze(1))
    partial = path.with_suffix(".partial")
    partial.write_bytes(compiler.compile().to_bytes())
    partial.replace(path)


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Measure; the settings and the result are those of every peer, see `__main__`."""
    torch.set_num_threads(1)
    data = np.load(settings["images"])
    compiled = Path(settings["network"]).with_suffix(".orion")
    if not compiled.exists():  # in a process of its own: compiling LeNet leaves gigabytes behind
        process = get_context("spawn").Process(target=compile_network, args=(settings, compiled))
        process.start()
        process.join()
    model = Model.load(compiled.read_bytes())
    chosen, manifest, level = model.client_params()
    began = time.perf_counter()
    parameters = Parameters.from_dict(chosen)
    generator = KeyGenerator(parameters)
    secret = generator.gen_secret_key()
    public = generator.gen_public_key(secret)
    relinearization = generator.gen_relin_key(secret) if manifest["needs_rlk"] else None
    rotations = [generator.gen_galois_key(secret, int(element)) for element in manifest["galois_elements"]]
    keygen_s = time.perf_counter() - began
    keys = MemEvaluationKeySet(relinearization, rotations).marshal_binary()
    del relinearization, rotations
    evaluator = Evaluator(chosen, keys)
    key_bytes = len(keys)
    del keys
    encoder, encryptor, decryptor = Encoder(parameters), Encryptor(parameters, public), Decryptor(parameters, secret)
    slots = parameters.max_slots()
    seconds: dict[str, list[float]] = {"encrypt_s": [], "evaluate_s": [], "decrypt_s": []}
    digits = []
    for pixels in data["pixels"][: settings["repeats"]]:
        values = [*pixels.ravel().tolist(), *[0.0] * (slots - pixels.size)]
        began = time.perf_counter()
        upload = encryptor.encrypt_new(encoder.encode(values, level, parameters.default_scale())).marshal_binary()
        encrypted = time.perf_counter()
        replies = evaluator.forward(model, [upload])
        evaluated = time.perf_counter()
        logits = encoder.decode(decryptor.decrypt_new(Ciphertext.unmarshal_binary(replies[0])), slots)[:10]
        seconds["decrypt_s"].append(time.perf_counter() - evaluated)
        seconds["evaluate_s"].append(evaluated - encrypted)
        seconds["encrypt_s"].append(encrypted - began)
        digits.append(int(np.argmax(logits)))
    return {
        "keygen_s": keygen_s,
        "key_bytes": key_bytes,
        "images": 1,
        "different_digits": int((np.array(digits) != data["digits"][: len(digits)]).sum()),
        **{name: statistics.median(values) for name, values in seconds.items()},
        "upload_bytes": len(upload),
        "download_bytes": len(replies[0]),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
