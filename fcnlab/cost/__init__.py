"""The cost of an encrypted run before it runs: seconds, bytes and memory, from unit costs measured once per machine."""

from fcnlab.cost.projection import ProjectedStep, Projection, project
from fcnlab.cost.units import UnitCosts, load_costs

__all__ = ["ProjectedStep", "Projection", "UnitCosts", "load_costs", "project"]
