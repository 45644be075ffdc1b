"""Private heads: trained with differential privacy, attacked, stored with the guarantee on their card."""
