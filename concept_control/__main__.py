"""`python -m concept_control`."""

import sys

from concept_control.cli.main import main

sys.exit(main())
