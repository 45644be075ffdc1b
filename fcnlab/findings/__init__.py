"""What the tables say of the four questions of Faster CryptoNets; knows nothing of plotly or widgets.

Each question is a module: `reduction`, `expressiveness`, `ablation`, `scaling`. It takes tables, gives facts, and
sentences whose every number is taken from the facts.
"""
