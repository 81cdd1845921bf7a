"""Health of the controller: planning times, ages of its inputs, every fallback by name.

Threading: any thread; one lock guards what is counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

import numpy as np

from concept_control.control.controller import ControlOutput
from concept_control.msg import ConceptStatus
from concept_control.ros.runtime.diagnostics import Refusals, Report

NUM_PLANS_KEPT = 60_000
"""Number of planning times that are kept: twenty minutes at 50 Hz."""

JOINTS = 'joint states'
"""Kind of the inputs without which the arm must hold."""

RECENT = 50
"""Number of recent plans that the warning about missed deadlines looks back at."""

MISSED_SHARE = 0.1
"""Share of late plans among the recent ones above which there is a warning."""


class ControlHealth:
    """Collects what diagnostics and status messages report.

    Attributes:
        entities_age: Age of the entities by the stamps [s]; NaN before the first.
        rivals: Sentence on who else commands the arm; empty for nobody.
        fault: Sentence on why the arm holds though its joint states are credible; empty if not.
        foreign: Clause on joint states that are none of the arm's; empty for none.
        assumptions: Sentences on what was made up for the arm's driver.
    """

    def __init__(self) -> None:
        self.entities_age = float('nan')
        self.rivals = self.foreign = self.fault = ''
        self.assumptions: list[str] = []
        self._lock = threading.Lock()
        self._of_goal: list[float] = []
        self._missed_of_goal = 0
        self._all: deque[float] = deque(maxlen=NUM_PLANS_KEPT)
        self._missed = 0
        self._were_late: deque[bool] = deque(maxlen=RECENT)
        self._fallbacks: Counter[str] = Counter()
        self._born, self._joints_heard = time.monotonic(), -np.inf
        self._refusals = Refusals()
        self._output: ControlOutput | None = None

    def begin_goal(self) -> None:
        """Start counting a goal's plans."""
        with self._lock:
            self._of_goal, self._missed_of_goal = [], 0

    def joints_heard(self) -> None:
        """Note that a joint state has come, by the machine's own clock."""
        self._joints_heard = time.monotonic()

    def refused(self, what: str, reason: str) -> None:
        """Note that an input was refused; `what` is its kind, of which there are few."""
        self.fallback(f'{what} refused')
        self._refusals.note(what, reason)

    def fallback(self, name: str) -> None:
        """Count a fallback: something else than planned was done."""
        # Numbers in a reason would make every one of them another kind.
        kind = ''.join('#' if c.isdigit() else c for c in name)
        with self._lock:
            self._fallbacks[kind] += 1

    def note(self, output: ControlOutput, period: float) -> None:
        """Note what one control period brought; `period` [s] is its deadline."""
        for what in filter(None, (output.guard, output.slowed)):
            self.fallback(what)
        with self._lock:
            self._output = output
            if not np.isfinite(output.solve_time):
                return
            is_late = output.solve_time > period
            self._of_goal.append(output.solve_time)
            self._all.append(output.solve_time)
            self._were_late.append(is_late)
            self._missed_of_goal += is_late
            self._missed += is_late

    @property
    def silence(self) -> float:
        """Seconds since the last joint state, infinite before the first."""
        return time.monotonic() - self._joints_heard

    @property
    def age(self) -> float:
        """Seconds since the node has listened."""
        return time.monotonic() - self._born

    @property
    def why_silent(self) -> str:
        """Sentence on the silence of the joint states, with the last refusal."""
        silence, refusal = self.silence, self._refusals.of(JOINTS)
        is_first = silence == float('inf')
        sentence = (
            'no joint states yet' if is_first else f'joint states stopped {silence:.1f} s ago'
        )
        why = f'the last one was refused: {refusal}' if refusal else self.foreign
        return f'{sentence}; {why}' if why else sentence

    def fill(self, message: ConceptStatus) -> None:
        """Write the present goal's planning times into a status."""
        with self._lock:
            if self._of_goal:
                p50, p95, p99 = np.percentile(self._of_goal, [50, 95, 99])
                message.plan_time_p50, message.plan_time_p95 = float(p50), float(p95)
                message.plan_time_p99 = float(p99)
            message.num_plans = len(self._of_goal)
            message.missed_deadlines = int(self._missed_of_goal)

    def report(self, state: str, joints_timeout: float) -> Report:
        """Sum up for `/diagnostics`.

        Args:
            state: State of the node's life cycle.
            joints_timeout: Silence of the joint states that is an error [s].
        """
        with self._lock:
            output, missed, late = self._output, self._missed, list(self._were_late)
            plan_times, fallbacks = list(self._all), self._fallbacks.most_common()
        silence = self.silence
        values: dict[str, object] = {
            'state': state,
            'joint states age [s]': f'{silence:.3f}',
            'entities age [s]': f'{self.entities_age:.3f}',
            'plans': len(plan_times),
            'missed deadlines': missed,
        }
        if plan_times:
            times = 1e3 * np.percentile(plan_times, [50, 95, 99, 100])
            for name, value in zip(('p50', 'p95', 'p99', 'worst'), times):
                values[f'plan time {name} [ms]'] = f'{value:.2f}'
        if output is not None:
            values |= {
                'status': str(output.status),
                'phase': output.phase,
                'energy': f'{output.energy:.6g}',
                'text': output.text,
            }
        values |= {f'assumption {i}': text for i, text in enumerate(self.assumptions, 1)}
        values |= {f'fallback: {name}': count for name, count in fallbacks}
        error, warnings = '', [str(self._refusals)]
        if why := self.rivals or self.fault or (self._refusals.of(JOINTS) and f'{JOINTS} refused'):
            error = f'the arm holds: {why}'
        elif silence > joints_timeout:
            error = f'{self.why_silent}: no plans are sent'
        if output is not None and output.guard:
            warnings.append(output.guard)
        elif sum(late) > MISSED_SHARE * RECENT:
            warnings.append(f'{sum(late)} of the last {len(late)} plans came late')
        return Report(values, '; '.join(filter(None, warnings)), error)
