"""``python -m fcnlab``: the command line."""

import sys

from fcnlab.cli import main

sys.exit(main())
