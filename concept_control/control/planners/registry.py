"""Planners by name, each with the dynamics and the settings that suit an arm."""

from __future__ import annotations

from dataclasses import fields

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics, MujocoDynamics, ServoDynamics
from concept_control.control.planners.ilqg import Ilqg, IlqgConfig
from concept_control.control.planners.interface import Planner
from concept_control.control.planners.sampling import (
    Cem,
    CemConfig,
    Mppi,
    MppiConfig,
    PredictiveSampling,
    SamplingConfig,
)
from concept_control.errors import CommandError

PLANNERS: dict[str, tuple[type, type]] = {
    'ilqg': (Ilqg, IlqgConfig),
    'mppi': (Mppi, MppiConfig),
    'cem': (Cem, CemConfig),
    'predictive_sampling': (PredictiveSampling, SamplingConfig),
}
"""Classes of planners and of their settings, whose defaults suit arms."""


def make_planner(name: str, dynamics: MujocoDynamics, **settings: object) -> Planner:
    """Build a planner for any dynamics.

    Args:
        name: Planner, a name among `PLANNERS`.
        dynamics: Dynamics to plan through.
        settings: Settings other than the defaults; those the planner does not have are left out,
            so that one set can serve all planners.

    Raises:
        CommandError: for an unknown name.
    """
    if name not in PLANNERS:
        raise CommandError(f'unknown planner {name!r}; there are {", ".join(PLANNERS)}')
    planner, config = PLANNERS[name]
    known = {field.name for field in fields(config)}
    return planner(dynamics, config(**{k: v for k, v in settings.items() if k in known}))


def arm_planner(name: str, arm: ArmDescription) -> tuple[Planner, ArmDynamics]:
    """Build a planner for an arm; return it with its dynamics, for payloads.

    Raises:
        CommandError: for an unknown name.
    """
    dynamics = ArmDynamics(arm) if name == 'ilqg' else ServoDynamics(arm)
    return make_planner(name, dynamics), dynamics
