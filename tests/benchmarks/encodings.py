"""The O(n) claim: PT-CT products by dense, constant and monomial plaintexts, and how they grow with the ring."""

from collections.abc import Iterator

from fcnlab.measuring.encodings import ENCODINGS, RINGS, measure_products, study_encodings

PUBLISHED_US = {"dense": 3306, "monomial": 755}  # n = 8192, the authors' laptop


def run(*, network: str, repeats: int) -> Iterator[str]:
    """Microseconds by ring with one data prime and the fitted exponent; then the published setting, four primes."""
    study = study_encodings()
    rings = "".join(f"{ring:>9}" for ring in RINGS)
    yield f"{'scheme':<7}{'plaintext':<10}{rings}   growth (microseconds, 1 prime)"
    for scheme, encodings in ENCODINGS.items():
        for encoding in encodings:
            cells = "".join(f"{microseconds:>9,.0f}" for microseconds in study.curve(scheme, encoding)[1])
            yield f"{scheme:<7}{encoding:<10}{cells}   n^{study.growth(scheme, encoding):.2f}"
    dense, *others = measure_products("bfv", 8192, primes=4)
    for row in others:
        published = (
            f"; published {PUBLISHED_US['dense']:,} against {PUBLISHED_US['monomial']} us, "
            f"{PUBLISHED_US['dense'] / PUBLISHED_US['monomial']:.1f} times"
            if row.encoding == "monomial"
            else ""
        )
        yield (
            f"bfv, n = 8192, 4 primes: dense {dense.microseconds:,.0f} us, {row.encoding} {row.microseconds:,.0f} "
            f"us, {dense.microseconds / row.microseconds:.1f} times faster{published}"
        )
