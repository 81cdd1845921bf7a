"""Numbers of the messages' constants."""

from __future__ import annotations

ACHIEVE = 0
"""`ConceptCommand.ACHIEVE`."""


ENDINGS = {3: 'satisfied', 4: 'failed', 6: 'cancelled'}
"""Constants of `msg/ConceptStatus` that end a goal."""


REFUSED = 5
"""`ConceptStatus.REFUSED`."""


CONCEPT = 0
"""`ConceptTerm.CONCEPT`: a concept applied to entities; the others are operators."""


OPERATIONS = {'and': 1, 'or': 2, 'not': 3}
"""The operators' constants in `msg/ConceptTerm`."""


WORDS = {number: word for word, number in OPERATIONS.items()}
