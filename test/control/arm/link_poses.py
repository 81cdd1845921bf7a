"""The frames of an arm, put together as a listener to TF does."""

import numpy as np


def link_poses(links, q):
    """Return position and rotation of every frame in the fixed one, by name."""
    found = {links.frame: (np.zeros(3), np.eye(3))}
    waiting = [*links.moving(q), *links.fixed]
    while waiting:
        pose = waiting.pop(0)
        if pose.parent not in found:
            waiting.append(pose)
            continue
        origin, turn = found[pose.parent]
        found[pose.child] = (
            origin + turn @ pose.position,
            turn @ pose.rotation.as_matrix(),
        )
    return found
