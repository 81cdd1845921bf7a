"""What of a bag can be made again by playing it through the nodes."""

from __future__ import annotations

from pathlib import Path

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.interfaces.constants import CommandKind, GoalKind


def goals_without_command(path: Path, namespace: str = '') -> list[str]:
    """Return the expressions of goals whose commands were not recorded, each once.

    Commands by action are published on `concept_command` too, but not by earlier versions.

    Args:
        path: Bag.
        namespace: Namespace of the robot; empty for the only one.

    Raises:
        BagError: if it cannot be read, or holds nothing of this package.
    """
    commands: set[str] = set()
    goals: dict[str, str] = {}
    with Bag(path) as bag:
        wanted = (topic.ENTITIES, topic.GOAL, topic.COMMAND)
        specs = topic.find_topics(bag, wanted, namespace or None).specs
        for name, _, message in bag.messages({n for n, s in specs.items() if s in wanted[1:]}):
            if specs[name] is topic.COMMAND and message.command == CommandKind.ACHIEVE:
                commands |= {message.command_id or message.expression}
            elif specs[name] is topic.GOAL and message.command == GoalKind.ACHIEVE:
                goals[message.command_id or message.expression] = message.expression
    return list(dict.fromkeys(text for id_, text in goals.items() if id_ not in commands))
