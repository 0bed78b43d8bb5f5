"""`python -m drumjax`."""

import sys

from drumjax.cli import main

sys.exit(main())
