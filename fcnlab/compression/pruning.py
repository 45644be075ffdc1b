"""Which weights to keep: masks on arrays, and the pace of a progressive schedule.

A weight is worth its effect; it costs the encrypted products (HOPs) it causes. A convolution tap is used at every
output position, a dense weight once. Everything here works on numpy arrays.
"""

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError

Reals = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def hop_mask(saliency: Reals, *, costs: npt.NDArray[np.integer], products: int) -> Mask:
    """Keep the weights with the largest saliency per product within a budget.

    Greedy by the ratio; the weight that would overrun the budget ends the choice, as do weights without saliency.

    Args:
        saliency: What each weight is worth: nonnegative, any shape.
        costs: Products per image of each weight: positive integers that broadcast to that shape (a tap's number of
            output positions, 1 in a dense layer).
        products: The budget, at least 0.

    Returns:
        Boolean array of the same shape; the kept weights cost at most `products` together.

    Raises:
        DataError: If the budget is negative or a cost is not positive.
    """
    if products < 0 or np.min(costs) < 1:
        raise DataError("A product budget is at least 0, and every weight costs at least one product.")
    worth = saliency.ravel()
    price = np.broadcast_to(costs, saliency.shape).ravel()
    order = np.argsort(-worth / price, kind="stable")
    order = order[worth[order] > 0]
    mask = np.zeros(worth.size, dtype=np.bool_)
    mask[order[np.cumsum(price[order]) <= products]] = True
    return mask.reshape(saliency.shape)


def cubic_budget(*, dense: int, target: int, progress: float) -> int:
    """The product budget after a share of a progressive pruning: fast at first, gentle at the end.

    Args:
        dense: Products before pruning.
        target: Products at the end.
        progress: 0 (dense) to 1 (target); values outside are clipped.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1.
    """
    remaining = (1 - min(max(progress, 0.0), 1.0)) ** 3
    return round(target + (dense - target) * remaining)
