"""`python -m drumjax.cli`."""

import sys

from drumjax.cli import main

sys.exit(main())
