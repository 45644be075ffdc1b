"""Lab 04: a digit drawn and read under encryption."""
