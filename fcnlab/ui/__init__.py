"""The dashboards: for each lab one traitlets model and the views that observe it. Notebooks hold one line of code."""
