"""One demonstration run: wait for the graph, command, follow, judge, report."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import ConceptControlError, UnknownConceptError
from concept_control.interfaces.decoding import match_ids
from concept_control.language.expression import Expression, parse, uses_tool
from concept_control.language.judge import Judge, Verdict
from concept_control.msg import ConceptStatus, EntityArray
from concept_control.reports.json_file import write_json
from concept_control.reports.run_film import draw_run
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge.outcomes import ENDINGS
from concept_control.ros.client.monitor import GraphState, Monitor, pixels
from concept_control.ros.runtime.process_graph import Graph
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop

START_TIMEOUT = 90.0
"""Seconds the nodes get to come up: importing torch alone takes several on a small machine."""


class Interrupted(Exception):  # noqa: N818  (not an error: somebody pressed Ctrl-C)
    """Somebody asked the demonstration to end."""


class DemoRun:
    """One demonstration, from the first message to the verdict."""

    def __init__(
        self,
        args: argparse.Namespace,
        expression: Expression,
        heard: GraphState,
        monitor: Monitor,
        graph: Graph,
        interrupted: threading.Event,
    ) -> None:
        self.args, self.expression, self.heard = args, expression, heard
        self.judged = parse(args.judge) if args.judge else expression
        self.monitor, self.graph, self.interrupted = monitor, graph, interrupted
        self.workspace = ArmDescription.load(args.arm).workspace
        self.started = time.monotonic()

    def conduct(self) -> int:
        """Wait for the graph, give the command, follow it, judge, draw."""
        self._wait_for_graph()
        truth = self.heard.truth
        assert truth is not None and self.heard.entities is not None
        renamed = match_ids(self.heard.entities, truth)
        judge = self._judge(self._true_scene(truth, renamed))
        before = self._pictures()
        verdict = judge(self._true_scene(truth, renamed))
        say(f'before: the predicate {words(verdict, self.workspace.half_extent)}')
        command_time = convert.seconds(truth.header.stamp)
        self.heard.statuses.clear()
        self.monitor.command(str(self.expression), self.args.seed)
        say(f'command: {self.expression}')
        ending = self._follow(command_time)

        truth = self.heard.truth
        assert truth is not None
        elapsed = convert.seconds(truth.header.stamp) - command_time
        verdict = judge(self._true_scene(truth, renamed))
        picture = self.args.output / 'demo.png'
        after = self._pictures()
        series = [s for s in self.heard.statuses if s.goal_id]
        draw_run(
            picture,
            title=f'{self.expression}, seed {self.args.seed}',
            before=before,
            after=after,
            times=[convert.seconds(s.header.stamp) - command_time for s in series],
            energies=[s.energy for s in series],
            phases=[s.phase for s in series],
        )
        numbers = self._numbers(verdict, ending, elapsed)
        if self.args.json:
            write_json(self.args.json, numbers)
        self._report(verdict, ending, elapsed, numbers, picture)
        return 0 if verdict.holds else 1

    def _judge(self, scene: Tabletop) -> Judge:
        tolerance = float(self.workspace.length_to_workspace(self.args.tolerance / 1000.0))
        try:
            return Judge(self.judged, scene, tolerance)
        except UnknownConceptError as error:
            raise UnknownConceptError(
                f'{error}. Where the word was taught, say with --judge what shall hold in the end'
            ) from error

    def _wait_for_graph(self) -> None:
        """Wait until every part speaks; show which one is still missing."""
        wanted = len([c for c in self.args.blocks.split(',') if c.strip()])
        stable_since: float | None = None

        def entities_stand_still() -> bool:
            nonlocal stable_since
            blocks = [
                e
                for e in (self.heard.entities.entities if self.heard.entities else ())
                if e.id != TOOL_ID
            ]
            if len(blocks) != wanted:
                stable_since = None
                return False
            stable_since = stable_since or time.monotonic()
            return time.monotonic() - stable_since > 0.5

        is_arm = self.args.world == 'arm'
        cameras = [('camera', lambda: self.heard.image is not None)] if is_arm else []
        parts: list[tuple[str, Callable[[], bool]]] = [
            ('simulation', lambda: self.heard.truth is not None),
            *cameras,
            ('view', lambda: self.heard.view is not None),
            (f'{wanted} entities', entities_stand_still),
            ('concepts', lambda: self.heard.library is not None),
            ('concept model', lambda: self.monitor.is_connected),
            ('controller', lambda: any(s.source != 'concept_model' for s in self.heard.statuses)),
        ]
        deadline = time.monotonic() + START_TIMEOUT
        with tqdm(
            total=len(parts),
            desc='waiting for',
            leave=False,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        ) as bar:
            for name, is_there in parts:
                bar.set_postfix_str(name)
                while not is_there():
                    self._watch()
                    if time.monotonic() > deadline:
                        seen = self.heard.entities.entities if self.heard.entities else []
                        raise ConceptControlError(
                            f'the graph did not come up within {START_TIMEOUT:g} s: still waiting '
                            f'for {name} ({len(seen)} entities seen); see the logs in '
                            f'{self.graph.log_path("arm_simulator").parent}'
                        )
                    time.sleep(0.05)
                bar.update()
        if self.monitor.count_publishers('ground_truth') > 1:
            raise ConceptControlError(
                'another demonstration runs in the same ROS domain; end it, or give this one '
                'another ROS_DOMAIN_ID'
            )
        library = self.heard.library
        assert library is not None
        codes = {c.name: c for c in library.concepts}
        say(
            f'learned {len(codes)} concepts from {library.concepts[0].num_demonstrations} '
            f'particle demonstrations each: {", ".join(codes)}'
        )
        if is_arm:
            say('camera: ' + self._log_line('arm_simulator', 'camera: '))
        for entity in self.heard.entities.entities if self.heard.entities else ():
            if entity.id == TOOL_ID:
                continue
            c, p = entity.color, entity.position
            deviation = 1000 * float(np.sqrt(np.asarray(entity.covariance).reshape(3, 3)[0, 0]))
            say(
                f'seen: #{entity.id} {entity.shape:8} rgb ({c.r:.2f} {c.g:.2f} {c.b:.2f})  '
                f'x {1000 * p.x:4.0f}  y {1000 * p.y:+4.0f}  z {1000 * p.z:3.0f} mm  '
                f'(± {deviation:.1f} mm)'
            )

    def _follow(self, command_time: float) -> str:
        """Print what happens until it ends; return how it ended."""
        printed = 0
        phase, last_line = '', -1.0
        goal_shown = False
        while True:
            self._watch()
            goal = self.heard.goal
            if goal is not None and not goal_shown and goal.terms:
                goal_shown = True
                moved = ', '.join(
                    f'#{i} to x {1000 * t.x:.0f} y {1000 * t.y:+.0f} mm'
                    for i, t in zip(goal.entities, goal.targets)
                    if i in goal.moved
                )
                say(
                    f'goal: energy {goal.initial_energy:.4f} -> {goal.target_energy:.4f} '
                    f'by moving {moved or "nothing"}'
                )
            statuses = self.heard.statuses
            while printed < len(statuses):
                status = statuses[printed]
                printed += 1
                now = convert.seconds(status.header.stamp) - command_time
                if status.status == ConceptStatus.REFUSED and status.phase != 'teach':
                    say(f'refused: {status.text}')
                    return 'refused'
                if status.source == 'concept_model' or not status.goal_id:
                    continue
                if status.phase != phase or now - last_line >= 1.0:
                    phase, last_line = status.phase, now
                    say(
                        f'{now:6.2f} s  {status.phase:10} energy {status.energy:8.4f}  '
                        + ('' if np.isnan(status.plan_time) else plan_words(status.plan_time))
                        + status.text
                    )
                if status.status in ENDINGS:
                    return ENDINGS[status.status]
            truth = self.heard.truth
            assert truth is not None
            if convert.seconds(truth.header.stamp) - command_time > self.args.duration:
                return 'time is up'
            time.sleep(0.02)

    def _pictures(self) -> list[np.ndarray]:
        """Return what the onlooker and the camera see now."""
        views = (self.heard.view, self.heard.image)
        return [pixels(message) for message in views if message is not None]

    def _watch(self) -> None:
        if self.interrupted.is_set():
            raise Interrupted
        self.graph.check()

    def _true_scene(self, truth: EntityArray, renamed: dict[int, int]) -> Tabletop:
        states = convert.entity_states(truth, truth.header.frame_id)
        scene = Tabletop.from_entities(
            {renamed[i]: state for i, state in states.items()}, self.workspace
        )
        return scene if uses_tool(self.judged) else scene.without_tool()

    def _log_line(self, executable: str, mark: str) -> str:
        for line in self.graph.log_path(executable).read_text(errors='replace').splitlines():
            if mark in line:
                return line.split(mark, 1)[1]
        return 'unknown'

    def _numbers(self, verdict: Verdict, ending: str, elapsed: float) -> dict[str, Any]:
        last = next(
            (s for s in reversed(self.heard.statuses) if s.source == 'mpc_controller'), None
        )
        return {
            'expression': str(self.expression),
            'judged': str(self.judged),
            'seed': self.args.seed,
            'holds': verdict.holds,
            'error_mm': 1000 * float(self.workspace.length_to_world(verdict.error)),
            'tolerance_mm': self.args.tolerance,
            'ending': ending,
            'simulated_s': elapsed,
            'wall_s': time.monotonic() - self.started,
            'plan_time_p50_ms': 1000 * last.plan_time_p50 if last else None,
            'plan_time_p99_ms': 1000 * last.plan_time_p99 if last else None,
            'num_plans': int(last.num_plans) if last else 0,
            'missed_deadlines': int(last.missed_deadlines) if last else 0,
            'final_energy': last.energy if last else None,
            'world': self.args.world,
            'camera': self._log_line('arm_simulator', 'camera: ')
            if self.args.world == 'arm'
            else None,
        }

    def _report(
        self,
        verdict: Verdict,
        ending: str,
        elapsed: float,
        numbers: dict[str, Any],
        picture: Path,
    ) -> None:
        if numbers['num_plans']:
            say(
                f'{numbers["num_plans"]} plans: {numbers["plan_time_p50_ms"]:.1f} ms median, '
                f'{numbers["plan_time_p99_ms"]:.1f} ms p99, '
                f'{numbers["missed_deadlines"]} missed deadlines'
            )
        say(f'picture: {picture}' + (f', film: {self.args.video}' if self.args.video else ''))
        say(
            f'RESULT: {"SUCCESS" if verdict.holds else "FAILURE"}: {self.judged} '
            f'{words(verdict, self.workspace.half_extent)} '
            f'after {elapsed:.1f} simulated seconds ({ending})'
        )


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def plan_words(seconds: float) -> str:
    """Describe a planning time."""
    return f'plan {1000 * seconds:5.1f} ms  '


def words(verdict: Verdict, half_extent: float) -> str:
    """Describe a verdict: "holds, 3.1 mm off (tolerance 15 mm)"."""
    millimetres = 1000 * half_extent
    error = '' if np.isnan(verdict.error) else f', {millimetres * verdict.error:.1f} mm off'
    return (
        f'{"holds" if verdict.holds else "does not hold"}{error} '
        f'(tolerance {millimetres * verdict.tolerance:.0f} mm)'
    )
