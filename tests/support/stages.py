"""An encrypted run in three processes that share nothing but files: ``python -m tests.support.stages STAGE FOLDER``."""

import os
import sys
from pathlib import Path

import numpy as np

from fcnlab.he.client import Client
from fcnlab.he.server import Server
from fcnlab.planning.choose import make_packed_plan
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.plan import Plan
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import plan_with

CIRCUIT = tiny_circuit(1, widths=(9, 5, 3))
CASES = ("batch-bgv", "batch-bfv", "batch-ckks", "packed-bgv", "packed-ckks")
SIZES = {"bgv": (46, 44), "bfv": (46, 44), "ckks": (50, 42)}


def plan_of(case: str) -> Plan:
    layout, scheme = case.split("-")
    if layout == "packed":
        return make_packed_plan(CIRCUIT, scheme=scheme)  # type: ignore[arg-type]
    return plan_with(CIRCUIT, scheme, sizes=SIZES[scheme], plain_bits=(18, 19))  # type: ignore[arg-type]


def images_of(plan: Plan) -> np.ndarray:
    return random_images(CIRCUIT, min(plan.batch_images, 20))


def encrypt(folder: Path, plan: Plan) -> None:
    client = Client(plan)
    for index in range(plan.parameters.passes):
        (folder / f"upload{index}").write_bytes(client.encrypt(images_of(plan), index=index))
    keys, secret = client.save()
    (folder / "keys").write_bytes(keys)
    with open(os.open(folder / "secret", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)


def evaluate(folder: Path, plan: Plan) -> None:
    for engine in ENGINES:
        server = Server(CIRCUIT, plan, (folder / "keys").read_bytes(), engine=engine)
        for index in range(plan.parameters.passes):
            upload = (folder / f"upload{index}").read_bytes()
            (folder / f"{engine}{index}").write_bytes(server.evaluate(upload, index=index).reply)


def decrypt(folder: Path, plan: Plan) -> None:
    keys, secret = ((folder / name).read_bytes() for name in ("keys", "secret"))
    client = Client.restore(plan, keys=keys, secret=secret)
    replies = [(folder / f"fused{index}").read_bytes() for index in range(plan.parameters.passes)]
    logits = client.combine([client.decrypt(reply, index=index) for index, reply in enumerate(replies)])
    np.save(folder / "logits.npy", logits)


if __name__ == "__main__":
    for case in CASES:
        place = Path(sys.argv[2]) / case
        place.mkdir(exist_ok=True)
        {"encrypt": encrypt, "evaluate": evaluate, "decrypt": decrypt}[sys.argv[1]](place, plan_of(case))
