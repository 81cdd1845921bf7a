"""Episodes of commands in the closed loop without ROS, judged by the predicate on true poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from concept_control.benchmarks.concepts.shown_once import judged_words, taught
from concept_control.concepts.registry import stacking_families
from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.control.controller import ConceptController, ControlOutput, Status
from concept_control.control.goal import GroundedGoal
from concept_control.control.guard import GuardConfig
from concept_control.control.skills.task_view import TaskConfig
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.language.expression import parse, uses_tool
from concept_control.language.goals import plan_goal, request_goal
from concept_control.language.judge import Judge
from concept_control.language.library import ConceptLibrary
from concept_control.perception.detection.detector import Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.tracking.tracker import EntityTracker
from concept_control.simulation.closed_loop import ClosedLoop, LoopConfig
from concept_control.simulation.scene import Scene, SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.simulation.world import SimulatedWorld
from concept_control.world.entity import TOOL_ID, EntityState, tool_state
from concept_control.world.tabletop import Tabletop

CURVE_PERIOD = 0.2
"""Time between two points of an episode's energy curve [s]."""

DISTURBED = 2
"""Id of the block that a hand moves; the commands are about it."""


PICTURE_SIZE = 800, 600
"""Width and height of an onlooker's pictures."""


@dataclass(frozen=True)
class EpisodeConfig:
    """What to run.

    Attributes:
        expression: Command.
        seed: Seed of the layout, the noise and the solver.
        colors: Colours of the blocks.
        arm: Name of an arm, or path of its YAML file.
        planner: Name of the planner.
        backend: Renderer of the simulated camera; None for true poses with noise.
        noise: Standard deviation of the noise on true poses [m].
        duration: Longest episode, simulated [s].
        tolerance: Tolerance of the predicate [m].
        disturb: Whether an attended block is moved during the first carry.
        follows_energy: Whether carries minimise the energy or track the generated target.
        pushes: Whether blocks are pushed instead of carried.
        stacks, open_boxes, cylinders: Blocks of the start that stand on one another, what is no
            block but an open box, and which are cylinders, as in `SceneConfig`.
        rest: Wait after the controller is done, so that everything comes to rest [s].
        films: Whether pictures are taken: before, of each block as it is let go of, and after.
        shown: Family of which one demonstration teaches the word of the command; '' for none.
    """

    expression: str
    seed: int
    colors: tuple[str, ...] = ('red', 'blue', 'green', 'yellow')
    arm: str = 'franka'
    planner: str = 'ilqg'
    backend: str | None = None
    noise: float = 0.001
    duration: float = 60.0
    tolerance: float = 0.010
    disturb: bool = False
    follows_energy: bool = True
    pushes: bool = False
    stacks: tuple[tuple[int, ...], ...] = ()
    open_boxes: tuple[int, ...] = ()
    cylinders: tuple[int, ...] = ()
    rest: float = 0.4
    films: bool = False
    shown: str = ''


@dataclass
class Episode:
    """What came of it; times simulated unless they are the planner's.

    Attributes:
        config: Episode that was run.
        holds: Whether the predicate holds on true poses at the end.
        error: Distance to satisfaction at the end [m], NaN where the concept defines none.
        solution_error: The same for the generated solution.
        status: Last status of the controller.
        text: Its reason, for people.
        time: Time until the controller was done [s].
        integral: Integral of the energy over time [energy s].
        curve: Pairs of time [s] and energy, a few per second.
        plan_times: Wall-clock time of each plan [s].
        violations: Control periods in which a joint left its limits of position or velocity.
        moves: Blocks that were let go of.
        frames: Times [s] and pictures (H, W, 3).
    """

    config: EpisodeConfig
    holds: bool = False
    error: float = float('nan')
    solution_error: float = float('nan')
    status: str = 'refused'
    text: str = ''
    time: float = 0.0
    integral: float = float('nan')
    curve: list[tuple[float, float]] = field(default_factory=list)
    plan_times: list[float] = field(default_factory=list)
    violations: int = 0
    moves: int = 0
    frames: list[tuple[float, np.ndarray]] = field(default_factory=list)

    def numbers(self) -> dict[str, object]:
        """Return everything but pictures as plain values for JSON, plan times as percentiles."""
        values = asdict(replace(self, frames=[]))
        del values['frames']
        times = values.pop('plan_times')
        percentiles = np.percentile(times, [50, 95, 99]) if times else [np.nan] * 3
        values['plan_p50'], values['plan_p95'], values['plan_p99'] = map(float, percentiles)
        values['num_plans'] = len(times)
        return values


