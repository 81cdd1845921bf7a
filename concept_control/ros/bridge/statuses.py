"""`ConceptStatus` messages of all nodes."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Header

from concept_control.msg import ConceptStatus

NUMBERS = (
    'energy',
    'initial_energy',
    'plan_time',
    'plan_time_p50',
    'plan_time_p95',
    'plan_time_p99',
)
"""Fields that are NaN where they are not known."""


def status_message(header: Header, source: str, **fields: Any) -> ConceptStatus:
    """Return a status in which everything is unknown but what is given.

    Args:
        header: Stamp and fixed frame.
        source: Name of the node that says it.
        fields: Fields of the message that are known.
    """
    unknown = {**dict.fromkeys(NUMBERS, float('nan')), 'active_entity': -1}
    return ConceptStatus(header=header, source=source, **{**unknown, **fields})
