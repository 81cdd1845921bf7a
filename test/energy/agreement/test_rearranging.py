"""Bodies that fill the table, arranged anew."""

import numpy as np
import torch

from concept_control.benchmarks.concepts.ccsp_constraints import (
    CONSTRAINTS,
    Things,
    demonstrate,
    rectangles,
)
from concept_control.energy.agreement.rearranging import rearranged
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events


def test_rearranged_bodies_stay_on_the_table_and_apart():
    scene = scene_batch_from_events(
        demonstrate(np.random.default_rng(0), 'left-of', 4, 'rectangles')
    )
    found = rearranged(scene, 200, torch.Generator().manual_seed(0))
    rows = scene.repeat(200)
    assert torch.equal(found.subjects, rows.subjects)
    assert torch.equal(found.attention, rows.attention)
    assert torch.allclose(found.sides.prod(-1).sum(-1), rows.sides.prod(-1).sum(-1))
    there = found.present.bool()
    reach = found.after.abs() + found.sides / 2
    assert (reach[there] <= 1.02).all()
    apart = (found.after.unsqueeze(2) - found.after.unsqueeze(1)).abs()
    room = (found.sides.unsqueeze(2) + found.sides.unsqueeze(1)) / 2
    meets = (apart < room - 0.02).all(dim=-1) & there.unsqueeze(2) & there.unsqueeze(1)
    meets.diagonal(dim1=1, dim2=2).zero_()
    assert not meets.any()
    still = ~found.subjects.bool()
    assert torch.equal(found.before[still], found.after[still])
    # No side is preferred, whatever was shown.
    subject = SceneView(found).place
    assert (subject.mean(dim=0).abs() < 0.1).all()
    # What was shown is left of something in each scene; by chance few things are.
    things = Things.at(found.after.double().numpy(), found.sides.double().numpy())
    assert CONSTRAINTS['left-of'](things, 0, 1).mean() < 0.4


def test_what_bodies_that_fill_the_table_keep_to_is_no_news(model):
    """What is wholly left of the middle in thirty scenes is told from what is not."""
    rng = np.random.default_rng(1)
    code = model.infer(demonstrate(rng, 'left-in', 30, 'rectangles'))
    after, sides = (np.stack(each) for each in zip(*(rectangles(rng, 4) for _ in range(200))))
    first = np.tile(np.arange(4) == 0, (200, 1))
    scenes = Events(
        np.stack([rng.permuted(after, axis=1), after], axis=1),
        np.full((200, 4, 3), 0.5),
        sides,
        subjects=first,
        attention=first & False,
    )
    holds = CONSTRAINTS['left-in'](Things.at(after, sides), 0, 0)
    nats = code.agreement.placing.energy(SceneView(scene_batch_from_events(scenes))).numpy()
    assert np.mean(nats[holds] < 1) > 0.95
    assert np.mean(nats[~holds] > 1) > 0.95
