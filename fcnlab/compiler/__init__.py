"""From a torch module to a circuit: what is recognised, how layers become matrices, and refusals that teach."""
