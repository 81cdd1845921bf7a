"""What listens to the graph and commands it from outside.

`commander` gives commands from a Python program, `monitor` keeps the latest message of every
kind, `recorder` writes bags (it needs rosbags) and `stroke_recorder` records what somebody draws.
"""

from concept_control.ros.client.commander import (
    CommanderError,
    CommandResult,
    ConceptCommander,
    Outcome,
    Progress,
)

__all__ = ['CommandResult', 'CommanderError', 'ConceptCommander', 'Outcome', 'Progress']
