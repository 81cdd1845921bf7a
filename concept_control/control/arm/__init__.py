"""The arm: its description, kinematics, dynamics, inverse kinematics and clearance."""

from concept_control.control.arm.description import ArmDescription, arm_names

__all__ = ['ArmDescription', 'arm_names']
