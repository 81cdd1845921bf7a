"""The arm stacks, unstacks and recovers, judged on true poses; what cannot be is refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from concept_control.benchmarks.control.tool_between import closed_form_goal
from concept_control.control.controller import ConceptController, Status
from concept_control.control.skills.pick_and_place import PickAndPlace
from concept_control.control.skills.task_view import TaskConfig
from concept_control.simulation.closed_loop import ClosedLoop, LoopConfig
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.world.entity import RIM

LARGEST_GAP = 0.005
"""Largest difference between a lower face and the upper face below it [m]."""


@dataclass(frozen=True)
class TowerEnergy:
    """Squared distances of each row of a tower from the one below it, seen from above."""

    order: tuple[int, ...]

    def residual(self, before, positions, colors, sizes):
        above, below = list(self.order[1:]), list(self.order[:-1])
        return (positions[:, above] - positions[:, below]).reshape(len(positions), -1)

    def conjunct_residuals(self, *scene):
        return [self.residual(*scene)]


def tower_goal(entities, order, workspace):
    """Ground a tower of ids, from below, where its lowest thing is: that comes to the table."""
    ids = sorted(entities)
    rows = [ids.index(i) for i in order]
    sides = np.array([entities[i].size for i in ids]) / workspace.half_extent
    bottoms = np.concatenate([[0.0], np.cumsum(sides[rows, 2])[:-1]])

    def solve_again(places):
        wanted = places.copy()
        wanted[rows] = np.column_stack([np.tile(places[rows[0], :2], (len(rows), 1)), bottoms])
        return wanted

    lowest = entities[order[0]]
    moved = rows[1:] if lowest.top < 1.5 * lowest.size[2] else rows
    place = tuple(workspace.to_workspace(lowest.xy))
    goal = closed_form_goal(
        TowerEnergy(tuple(rows)),
        np.array([entities[i].xy for i in ids]),
        np.array([entities[i].size[:2].mean() for i in ids]),
        dict.fromkeys(moved, place),
        workspace,
        ids,
    )
    raised = np.zeros(len(ids))
    raised[rows] = bottoms
    return replace(goal, solver=solve_again, target_bottoms=raised)


def tower_faults(world, order):
    """Return (K - 1, 2) of each block above another: gap between their faces and offset [m]."""
    rows = np.array(order) - 1
    centres, sides = world.block_positions()[rows], world.scene.sizes[rows]
    gaps = np.abs(np.diff(centres[:, 2]) - (sides[1:] + sides[:-1]) / 2)
    offsets = np.linalg.norm(np.diff(centres[:, :2], axis=0), axis=1)
    return np.column_stack([gaps, offsets])


def stands(world, order):
    """Tell whether a tower stands: each block on the next, its centre over it."""
    rows = np.array(order) - 1
    gaps, offsets = tower_faults(world, order).T
    is_down = world.block_positions()[rows[0], 2] - world.scene.sizes[rows[0]] / 2 < LARGEST_GAP
    is_over = offsets < world.scene.sizes[rows[:-1]] / 2
    return bool(is_down and is_over.all() and (gaps < LARGEST_GAP).all())


def loop_with(num_blocks, stacks=(), task=None, **scene):
    scene = build_scene(
        SceneConfig(num_blocks=num_blocks, seed=3, min_gap=0.06, stacks=stacks, **scene)
    )
    loop = ClosedLoop(
        scene,
        ConceptController(scene.arm, task),
        LoopConfig(position_noise=0.001, entity_delay=0.1),
    )
    return loop


def pursue(loop, order, **changes):
    goal = tower_goal(loop.world.entities(), order, loop.world.scene.arm.workspace)
    loop.controller.set_goal(replace(goal, **changes))


def has_ended(output):
    return output.status is not Status.ACTIVE


def finish(loop):
    output = loop.run(60.0, has_ended)[-1]
    loop.run(2.0)
    return output


def test_blocks_of_two_sizes_are_put_on_one_another():
    loop = loop_with(3, sizes=[0.05, 0.04, 0.03])
    pursue(loop, [1, 3])
    bystander = loop.world.block_positions()[1]
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    assert stands(loop.world, [1, 3])
    assert tower_faults(loop.world, [1, 3]).max() < 0.004
    np.testing.assert_allclose(loop.world.block_positions()[1], bystander, atol=1e-3)


def test_fingers_build_a_tower_of_other_sizes_and_leave_it_standing():
    loop = loop_with(3, sizes=[0.05, 0.04, 0.03], arm='franka_gripper')
    pursue(loop, [1, 2, 3])
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    assert stands(loop.world, [1, 2, 3])
    assert loop.world.held is None and loop.world.fingers.opening > 0.03


def test_a_tower_of_three_is_taken_apart_and_built_the_other_way_round():
    loop = loop_with(3, stacks=[(1, 2, 3)])
    assert stands(loop.world, [1, 2, 3])
    pursue(loop, [3, 1, 2])
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    assert stands(loop.world, [3, 1, 2])


def test_a_tower_that_is_knocked_over_is_built_again():
    loop = loop_with(3)
    pursue(loop, [1, 2, 3])
    loop.run(30.0, lambda output: output.phase == 'pick' or output.active_entity == 3)
    assert stands(loop.world, [1, 2])
    joint = loop.world.model.joint(loop.world.scene.block_names[1])
    loop.world.data.qvel[joint.dofadr[0] : joint.dofadr[0] + 2] = [0.5, 1.0]
    loop.run(0.4)
    assert not stands(loop.world, [1, 2])
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    assert stands(loop.world, [1, 2, 3])


@pytest.mark.parametrize(
    ('stacks', 'changes', 'reason'),
    [
        ((), {'target_bottoms': np.array([0.0, 0.17, 0.5])}, '#3 would float 120 mm above'),
        ([(2, 3)], {'moved': (2,), 'movable': (2,)}, '#3 lies on #2, which must move'),
    ],
)
def test_what_cannot_stand_or_be_cleared_is_refused(stacks, changes, reason):
    loop = loop_with(3, stacks=stacks)
    pursue(loop, [1, 2] if stacks else [1, 2, 3], **changes)
    start = loop.world.block_positions()
    output = loop.run(5.0, has_ended)[-1]
    assert output.status is Status.FAILED and reason in output.text, output.text
    np.testing.assert_allclose(loop.world.block_positions(), start, atol=1e-3)


def test_what_the_arm_cannot_hold_reach_or_lift_is_refused():
    xy = [[0.45, 0.0], [0.6, 0.15]]
    for sizes, task, arm, reason in (
        ([1.0, 0.04], None, 'franka', 'above the fence, 1 m above the table'),
        ([0.8, 0.04], None, 'franka', '0.800 m above the table, is out of reach of the arm'),
        ([0.04, 0.04], TaskConfig(pushes=True), 'franka', 'an arm that pushes'),
        ([0.08, 0.075], None, 'franka_gripper', '#2 is 75 mm wide; the fingers of'),
    ):
        loop = loop_with(2, task=task, sizes=sizes, positions=xy, arm=arm)
        pursue(loop, [1, 2])
        output = loop.run(2.0, has_ended)[-1]
        assert output.status is Status.FAILED and reason in output.text, output.text


@pytest.mark.parametrize('arm', ['franka', 'franka_gripper'])
def test_a_block_is_put_into_an_open_box_which_is_neither_pushed_nor_lifted(arm):
    loop = loop_with(3, open_boxes=[2], arm=arm)
    start = loop.world.block_positions()[1]
    pursue(loop, [2, 1], target_bottoms=np.zeros(3))
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    block, box = loop.world.block_positions()[:2]
    assert block[2] == pytest.approx(RIM + 0.02, abs=1e-3)
    assert np.abs(block[:2] - box[:2]).max() < 0.02
    np.testing.assert_allclose(box, start, atol=1e-3)
    pursue(loop, [3, 2])
    output = loop.run(2.0, has_ended)[-1]
    assert output.status is Status.FAILED and '#2 would have to move, and is an' in output.text


@dataclass(frozen=True)
class BesideEnergy(TowerEnergy):
    """That of a tower whose upper thing stands 12 cm off the lower one: beside an open box."""

    def residual(self, *scene):
        return super().residual(*scene) - 0.5


def test_what_is_led_out_of_its_box_goes_back_to_where_it_was():
    loop = loop_with(2, open_boxes=[2])
    start = loop.world.block_positions()
    pursue(loop, [2, 1], target_bottoms=np.zeros(2), evaluator=BesideEnergy((1, 0)))
    output = finish(loop)
    assert output.status is Status.FAILED, output.text
    assert 'cannot move #1: it could not be brought between the walls' in output.text
    np.testing.assert_allclose(loop.world.block_positions(), start, atol=5e-3)


def test_what_does_not_come_down_is_not_let_go_of_in_the_air(monkeypatch):
    loop = loop_with(2)
    pursue(loop, [2, 1])
    falls = PickAndPlace.descent

    def stays(skills, start, end):
        return falls(skills, start, end if skills.view.held is None else start)

    monkeypatch.setattr(PickAndPlace, 'descent', stays)
    loop.run(30.0, lambda output: output.phase == 'release' or has_ended(output))
    assert loop.world.block_positions()[0, 2] < 0.07


def test_fingers_refuse_a_box_that_is_too_narrow_for_them():
    loop = loop_with(2, sizes=[0.04, 0.077], open_boxes=[2], arm='franka_gripper')
    start = loop.world.block_positions()
    pursue(loop, [2, 1], target_bottoms=np.zeros(2))
    output = loop.run(2.0, has_ended)[-1]
    reason = 'between the walls of #2 there are 69 mm; to let go of #1 there the fingers of'
    assert output.status is Status.FAILED and reason in output.text, output.text
    np.testing.assert_allclose(loop.world.block_positions(), start, atol=1e-3)


def test_what_is_below_may_be_moved_away_while_the_command_waits():
    loop = loop_with(2)
    loop.controller.pause()
    pursue(loop, [2, 1])
    loop.run(0.1)
    loop.world.disturb(2, loop.world.block_positions()[1, :2] + [-0.06, 0.05])
    loop.run(0.2)
    loop.controller.resume()
    output = finish(loop)
    assert output.status is Status.SATISFIED, output.text
    assert stands(loop.world, [2, 1])
