"""HElayers, collapsed CryptoNets, on one image or a batch; run in its environment. Its licence is non-commercial."""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found, unused-ignore]
import pyhelayers  # type: ignore[import-not-found, unused-ignore]
from onnx import TensorProto, helper, numpy_helper

BATCH = 256
FRACTION_BITS, INTEGER_BITS = 25, 8  # the most that its optimiser still fits into ring degree 8192


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Measure; the settings and the result are those of every peer, see `__main__`."""
    data = np.load(settings["images"])
    size = BATCH if settings["batch"] else 1
    plain = pyhelayers.NeuralNetPlain()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        onnx.save(to_onnx(dict(np.load(settings["network"])), size), path)
        plain.init_from_files(pyhelayers.PlainModelHyperParams(), [str(path)])
    requirements = pyhelayers.HeRunRequirements()
    requirements.set_he_context_options([pyhelayers.DefaultContext()])
    requirements.optimize_for_batch_size(size)
    requirements.set_model_encrypted(False)
    requirements.set_fractional_part_precision(FRACTION_BITS)
    requirements.set_integer_part_precision(INTEGER_BITS)
    profile = pyhelayers.HeModel.compile(plain, requirements)
    began = time.perf_counter()
    context = pyhelayers.HeModel.create_context(profile)
    keygen_s = time.perf_counter() - began
    model = pyhelayers.NeuralNet(context)
    model.encode(plain, profile)
    coder = model.create_model_io_encoder()
    seconds: dict[str, list[float]] = {"encrypt_s": [], "evaluate_s": [], "decrypt_s": []}
    digits: list[int] = []
    wanted: list[int] = []
    for first in range(settings["repeats"]):
        rows = (first + np.arange(size)) % len(data["pixels"])
        samples, replies = pyhelayers.EncryptedData(context), pyhelayers.EncryptedData(context)
        began = time.perf_counter()
        coder.encode_encrypt(samples, [data["pixels"][rows][:, None].astype(np.float64)])
        encrypted = time.perf_counter()
        model.predict(replies, samples)
        evaluated = time.perf_counter()
        logits = np.asarray(coder.decrypt_decode_output(replies)).reshape(size, -1)
        seconds["decrypt_s"].append(time.perf_counter() - evaluated)
        seconds["evaluate_s"].append(evaluated - encrypted)
        seconds["encrypt_s"].append(encrypted - began)
        digits += logits.argmax(axis=1).tolist()
        wanted += data["digits"][rows].tolist()
    return {
        "keygen_s": keygen_s,
        "key_bytes": len(context.save_to_buffer()),
        "images": size,
        "different_digits": int((np.array(digits) != np.array(wanted)).sum()),
        **{name: statistics.median(values) for name, values in seconds.items()},
        "upload_bytes": len(samples.save_to_buffer()),
        "download_bytes": len(replies.save_to_buffer()),
    }


def to_onnx(arrays: dict[str, Any], size: int) -> Any:
    """The network in the format that the library reads."""
    weights = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    nodes = [
        helper.make_node(
            "Conv", ["x", "conv1.weight", "conv1.bias"], ["c"], kernel_shape=[5, 5], strides=[2, 2], pads=[0, 0, 1, 1]
        ),
        helper.make_node("Mul", ["c", "c"], ["s"]),
        helper.make_node("Flatten", ["s"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "fc1.weight", "fc1.bias"], ["h"], transB=1),
        helper.make_node("Mul", ["h", "h"], ["q"]),
        helper.make_node("Gemm", ["q", "fc2.weight", "fc2.bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "cryptonets",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, 1, 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [size, 10])],
        initializer=weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
