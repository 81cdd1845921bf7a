"""Planners by name, each with the dynamics and the settings that suit an arm."""

from __future__ import annotations

from collections.abc import Callable

from concept_control.control.arm import ArmDescription
from concept_control.control.cem import Cem, CemConfig
from concept_control.control.dynamics import ArmDynamics, ServoDynamics
from concept_control.control.ilqg import Ilqg, IlqgConfig
from concept_control.control.mppi import Mppi, MppiConfig
from concept_control.control.planner import Dynamics, Planner
from concept_control.control.predictive_sampling import PredictiveSampling
from concept_control.control.sampling import SamplingConfig
from concept_control.errors import CommandError

PLANNERS: dict[str, Callable[[Dynamics], Planner]] = {
    'ilqg': lambda dynamics: Ilqg(dynamics, IlqgConfig()),
    'mppi': lambda dynamics: Mppi(dynamics, MppiConfig()),
    'cem': lambda dynamics: Cem(dynamics, CemConfig()),
    'predictive_sampling': lambda dynamics: PredictiveSampling(dynamics, SamplingConfig()),
}
"""Planners with their default settings, for any dynamics."""


def arm_planner(name: str, arm: ArmDescription) -> tuple[Planner, ArmDynamics]:
    """Build a planner for an arm; return it with its dynamics, for payloads.

    Raises:
        CommandError: for an unknown name.
    """
    if name not in PLANNERS:
        raise CommandError(f'unknown planner {name!r}; there are {", ".join(PLANNERS)}')
    dynamics = ArmDynamics(arm) if name == 'ilqg' else ServoDynamics(arm)
    return PLANNERS[name](dynamics), dynamics
