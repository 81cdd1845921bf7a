"""One demonstration run: wait for the graph, command, follow, judge, report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.demos.views import labelled_views
from concept_control.errors import ConceptControlError, UnknownConceptError
from concept_control.interfaces.constants import OUTCOMES, TEACH_PHASE
from concept_control.interfaces.decoding import match_ids
from concept_control.language.expression import Expression, uses_tool
from concept_control.language.judge import Judge, Verdict
from concept_control.msg import ConceptGoal, ConceptStatus, Entity, EntityArray
from concept_control.reports.run_film import draw_run
from concept_control.reports.tables import counted
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.client.monitor import GraphSnapshot, GraphState, Monitor
from concept_control.ros.runtime.process_graph import Graph
from concept_control.ros.runtime.simulated_graph import START_TIMEOUT, GraphConfig
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop

SETTLING = 0.5
"""Seconds for which perception must see the right number of blocks before the command."""

SURPLUS_PATIENCE = 5.0
"""Seconds for which perception may see more than there is: the first frames come unsorted."""

NOT_CARRIED_OUT = frozenset({'refused', 'cancelled'})
"""Endings after which nothing was achieved, whatever holds on the table."""


class Interrupted(Exception):  # noqa: N818  (not an error: somebody pressed Ctrl-C)
    """Somebody asked the demonstration to end."""


@dataclass(frozen=True, kw_only=True)
class DemoConfig(GraphConfig):
    """Configuration of a demonstration, beside that of its robot.

    Attributes:
        expression: Command that is given.
        judged: Expression whose predicate must hold in the end.
        duration: Simulated time after which the run is given up [s].
        tolerance: Tolerance of the predicate [m].
        output: Folder that the picture is written to.
        record_images: Whether the bag gets the images too.
        video: Film of the onlooker's view to write; None for none.
        record: New bag to record the messages into; None for none.
    """

    expression: Expression
    judged: Expression
    duration: float
    tolerance: float
    output: Path
    record_images: bool
    video: Path | None = None
    record: Path | None = None


class HoldTimer:
    """Detects that a condition has held for a while without a break."""

    def __init__(self, duration: float = SETTLING) -> None:
        """Begin with nothing held; `duration` is how long it must hold [s]."""
        self._duration = duration
        self._since: float | None = None

    def update(self, now: float, holds: bool) -> bool:
        """Tell whether the condition has held long enough at time `now` [s]."""
        if not holds:
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since > self._duration


class DemoRun:
    """One demonstration, from the first message to the verdict."""

    def __init__(
        self,
        config: DemoConfig,
        state: GraphState,
        monitor: Monitor,
        graph: Graph,
        interrupted: threading.Event,
    ) -> None:
        """Remember what to do; `interrupted` is set by whoever wants the run to end."""
        self.config, self.state = config, state
        self.monitor, self.graph, self.interrupted = monitor, graph, interrupted
        self.workspace = ArmDescription.load(config.arm).workspace
        self.started = time.monotonic()

    def conduct(self) -> dict[str, Any]:
        """Wait for the graph, give the command, follow it, judge, draw.

        Returns:
            Plain values for `--json`, units in the names. None or NaN stands for what a run
            without plans, a world without a camera, or a taught word, for which there is no
            predicate, does not have.

        Raises:
            Interrupted: If somebody asked for the end.
            ConceptControlError: If the graph does not come up or a node dies.
        """
        config = self.config
        start = self.wait_for_graph(START_TIMEOUT)
        self._describe(start)
        perceived_ids = match_ids(start.entities, start.truth)
        judge = self._judge(self._true_scene(start.truth, perceived_ids))
        before = self._views(start)
        if judge is not None:
            verdict = judge(self._true_scene(start.truth, perceived_ids))
            say(f'before: the predicate {self._verdict_text(verdict)}')
        command_time = convert.seconds(start.truth.header.stamp)
        self.state.statuses.clear()
        self.monitor.command(str(config.expression), config.seed)
        say(f'command: {config.expression}')
        ending, reason = self._follow(command_time)

        end = self.state.snapshot()
        elapsed = convert.seconds(end.truth.header.stamp) - command_time
        final = judge(self._true_scene(end.truth, perceived_ids)) if judge is not None else None
        picture = config.output / 'demo.png'
        series = [s for s in self.state.statuses if s.goal_id]
        draw_run(
            picture,
            title=f'{config.expression}, seed {config.seed}',
            before=before,
            after=self._views(end),
            times=[convert.seconds(s.header.stamp) - command_time for s in series],
            energies=[s.energy for s in series],
            phases=[s.phase for s in series],
        )
        return self._report(final, ending, reason, elapsed, picture)

    def wait_for_graph(self, timeout: float) -> GraphSnapshot:
        """Wait until every part of the graph speaks; show which one is still missing.

        Args:
            timeout: Time each part gets [s of the machine].

        Raises:
            Interrupted: If somebody asked for the end.
            ConceptControlError: If a part is still silent then, a node has died, or another
                demonstration runs in the same ROS domain.
        """
        self.graph.wait_for_all(self._parts(), timeout)
        if self.monitor.count_publishers('ground_truth') > 1:
            raise ConceptControlError(
                'another demonstration runs in the same ROS domain; end it, or give this one '
                'another ROS_DOMAIN_ID'
            )
        return self.state.snapshot()

    def _parts(self) -> dict[str, Callable[[], bool]]:
        """Return what the graph consists of, and how to see that it is there."""
        state, wanted, hold = self.state, len(self.config.blocks), HoldTimer()
        surplus = HoldTimer(SURPLUS_PATIENCE)

        def has_settled() -> bool:
            seen = [] if state.entities is None else blocks_of(state.entities)
            if surplus.update(time.monotonic(), len(seen) > wanted):
                assert state.entities is not None
                raise ConceptControlError(surplus_text(state.entities, state.truth))
            return hold.update(time.monotonic(), len(seen) == wanted)

        parts: dict[str, Callable[[], bool]] = {'simulation': lambda: state.truth is not None}
        if self.config.world == 'arm':
            parts['camera'] = lambda: state.image is not None
        parts |= {
            'view': lambda: state.view is not None,
            f'{wanted} entities': has_settled,
            'concepts': lambda: state.library is not None,
            'concept model': lambda: self.monitor.is_connected,
            'controller': lambda: any(s.source != 'concept_model' for s in state.statuses),
        }
        return {name: partial(self._while_wanted, is_there) for name, is_there in parts.items()}

    def _while_wanted(self, is_there: Callable[[], bool]) -> bool:
        self._check()
        return is_there()

    def _describe(self, snapshot: GraphSnapshot) -> None:
        """Print what was learned and what is seen."""
        concepts = snapshot.concepts
        say(
            f'learned {counted(len(concepts), "concept")} from '
            f'{counted(concepts[0].num_demonstrations, "particle demonstration")} each: '
            f'{", ".join(c.name for c in concepts)}'
        )
        if self.config.world == 'arm':
            say(f'camera: {self._camera_backend()}')
        for entity in blocks_of(snapshot.entities):
            say(f'seen: {entity_text(entity)}')

    def _judge(self, scene: Tabletop) -> Judge | None:
        """Return who judges by geometry; None where a taught word has no predicate."""
        tolerance = float(self.workspace.length_to_workspace(self.config.tolerance))
        try:
            return Judge(self.config.judged, scene, tolerance)
        except UnknownConceptError as error:
            say(f'{error}: the energy alone decides (--judge says what geometry shall judge)')
            return None

    def _follow(self, command_time: float) -> tuple[str, str]:
        """Print what happens until it ends; return how it ended and what was said of it."""
        printed = 0
        phase, last_line = '', -1.0
        is_goal_shown = False
        while True:
            self._check()
            goal = self.state.goal
            if goal is not None and goal.terms and not is_goal_shown:
                is_goal_shown = True
                say(goal_text(goal))
            while printed < len(self.state.statuses):
                status = self.state.statuses[printed]
                printed += 1
                now = convert.seconds(status.header.stamp) - command_time
                if status.status == ConceptStatus.REFUSED and status.phase != TEACH_PHASE:
                    return 'refused', status.text
                if status.source == 'concept_model' or not status.goal_id:
                    continue
                if status.phase != phase or now - last_line >= 1.0:
                    phase, last_line = status.phase, now
                    say(f'{now:6.2f} s  {status_text(status)}')
                if status.status in OUTCOMES:
                    return OUTCOMES[status.status].name.lower(), status.text
            stamp = self.state.snapshot().truth.header.stamp
            if convert.seconds(stamp) - command_time > self.config.duration:
                return 'time is up', f'after {self.config.duration:g} simulated seconds'
            time.sleep(0.02)

    def _check(self) -> None:
        """Raise if the run shall end or a node has died."""
        if self.interrupted.is_set():
            raise Interrupted
        self.graph.check()

    def _true_scene(self, truth: EntityArray, perceived_ids: dict[int, int]) -> Tabletop:
        states = convert.entity_states(truth, truth.header.frame_id)
        scene = Tabletop.from_entities(
            {perceived_ids[i]: state for i, state in states.items()}, self.workspace
        )
        return scene if uses_tool(self.config.judged) else scene.without_tool()

    def _views(self, snapshot: GraphSnapshot) -> list[np.ndarray]:
        """Return what is seen, with the ids that statuses speak of; particles have theirs."""
        if self.config.world != 'arm':
            return snapshot.frames()
        seen = blocks_of(snapshot.entities)
        places = {e.id: np.array([e.position.x, e.position.y, e.position.z]) for e in seen}
        return labelled_views(snapshot.frames(), self.config.arm, places)

    def _camera_backend(self) -> str:
        """Return what the simulator's log says of how it makes its images."""
        log, mark = self.graph.log_path('arm_simulator'), 'camera: '
        for line in log.read_text(errors='replace').splitlines():
            if mark in line:
                return line.split(mark, 1)[1]
        return 'unknown'

    def _report(
        self, final: Verdict | None, ending: str, reason: str, elapsed: float, picture: Path
    ) -> dict[str, Any]:
        """Print how the run ended; return what `conduct` does."""
        config = self.config
        last = next(
            (s for s in reversed(self.state.statuses) if s.source == 'mpc_controller'),
            ConceptStatus(plan_time_p50=np.nan, plan_time_p99=np.nan, energy=np.nan),
        )
        p50, p99 = 1000 * last.plan_time_p50, 1000 * last.plan_time_p99
        if last.num_plans:
            say(
                f'{counted(last.num_plans, "plan")}: {p50:.1f} ms median, {p99:.1f} ms p99, '
                f'{last.missed_deadlines} missed deadlines'
            )
        say(f'picture: {picture}' + (f', film: {config.video}' if config.video else ''))
        succeeded = has_succeeded(final, ending)
        text = self._result_text(final, ending, reason, elapsed)
        say(f'RESULT: {"SUCCESS" if succeeded else "FAILURE"}: {text}')
        return {
            'expression': str(config.expression),
            'judged': str(config.judged),
            'seed': config.seed,
            'succeeded': succeeded,
            'holds': None if final is None else final.holds,
            'error_mm': None if final is None else self._millimetres(final.error),
            'tolerance_mm': 1000 * config.tolerance,
            'ending': ending,
            'simulated_s': elapsed,
            'wall_s': time.monotonic() - self.started,
            'plan_time_p50_ms': p50,
            'plan_time_p99_ms': p99,
            'num_plans': last.num_plans,
            'missed_deadlines': last.missed_deadlines,
            'final_energy': last.energy,
            'world': config.world,
            'camera': self._camera_backend() if config.world == 'arm' else None,
        }

    def _result_text(
        self, verdict: Verdict | None, ending: str, reason: str, elapsed: float
    ) -> str:
        """Describe how the run ended, in one sentence."""
        config = self.config
        if ending in NOT_CARRIED_OUT:
            return f'{config.expression} was {ending}: {reason}'
        if verdict is None:
            return (
                f'{config.expression}: {ending}, {reason}, after {elapsed:.1f} simulated seconds; '
                'not judged by geometry'
            )
        return (
            f'{config.judged} {self._verdict_text(verdict)} after {elapsed:.1f} simulated seconds '
            f'({ending})'
        )

    def _verdict_text(self, verdict: Verdict) -> str:
        """Describe a verdict: "holds, 3.1 mm off (tolerance 15 mm)"."""
        error = self._millimetres(verdict.error)
        return (
            f'{"holds" if verdict.holds else "does not hold"}'
            f'{f", {error:.1f} mm off" if np.isfinite(error) else ""} '
            f'(tolerance {self._millimetres(verdict.tolerance):.0f} mm)'
        )

    def _millimetres(self, length: float) -> float:
        return 1000 * float(self.workspace.length_to_world(length))


