"""Figures in plotly, from facts that are handed in. Knows no widget."""
