"""The particle world: families of concepts, their demonstrations and their predicates."""

from concept_control.concepts.family import Family
from concept_control.concepts.registry import families, held_out_families, training_families
from concept_control.concepts.vocabulary import NamedConcept, vocabulary

__all__ = [
    'Family',
    'NamedConcept',
    'families',
    'held_out_families',
    'training_families',
    'vocabulary',
]
