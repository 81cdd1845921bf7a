"""How a command ended, as messages and actions say it."""

from __future__ import annotations

from concept_control.action import AchieveConcept
from concept_control.msg import ConceptStatus

ACTION = 'achieve_concept'


ERRORS = {
    ConceptStatus.SATISFIED: AchieveConcept.Result.SATISFIED,
    ConceptStatus.REFUSED: AchieveConcept.Result.REFUSED,
    ConceptStatus.FAILED: AchieveConcept.Result.FAILED,
    ConceptStatus.CANCELLED: AchieveConcept.Result.CANCELLED,
}
"""Statuses that end a goal."""


ENDINGS = {
    ConceptStatus.SATISFIED: 'satisfied',
    ConceptStatus.FAILED: 'failed',
    ConceptStatus.REFUSED: 'refused',
    ConceptStatus.CANCELLED: 'cancelled',
}
