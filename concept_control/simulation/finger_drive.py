"""The fingers of a parallel gripper in simulation: slides, their drive, and what they touch."""

from __future__ import annotations

import mujoco
import numpy as np

from concept_control.control.arm.arm_model import OWN
from concept_control.control.arm.fingers import FINGERS, Fingers

STIFFNESS, DAMPING = 2000.0, 150.0
"""Gains of a finger's drive [N/m, N s/m]: it moves at its force over the damping, 0.1 m/s."""

ROTOR_MASS = 0.5
"""Inertia of a finger's motor behind its gears [kg]; with light fingers contacts would be soft."""

FRICTION_STIFFNESS = 10.0
"""Stiffness of friction relative to that of contacts: with less, what is held creeps."""


def add_slides(spec: mujoco.MjSpec, fingers: Fingers) -> None:
    """Let the fingers of an arm's specification move, both as far, driven by their force."""
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = FRICTION_STIFFNESS
    for name, inwards in zip(FINGERS, (-1.0, 1.0)):
        joint = spec.body(name).add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[inwards, 0.0, 0.0],
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
            range=[0.0, fingers.opening / 2],
            damping=DAMPING,
            armature=ROTOR_MASS,
        )
        drive = spec.add_actuator(name=name, target=joint.name)
        drive.trntype = mujoco.mjtTrn.mjTRN_JOINT
        drive.set_to_position(STIFFNESS)
        drive.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
        drive.forcerange = [-fingers.force, fingers.force]
    both = spec.add_equality(name=f'{OWN}fingers')
    both.type = mujoco.mjtEq.mjEQ_JOINT
    both.objtype = mujoco.mjtObj.mjOBJ_JOINT
    both.name1, both.name2 = FINGERS
    both.data[:5] = [0.0, 1.0, 0.0, 0.0, 0.0]


class FingerDrive:
    """Opens and closes the fingers of a simulated world, and tells what they touch.

    Attributes:
        wanted: Distance between the fingers that is asked for [m].
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, fingers: Fingers) -> None:
        self._data, self._fingers = data, fingers
        self._joints = [model.joint(name).qposadr[0] for name in FINGERS]
        self._drives = [model.actuator(name).id for name in FINGERS]
        self._geoms = [model.geom(name).id for name in FINGERS]
        self.wanted = fingers.opening

    @property
    def opening(self) -> float:
        """Distance between the fingers [m]."""
        return float(self._fingers.opening - self._data.qpos[self._joints].sum())

    def move(self, opening: float) -> None:
        """Open or close to a distance [m], as far as the force allows."""
        self.wanted = float(np.clip(opening, 0.0, self._fingers.opening))
        self._data.ctrl[self._drives] = (self._fingers.opening - self.wanted) / 2

    def pinched(self) -> set[int]:
        """Return the geoms that both fingers touch while they close."""
        if self.wanted > self.opening:
            return set()
        pairs = self._data.contact.geom
        first, second = (set(pairs[:, ::-1][pairs == geom].tolist()) for geom in self._geoms)
        return first & second
