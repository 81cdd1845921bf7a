"""The tool between two points: this package's planner beside judo's optimizers, in one run.

Arm, table, start, points, energy, cost, control period and duration are the same; so is the judge.
judo runs in an environment of its own (`judo_interpreter`), on the scene as MuJoCo writes it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.control.page import JUDO_COLUMNS, draw_judo
from concept_control.benchmarks.control.tool_between import (
    DURATION,
    ToolCase,
    ToolPath,
    judge_tool,
    play_tool,
    straight_path,
    summarise_tool,
    tool_scene,
)
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ServoDynamics
from concept_control.control.costs.arm_cost import CostWeights
from concept_control.control.skills.task_view import TaskConfig
from concept_control.errors import ConceptControlError, MissingDependencyError
from concept_control.reports.report import Report
from concept_control.simulation.closed_loop import LoopConfig
from concept_control.simulation.scene import Scene

REQUIREMENTS = ('judo-rai==0.1.0', 'mujoco==3.6.0')
"""judo wants a MuJoCo older than this package does, so the two cannot share an environment."""

INSTALL_TIMEOUT = 1200.0
"""Longest time for an installation [s]; some 300 MB are downloaded."""

_LEAKS = ('_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'PYTHONHOME')


def default_folder() -> Path:
    """Return where the environment is kept."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(cache) / 'concept_control' / 'judo'


def other_environment() -> dict[str, str]:
    """Return the environment variables for another Python, without those meant for this one."""
    return {name: value for name, value in os.environ.items() if name not in _LEAKS}


def judo_interpreter(
    folder: Path | None = None, requirements: tuple[str, ...] = REQUIREMENTS
) -> Path:
    """Return a Python that can import judo; the first time it is installed.

    Args:
        folder: Folder of the virtual environment; None for `default_folder()`. One that was made
            for other requirements is replaced.
        requirements: Packages to install, as pip reads them.

    Raises:
        MissingDependencyError: If it could not be made; the text says why.
    """
    folder = default_folder() if folder is None else folder
    python = folder / ('Scripts' if os.name == 'nt' else 'bin') / 'python'
    made_for = folder / 'requirements.txt'
    wanted = '\n'.join(requirements) + '\n'
    if made_for.is_file() and made_for.read_text() == wanted and python.is_file():
        return python
    pip = ('-m', 'pip', '--disable-pip-version-check', '--no-input')
    new = 'venv', '--clear', str(folder)
    _run(f'making a virtual environment in {folder}', sys.executable, '-m', *new)
    _run('installing judo (once)', str(python), *pip, 'install', '--quiet', *requirements)
    _run('importing judo', str(python), '-I', '-c', 'import judo.controller')
    made_for.write_text(wanted)  # last, so that a broken installation is not taken for a whole one
    return python