class CameraPerception:
    """The simulated camera and the whole of perception, in one process."""

    def __init__(self, scene: Scene, backend: str) -> None:
        self._camera = SimulatedCamera(scene.model, 'top', 640, 480, backend)
        limits = BlockLimits(bounds=scene.arm.workspace.bounds(GuardConfig.fence_margin))
        self._detector = Detector(self._camera.intrinsics, limits)
        self._boxes, self._tracker = ArmBoxes(scene.arm), EntityTracker()

    def __call__(self, world: SimulatedWorld) -> dict[int, EntityState]:
        """Take an image, find the blocks and track them."""
        color, depth = self._camera.render(world.data)
        pose = self._camera.T_world_camera(world.data)
        tool, rotation = world.tool_pose()
        tracked = self._tracker.update(
            self._detector.detect(color, depth, pose, self._boxes.at(world.joint_state()[0])),
            world.time,
            tool_position=tool,
            attached=world.held is not None,
            tool_yaw=float(np.arctan2(rotation[1, 0], rotation[0, 0])),
            hidden=self._detector.could_hide,
        )
        return {entity.id: entity for entity in tracked}


class Runner:
    """Runs episodes with one model and its library."""

    def __init__(self, model: ConceptModel) -> None:
        self.model = model
        self.library = ConceptLibrary.learn(self.model)

    def run(self, config: EpisodeConfig) -> Episode:
        """Run one episode; a refused command is one that failed."""
        scene = build_scene(
            SceneConfig(
                num_blocks=len(config.colors),
                colors=config.colors,
                seed=config.seed,
                min_gap=0.06,
                arm=config.arm,
                stacks=config.stacks,
                open_boxes=config.open_boxes,
                cylinders=config.cylinders,
            )
        )
        task = TaskConfig(
            follows_energy=config.follows_energy,
            pushes=config.pushes,
            # Verification would mend what tracking the old target has missed.
            max_rounds=1 if config.disturb else TaskConfig.max_rounds,
        )
        controller = ConceptController(scene.arm, task, planner=config.planner)
        settings = LoopConfig(position_noise=config.noise, entity_delay=0.1, seed=config.seed)
        perception = CameraPerception(scene, config.backend) if config.backend else None
        loop = ClosedLoop(scene, controller, settings, perception)
        episode = Episode(config)
        expression = parse(config.expression)
        truth = loop.world.tabletop(uses_tool(expression))
        half, words = scene.arm.workspace.half_extent, None
        if config.shown:
            shown = stacking_families()[config.shown]
            self.library.add(taught(self.model, shown, np.random.default_rng(config.seed)))
            words = judged_words(shown)
        judge = Judge(expression, truth, config.tolerance / half, words)
        try:
            goal = self._goal(loop, config)
        except ConceptControlError as error:
            episode.text = str(error)
            return episode
        rows = self._in_truths_order(truth, goal)
        generated = {'positions': goal.targets[rows], 'bottoms': goal.target_bottoms[rows]}
        episode.solution_error = half * judge(replace(truth, **generated)).error
        controller.set_goal(goal)
        self._play(loop, episode)
        if config.disturb:
            # What a hand has moved stands where it was put; the controller must leave it there.
            moved = truth.positions.copy()
            row = truth.ids.index(DISTURBED)
            moved[row] = loop.world.tabletop(uses_tool(expression)).positions[row]
            truth = replace(truth, positions=moved)
            judge = Judge(expression, truth, config.tolerance / half, words)
        verdict = judge(loop.world.tabletop(uses_tool(expression)))
        episode.holds, episode.error = verdict.holds, half * verdict.error
        return episode

    def _play(self, loop: ClosedLoop, episode: Episode) -> None:
        config = episode.config
        episode.integral, has_disturbed = 0.0, not config.disturb
        carry_since: float | None = None
        released = False
        view = _onlooker(loop, episode)
        view()
        while loop.world.time < config.duration:
            output = loop.step()
            self._note(loop, episode, output)
            episode.moves += output.phase == 'release' and not released
            if released and output.phase != 'release':
                view()
            released = output.phase == 'release'
            if output.phase == 'carry' and carry_since is None:
                carry_since = loop.world.time
            if not has_disturbed and carry_since and loop.world.time > carry_since + 0.2:
                self._disturb(loop, config.seed)
                has_disturbed = True
            if output.status is not Status.ACTIVE:
                break
        episode.status, episode.text = str(output.status), output.text
        episode.time = loop.world.time
        loop.run(config.rest)
        view()

    def _note(self, loop: ClosedLoop, episode: Episode, output: ControlOutput) -> None:
        arm = loop.world.scene.arm
        q, qd = loop.world.joint_state()
        lower, upper = arm.position_limits.T
        broken = ((q < lower) | (q > upper) | (np.abs(qd) > arm.velocity_limits)).any()
        episode.violations += bool(broken)
        if np.isfinite(output.energy):
            episode.integral += output.energy * loop.config.control_period
            now = loop.world.time
            if not episode.curve or now - episode.curve[-1][0] >= CURVE_PERIOD:
                episode.curve.append((round(now, 3), float(output.energy)))
        if np.isfinite(output.solve_time):
            episode.plan_times.append(output.solve_time)

    def _disturb(self, loop: ClosedLoop, seed: int) -> None:
        """Move one block to a free place at least 8 cm away, as a person might."""
        world, rng = loop.world, np.random.default_rng([seed, 1])
        here = world.block_positions()[:, :2]
        workspace = world.scene.arm.workspace
        while True:
            place = workspace.to_world(rng.uniform(-0.85, 0.85, 2))
            gaps = np.linalg.norm(here - place, axis=1)
            if gaps.min() > 0.08:
                world.disturb(DISTURBED, place)
                return

    def _goal(self, loop: ClosedLoop, config: EpisodeConfig) -> GroundedGoal:
        """Make the goal of the command in the perceived scene, as the nodes do."""
        for _ in range(15):  # a tracker wants to see a block more than once
            loop.step()
        entities = {TOOL_ID: tool_state(loop.world.tool_pose()[0]), **loop.perceive()}
        workspace = loop.world.scene.arm.workspace
        scene = Tabletop.from_entities(entities, workspace)
        request = request_goal(config.expression, scene, self.model, self.library, config.seed)
        return plan_goal(request, self.model, workspace)

    def _in_truths_order(self, truth: Tabletop, goal: GroundedGoal) -> np.ndarray:
        """Return (N,) the goal's rows of the true entities, by where they were and their looks."""
        gaps = np.linalg.norm(truth.positions[:, None] - goal.before, axis=-1)
        unlike = np.linalg.norm(truth.colors[:, None] - goal.colors, axis=-1)
        return (gaps + 0.1 * unlike).argmin(axis=1)


def _onlooker(loop: ClosedLoop, episode: Episode) -> Callable[[], None]:
    """Return what takes a picture of an episode, if there are to be any."""
    if not episode.config.films:
        return lambda: None
    world = loop.world
    camera = SimulatedCamera(world.model, 'oblique', *PICTURE_SIZE)
    return lambda: episode.frames.append((world.time, camera.render(world.data)[0]))
