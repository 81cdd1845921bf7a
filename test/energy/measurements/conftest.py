"""Random scenes of a subject, what is meant and others; checks that every measurement passes."""

import math

import pytest
import torch

from concept_control.energy.measurements.measurement import MIRROR, SHIFT, TURN, evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch

ANGLE = 0.7
TURNED = torch.tensor(
    [[math.cos(ANGLE), math.sin(ANGLE)], [-math.sin(ANGLE), math.cos(ANGLE)]]
).double()
CHANGES = {
    SHIFT: lambda places: places + torch.tensor([0.13, -0.21]),
    TURN: lambda places: places @ TURNED,
    MIRROR: lambda places: places * torch.tensor([-1.0, 1.0]),
}


def random_scene(batch, count=6, meant=3, seed=0):
    """The subject is the first, what is meant follows; others too; all inside a half table."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    row = torch.arange(count)
    mask = torch.ones(batch, count).double()
    return SceneBatch.flat(
        before=1.2 * draw(batch, count, 2) - 0.6,
        after=1.2 * draw(batch, count, 2) - 0.6,
        colors=draw(batch, count, 3),
        sides=0.1 + 0.1 * draw(batch, count, 1).expand(-1, -1, 2),
        present=mask,
        subjects=mask * (row == 0),
        attention=mask * ((row > 0) & (row <= meant)),
        motion=torch.zeros(batch, count, 3).double(),
    )


@pytest.fixture
def make_scene():
    return random_scene


def gradients(measurements, scene):
    """Gradients (K, B, N, 2) of the sums of K measurements."""
    after = scene.after.clone().requires_grad_(True)
    values = evaluate(measurements, SceneView(scene._replace(after=after)))
    found = []
    for index in range(len(measurements)):
        total = values[:, index].sum()
        if not total.requires_grad:
            found.append(torch.zeros_like(after))
            continue
        gradient = torch.autograd.grad(total, after, retain_graph=True, allow_unused=True)[0]
        found.append(torch.zeros_like(after) if gradient is None else gradient)
    return torch.stack(found)


def differences(measurements, scene, step=1e-6):
    """The same by central differences."""
    found = torch.zeros(len(measurements), *scene.after.shape).double()
    for entity in range(scene.after.shape[1]):
        for axis in range(2):
            shift = torch.zeros_like(scene.after)
            shift[:, entity, axis] = step
            high, low = (
                evaluate(measurements, SceneView(scene._replace(after=scene.after + sign * shift)))
                for sign in (1, -1)
            )
            found[:, :, entity, axis] = ((high - low) / (2 * step)).T
    return found


@pytest.fixture
def check():
    def run(measurements):
        names = [each.name for each in measurements]
        assert len(set(names)) == len(names)
        for each in measurements:
            for bounds in ((-0.2, 0.3), (0.1, 0.1), (-torch.inf, 0.2), (0.2, torch.inf)):
                sentence = each.sentence(*bounds)
                assert '{' not in sentence and 'nan' not in sentence and 'inf' not in sentence
        scene = random_scene(20, seed=1)
        ours, expected = gradients(measurements, scene), differences(measurements, scene)
        off = (ours - expected).abs() > 1e-4 * (1 + expected.abs())
        assert [n for n, wrong in zip(names, off.flatten(1).any(dim=1)) if wrong] == []
        values = evaluate(measurements, SceneView(scene))
        broken = []
        for change, move in CHANGES.items():
            moved = scene._replace(before=move(scene.before), after=move(scene.after))
            same = (evaluate(measurements, SceneView(moved)) - values).abs().amax(dim=0) < 1e-4
            broken += [
                f'{each.name}: {change}'
                for each, is_same in zip(measurements, same)
                if change in each.keeps and not is_same
            ]
        assert broken == []
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        # Which is listed first means nothing, also among things that look the same.
        alike = scene._replace(
            sides=torch.full_like(scene.sides, 0.1), colors=torch.full_like(scene.colors, 0.5)
        )
        for each in (scene, alike):
            shuffled = SceneBatch(*(v[:, order] for v in each))
            torch.testing.assert_close(
                evaluate(measurements, SceneView(shuffled)),
                evaluate(measurements, SceneView(each)),
                rtol=1e-9,
                atol=1e-9,
            )

    return run