def _run(what: str, *command: str) -> None:
    print(f'{what} …', file=sys.stderr)
    try:
        subprocess.run(
            command,
            env=other_environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or '').strip().splitlines()
        raise MissingDependencyError(
            f'{what} failed: {said[-1] if said else f"exit code {error.returncode}"}'
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependencyError(f'{what} failed: {error}') from error


PEER = Path(__file__).parent / 'judo_peer.py'
"""What judo's interpreter runs."""


def _method(
    optimizer: str, horizon: float = 0.4, rounds: int = 1, **set_: float
) -> dict[str, Any]:
    """Return one of judo's optimizers with a linear spline over a horizon [s]."""
    controller: dict[str, Any] = {'horizon': horizon, 'spline_order': 'linear'}
    if rounds > 1:
        controller['max_opt_iters'] = rounds
    settings = {'num_rollouts': 64, 'num_nodes': 2, **set_}
    return {'optimizer': optimizer, 'controller': controller, 'settings': settings}


METHODS: dict[str, dict[str, Any]] = {
    'judo CEM': _method('cem', num_elites=4, sigma_min=0.035, sigma_max=0.2),
    'judo MPPI': _method('mppi', sigma=0.06, temperature=0.03),
    'judo predictive sampling': _method('ps', 0.5, sigma=0.045),
    'judo MPPI, 3 rounds a plan': _method('mppi', rounds=3, sigma=0.06, temperature=0.03),
}
"""judo's optimizers and what is set of them; all else has judo's defaults.

The best of some 50 settings each, drawn at random and then by hand, on pairs of points that the
benchmark does not use: horizon, knots, spline, noise and its ramp, elites, temperature, and servos
from soft to those of judo's own arm. The last one has more time than there is.
"""

CONDITIONS = (
    'Arm, table, start, points, cost, control period and duration are the same for all; the clock '
    "stands still while a plan is made. judo's optimizers search positions of joint servos as "
    "soft as those through which the package's own sampling planners search: noise on torques "
    'mostly shakes an arm. Their splines are followed at once, our plans 4 ms late. 64 rollouts '
    'are about what one core does in a control period of 20 ms; three rounds of them take longer. '
    'Speed and acceleration are the largest shares of the limits of any joint in any episode.'
)

LIMIT = 'no controller: limits alone'
"""The row of `straight_path`."""

GOALS = {'integral': 3.0, 'final_mm': 10.0}
"""How many times lower than judo's best the package's own shall be."""


class PeerError(ConceptControlError):
    """The other interpreter ended without its results."""


def judo_section(arm_name: str, planner: str, seeds: int, report: Report) -> dict[str, Any]:
    """Run the comparison, and tell it in a report.

    Returns:
        `rows`, one a method with its `runs`; `ratios` of judo's best to ours and a `sentence` on
        them; `curves` of the median error [m]; `settings`, `requirements` and `goals`. Or
        `skipped`: why there is nothing.
    """
    report.heading(f'the tool between two points beside judo, {seeds} pairs, {DURATION:.0f} s')
    try:
        with tqdm(
            total=0, desc='environment for judo', bar_format='{desc} {elapsed}', leave=False
        ):
            python = judo_interpreter()
    except MissingDependencyError as error:
        report.say(f'skipped: {error}', is_note=True)
        return {'skipped': str(error)}
    scene = tool_scene(arm_name)
    cases = [ToolCase.draw(scene.arm, seed) for seed in range(seeds)]
    ours = f'ours, {planner}'
    paths: dict[str, list[ToolPath]] = {name: [] for name in (ours, *METHODS)}
    for case in tqdm(cases, desc=ours, unit='episode', file=sys.stderr, leave=False):
        paths[ours].append(play_tool(arm_name, planner, case))
    total = len(cases) * len(METHODS)
    peer = peer_paths(python, peer_problem(scene, cases), scene.xml())
    for name, path in tqdm(peer, desc='judo', total=total, unit='episode', leave=False):
        paths[name].append(path)
    section = compare(paths, cases, scene.arm)
    report.table(JUDO_COLUMNS, section['rows'])
    report.say(section['sentence'])
    report.show(draw_judo, section)
    report.say(section['conditions'])
    settings = [{'method': name, 'text': text} for name, text in section['settings'].items()]
    report.table({'method': '{method}', 'settings; all else as judo has it': '{text}'}, settings)
    return section


def peer_problem(scene: Scene, cases: list[ToolCase]) -> dict[str, Any]:
    """Return all that the other interpreter must know, but for the model."""
    arm, servos = scene.arm, ServoDynamics(scene.arm)
    return {
        'joints': list(arm.joints),
        'site': arm.tool_site,
        'home': arm.home.tolist(),
        'stiffness': servos.stiffness.tolist(),
        'damping': servos.damping.tolist(),
        'limits': {
            'position': arm.position_limits.tolist(),
            'velocity': arm.velocity_limits.tolist(),
            'acceleration': arm.acceleration_limits.tolist(),
        },
        'fence': {
            'center': arm.workspace.center,
            'rotation': arm.workspace.rotation.tolist(),
            'half_extent': arm.workspace.half_extent,
        },
        'timestep': scene.config.timestep,
        'period': LoopConfig().control_period,
        'duration': DURATION,
        'height': TaskConfig().tool_height,
        'weights': asdict(CostWeights()),
        'cases': [{'seed': case.seed, 'target': case.middle.tolist()} for case in cases],
        'methods': [{'name': name, **method} for name, method in METHODS.items()],
    }


def peer_paths(
    python: Path, problem: dict[str, Any], model: str
) -> Iterator[tuple[str, ToolPath]]:
    """Run a problem in the other interpreter; yield methods and paths, cases in their order.

    Args:
        python: Interpreter that can import judo.
        problem: Problem from `peer_problem`.
        model: MJCF of the scene.

    Raises:
        PeerError: If it fails or returns too little.
    """
    remaining = len(problem['cases']) * len(problem['methods'])
    with tempfile.TemporaryDirectory() as folder:
        model_file, errors = Path(folder) / 'scene.xml', Path(folder) / 'errors'
        model_file.write_text(model)
        problem_file = Path(folder) / 'problem.json'
        problem_file.write_text(json.dumps({**problem, 'model': str(model_file)}))
        with (
            errors.open('w') as complaints,
            subprocess.Popen(
                [str(python), '-I', str(PEER), str(problem_file)],
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env=other_environment(),
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                episode = json.loads(line)
                remaining -= 1
                parts = (np.array(episode[name]) for name in ('tool', 'velocities', 'plan_times'))
                yield episode['method'], ToolPath(problem['period'], *parts)
        if process.returncode or remaining:
            said = errors.read_text().strip().splitlines()
            raise PeerError(
                f'{python} ended with exit code {process.returncode}, {remaining} episodes '
                f'missing: {said[-1] if said else "it said nothing"}; if its environment is '
                f'broken, delete {Path(python).parent.parent} to have it made anew'
            )


def compare(
    paths: dict[str, list[ToolPath]], cases: list[ToolCase], arm: ArmDescription
) -> dict[str, Any]:
    """Judge every path alike, and what the limits allow; the first method is ours."""
    rows: list[dict[str, Any]] = []
    curves = {}
    period = next(iter(paths.values()))[0].period
    paths = {**paths, LIMIT: [straight_path(arm, case, period) for case in cases]}
    for name, its_paths in paths.items():
        runs = [judge_tool(path, case, arm) for path, case in zip(its_paths, cases)]
        rows.append({'method': name, **summarise_tool(runs), 'runs': runs})
        errors = [path.errors(case) for path, case in zip(its_paths, cases)]
        curves[name] = np.median(errors, axis=0).tolist()
    ours, *judo, limit = rows
    ratios = {key: min(row[key] for row in judo) / ours[key] for key in GOALS}
    gain = ours['integral'] / limit['integral']
    return {
        'rows': rows,
        'ratios': ratios,
        'sentence': sentence_of(ratios, gain),
        'goals': GOALS,
        'period': period,
        'curves': curves,
        'requirements': REQUIREMENTS,
        'conditions': CONDITIONS,
        'settings': {name: _settings_text(method) for name, method in METHODS.items()},
    }


def _settings_text(method: dict[str, Any]) -> str:
    settings = {**method['controller'], **method['settings']}
    return ', '.join(f'{name} {value}' for name, value in settings.items())


def sentence_of(ratios: dict[str, float], gain: float) -> str:
    """Say how much lower ours are than judo's best, and what the arm's limits would allow."""
    return (
        f"judo's best final error is {ratios['final_mm']:.1f} times ours (goal: "
        f'{GOALS["final_mm"]:.0f}), its best integral of E {ratios["integral"]:.2f} times '
        f'(goal: {GOALS["integral"]:.0f}); ours is {gain:.2f} times that of a motion straight in '
        'joint space at the limits of speed and acceleration'
    )
