"""One stacking of three blocks is done again with others, as its predicate says."""

from concept_control.benchmarks.concepts.shown_once import NUMBERS, run
from concept_control.energy.model import ConceptModel


def test_what_was_shown_once_is_done_again_with_two_to_five():
    found = run(ConceptModel.load(), seed=0, concepts=1)
    assert list(found) == [
        f'{n} with {number}' for n, every in NUMBERS.items() for number in every
    ]
    assert sum(each['value'] for each in found.values()) >= len(found) - 1
