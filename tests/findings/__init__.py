"""The findings from tables made up for the test, so that none depends on what the shipped tables hold today."""