def has_succeeded(verdict: Verdict | None, ending: str) -> bool:
    """Tell whether a command was achieved: what was refused never was, even if it holds.

    Args:
        verdict: Verdict of geometry at the end; None where there is no predicate.
        ending: How the command ended, in a word or three.
    """
    if ending in NOT_CARRIED_OUT:
        return False
    return ending == 'satisfied' if verdict is None else verdict.holds


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def blocks_of(entities: EntityArray) -> list[Entity]:
    """Return the entities that are not the tool."""
    return [e for e in entities.entities if e.id != TOOL_ID]


def surplus_text(entities: EntityArray, truth: EntityArray) -> str:
    """Name the things that are seen where no block is, and what to do about them."""
    blocks = [(e.position.x, e.position.y, e.size.x) for e in blocks_of(truth)]
    others = [
        (e.position.x, e.position.y)
        for e in blocks_of(entities)
        if all(np.hypot(e.position.x - x, e.position.y - y) > width for x, y, width in blocks)
    ]
    places = ', '.join(f'({x:.3f}, {y:.3f})' for x, y in others)
    return (
        f'seen {counted(len(others), "thing")} that no block explains at {places} m: take '
        "them off the table, describe them in the arm's file if they are parts of the robot, or "
        'set `bounds` of entity_extractor to leave their place out'
    )


