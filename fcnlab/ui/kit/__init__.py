"""What all labs are made of: settings, controls, frames, figures, runs in a worker."""
