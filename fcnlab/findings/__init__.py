"""What the tables say of the four questions of Faster CryptoNets; knows nothing of plotly or widgets.

Each question is a module: `reduction`, `expressiveness`, `ablation`, `scaling`. It takes tables, and gives facts and
the tables that follow from them. The answers in words are typed into lab 07, and a test compares their numbers.
"""