def entity_text(entity: Entity) -> str:
    """Describe an entity: its id, shape and colour, where it is, and how surely."""
    c, p = entity.color, entity.position
    deviation = 1000 * float(np.sqrt(np.asarray(entity.covariance).reshape(3, 3)[0, 0]))
    return (
        f'#{entity.id} {entity.shape:8} rgb ({c.r:.2f} {c.g:.2f} {c.b:.2f})  '
        f'x {1000 * p.x:4.0f}  y {1000 * p.y:+4.0f}  z {1000 * p.z:3.0f} mm  '
        f'(± {deviation:.1f} mm)'
    )


def goal_text(goal: ConceptGoal) -> str:
    """Describe a goal: its energies, and what is moved where."""
    moved = ', '.join(
        f'#{i} to x {1000 * t.x:.0f} y {1000 * t.y:+.0f} mm'
        for i, t in zip(goal.entities, goal.targets)
        if i in goal.moved
    )
    return (
        f'goal: energy {goal.initial_energy:.4f} -> {goal.target_energy:.4f} '
        f'by moving {moved or "nothing"}'
    )


def status_text(status: ConceptStatus) -> str:
    """Describe a status: phase, energy, planning time, and what it says itself."""
    is_planned = not np.isnan(status.plan_time)
    plan = f'plan {1000 * status.plan_time:5.1f} ms  ' if is_planned else ''
    return f'{status.phase:10} energy {status.energy:8.4f}  {plan}{status.text}'
