"""The published figures everything here is compared with.

Source: Chou et al. 2018, Faster CryptoNets (arXiv 1811.09953), table 1. Its cell for the CT-CT mults of CryptoNets is a
dash; 945 is what the other columns leave of the printed total. The rows of CryptoDL are printed with two or three
digits. Other sources give 98.71 % for the pruned Faster CryptoNets and 98.95 % for CryptoNets.
"""

from dataclasses import dataclass
from functools import cache

from fcnlab.data.tables import TABLES, read_rows


@dataclass(frozen=True, kw_only=True)
class PublishedSystem:
    """One row of the published table; operations are those of one pass, seconds those of the authors' machine.

    Attributes:
        method: Name of the system.
        pt_ct_adds: Plaintext plus ciphertext.
        ct_ct_adds: Ciphertext plus ciphertext.
        pt_ct_mults: Ciphertext times plaintext.
        ct_ct_mults: Ciphertext times ciphertext.
        total: HOPs, as printed.
        encrypt_decrypt_s: Seconds to encrypt and decrypt.
        inference_s: Seconds to evaluate.
        accuracy: Percent on the MNIST test images.
        message_mb: Megabytes sent for one inference.
        scheme: The encryption's name, as the authors give it.
    """

    method: str
    pt_ct_adds: int
    ct_ct_adds: int
    pt_ct_mults: int
    ct_ct_mults: int
    total: int
    encrypt_decrypt_s: float
    inference_s: float
    accuracy: float
    message_mb: float
    scheme: str


@cache
def published_systems() -> dict[str, PublishedSystem]:
    """The rows by method, Faster CryptoNets first."""
    rows = read_rows(PublishedSystem, path=TABLES / "published.csv", mend="restore it from the repository")
    return {row.method: row for row in rows}
