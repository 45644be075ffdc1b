"""``python -m tests.benchmarks.peers``: other libraries and ours on the same images, one table, one run.

Each system runs in a process of its own, held to one core or given all. Accuracy is that of its network in the clear on
the first 1,000 test images, and the digits of the encrypted runs are compared with the clear ones. A batch is as many
images as the system takes at once. Figures are medians.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.machine.machine import processor_name
from fcnlab.networks.architectures import fold_batch_norm
from tests.benchmarks.peers.environments import ready_python
from tests.benchmarks.peers.networks import NETWORKS, ready_network, test_images

FOLDER: Final = Path("build/peers")
HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class System:
    """One row: who runs which network, on one image or a batch."""

    peer: str
    network: str
    batch: bool = False
    scheme: str = "ckks"

    @property
    def title(self) -> str:
        """For the table."""
        return f"{self.peer} {self.network}" + (f" {self.scheme}" if self.peer == "fcnlab" else "")


PEERS: Final = (
    System("tenseal", "tutorial"),
    System("orion", "lola"),
    System("orion", "mlp"),
    System("orion", "lenet"),
    System("helayers", "cryptonets"),
    System("tenseal", "tutorial", batch=True),
    System("helayers", "cryptonets", batch=True),
)
OURS: Final = (
    System("fcnlab", DEFAULT_NETWORK),
    System("fcnlab", DEFAULT_NETWORK, batch=True),
    System("fcnlab", DEFAULT_NETWORK, batch=True, scheme="bgv"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("--helayers", action="store_true", help="measure HElayers too (its licence: non-commercial)")
    parser.add_argument("--only", nargs="+", metavar="PEER", help="only these: tenseal, orion, helayers, fcnlab")
    parser.add_argument("--repeats", type=int, default=5, help="images, one after the other; medians are printed")
    parser.add_argument("--all-cores", action="store_true", help="give every system all cores, not one")
    parser.add_argument("--no-batch", action="store_true", help="leave the batches out: TenSEAL's takes a minute")
    chosen = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0)) if chosen.all_cores else [max(os.sched_getaffinity(0))]
    wanted = set(chosen.only or ("tenseal", "orion", "fcnlab", *(["helayers"] if chosen.helayers else [])))
    print(f"{processor_name()}, {len(cores)} {'cores' if len(cores) > 1 else 'core'} a system")
    print(
        f"{'system':<24}{'images':>7}{'acc %':>7}{'keygen s':>10}{'encrypt s':>11}{'evaluate s':>12}"
        f"{'decrypt s':>11}{'images/s':>10}{'up MB':>9}{'down MB':>9}{'keys MB':>9}{'wrong':>7}"
    )
    rows: dict[System, dict[str, Any]] = {}
    for system in (*PEERS, *OURS):
        if system.peer in wanted and not (system.batch and chosen.no_batch):
            rows[system] = run(system, cores=cores, repeats=chosen.repeats)
            print(table_line(system, rows[system]), flush=True)
    for line in ratios(rows):
        print(line)
    return 0


def run(system: System, *, cores: Sequence[int], repeats: int) -> dict[str, Any]:
    """One system in a process of its own, held to the given cores."""
    settings: dict[str, Any] = {
        "name": system.network,
        "scheme": system.scheme,
        "batch": system.batch,
        "repeats": 1 if system.batch else repeats,
        "threads": len(cores),
    }
    accuracy = None
    if system.peer == "fcnlab":
        command = [sys.executable, "-m", "tests.benchmarks.peers.ours"]
    else:
        network, accuracy = ready_network(system.network, folder=FOLDER / "networks")
        settings |= {"network": str(network), "images": str(image_file(system.network, network))}
        command = [str(ready_python(system.peer, folder=FOLDER)), str(HERE / f"{system.peer}_peer.py")]
    threads = {"OMP_NUM_THREADS": str(len(cores)), "GOMAXPROCS": str(len(cores))}
    done = subprocess.run(
        [*command, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **threads},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if done.returncode:
        raise SystemExit(f"{system.title} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return result if accuracy is None else {**result, "accuracy": accuracy}


def image_file(name: str, network: Path) -> Path:
    """The tested images and the digits that the network sees in them in the clear, for a peer to read."""
    path = FOLDER / f"images-{name}.npz"
    clear = fold_batch_norm(NETWORKS[name]()).eval()
    clear.load_state_dict({key: torch.from_numpy(value) for key, value in np.load(network).items()})
    pixels, _ = test_images()
    with torch.no_grad():
        digits = clear(pixels).argmax(dim=1).numpy()
    np.savez(path, pixels=pixels[:, 0].double().numpy(), digits=digits)
    return path


def table_line(system: System, row: Mapping[str, Any]) -> str:
    """One row of the table."""
    megabytes = [f"{row[name] / 1e6:>9.2f}" for name in ("upload_bytes", "download_bytes", "key_bytes")]
    return (
        f"{system.title:<24}{row['images']:>7}{row['accuracy']:>7.1f}{row['keygen_s']:>10.2f}{row['encrypt_s']:>11.3f}"
        f"{row['evaluate_s']:>12.3f}{row['decrypt_s']:>11.4f}{images_per_s(row):>10.2f}{''.join(megabytes)}"
        f"{row['different_digits']:>7}"
    )


def images_per_s(row: Mapping[str, Any]) -> float:
    """Encryption and decryption included."""
    return float(row["images"] / (row["encrypt_s"] + row["evaluate_s"] + row["decrypt_s"]))


def ratios(rows: Mapping[System, Mapping[str, Any]]) -> Iterator[str]:
    """How we compare: seconds of evaluation of one image, and images a second of a batch."""
    ours = next((row for system, row in rows.items() if system.peer == "fcnlab" and not system.batch), None)
    batches = {system.scheme: row for system, row in rows.items() if system.peer == "fcnlab" and system.batch}
    for system, row in rows.items():
        if system.peer == "fcnlab":
            continue
        if ours and not system.batch:
            yield f"one image: evaluated {row['evaluate_s'] / ours['evaluate_s']:.1f} times faster than {system.title}"
        elif system.batch:
            for scheme, batch in batches.items():
                ratio = images_per_s(batch) / images_per_s(row)
                yield f"{scheme} batch: {ratio:.1f} times the images a second of {system.title}"


if __name__ == "__main__":
    sys.exit(main())
