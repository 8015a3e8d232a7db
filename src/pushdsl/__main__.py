"""`python -m pushdsl`."""

import sys

from pushdsl.cli import main

sys.exit(main())
