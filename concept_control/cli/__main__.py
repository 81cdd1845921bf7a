"""`python -m concept_control.cli`."""

import sys

from concept_control.cli.main import main

sys.exit(main())
