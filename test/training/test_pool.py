"""The pool of concepts: what cannot be shown is drawn anew."""

import numpy as np

from concept_control.concepts import families
from concept_control.errors import EventError
from concept_control.training.pool import ConceptPool


def test_concepts_that_cannot_be_shown_are_drawn_anew(tiny):
    place = families()['place']

    class Rarely:
        """Fails every other time, as when one drawn concept has no scene."""

        calls = 0

        def __getattr__(self, name):
            return getattr(place, name)

        def sample(self, rng, params, num_events, num_entities=None):
            self.calls += num_events > 1
            if num_events > 1 and self.calls % 2:
                raise EventError('no scene')
            return place.sample(rng, params, num_events, num_entities=num_entities)

    family = Rarely()
    pool = ConceptPool({'place': family}, tiny, np.random.default_rng(0))
    assert family.calls >= 2
    assert len(pool.draw(4)) == 4
