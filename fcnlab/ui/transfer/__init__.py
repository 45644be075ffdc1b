"""Lab 06: private transfer."""
