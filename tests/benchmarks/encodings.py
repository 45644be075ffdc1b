"""The O(n) claim: PT-CT products by dense, constant and monomial plaintexts, and how they grow with the ring."""

from collections.abc import Iterator

from fcnlab.measuring.encodings import RINGS, fit_growth, measure_products

PUBLISHED_US = {"dense": 3306, "monomial": 755}  # n = 8192, the authors' laptop


def run(*, network: str, repeats: int) -> Iterator[str]:
    """Microseconds by ring with one data prime and the fitted exponent; then the published setting, four primes."""
    costs = measure_products()
    seconds = {(cost.scheme, cost.encoding, cost.ring_degree): cost.seconds for cost in costs}
    yield (
        f"{'scheme':<7}{'plaintext':<10}"
        + "".join(f"{ring:>9}" for ring in RINGS)
        + "   growth (microseconds, 1 prime)"
    )
    for growth in fit_growth(costs):
        cells = "".join(f"{1e6 * seconds[growth.scheme, growth.encoding, ring]:>9,.0f}" for ring in RINGS)
        yield f"{growth.scheme:<7}{growth.encoding:<10}{cells}   n^{growth.exponent:.2f}"
    dense, *others = (cost for cost in measure_products(schemes=["bfv"], rings=[8192], primes=4))
    for cost in others:
        published = (
            f"; published {PUBLISHED_US['dense']:,} against {PUBLISHED_US['monomial']} us, "
            f"{PUBLISHED_US['dense'] / PUBLISHED_US['monomial']:.1f} times"
            if cost.encoding == "monomial"
            else ""
        )
        yield (
            f"bfv, n = 8192, 4 primes: dense {1e6 * dense.seconds:,.0f} us, {cost.encoding} {1e6 * cost.seconds:,.0f} "
            f"us, {dense.seconds / cost.seconds:.1f} times faster{published}"
        )
