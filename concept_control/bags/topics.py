"""Which topics of a bag mean what, whatever their namespace."""

from __future__ import annotations

from dataclasses import dataclass, field

from concept_control.bags.reader import Bag
from concept_control.errors import BagError


@dataclass(frozen=True)
class Role:
    """What a topic is for.

    Attributes:
        name: of the topic, relative to the namespace.
        type: of its messages.
        fields: that are read of a message; a bag of another version may lack some.
    """

    name: str
    type: str
    fields: tuple[str, ...] = ()


_STATUS_FIELDS = (
    *('header', 'goal_id', 'status', 'source', 'phase', 'expression', 'text', 'energy'),
    *('entities', 'attention', 'plan_time', 'plan_time_p50', 'plan_time_p99', 'num_plans'),
    'missed_deadlines',
)
_GOAL_FIELDS = (
    *('header', 'goal_id', 'command', 'expression', 'model', 'terms', 'entities', 'movable'),
    *('moved', 'before', 'targets', 'initial_energy', 'target_energy'),
)

ENTITIES = Role('entities', 'concept_control/msg/EntityArray', ('header', 'entities'))
TRUTH = Role('ground_truth', 'concept_control/msg/EntityArray', ('header', 'entities'))
STATUS = Role('concept_status', 'concept_control/msg/ConceptStatus', _STATUS_FIELDS)
GOAL = Role('concept_goal', 'concept_control/msg/ConceptGoal', _GOAL_FIELDS)
COMMAND = Role('concept_command', 'concept_control/msg/ConceptCommand')
LIBRARY = Role('concepts', 'concept_control/msg/ConceptLibrary', ('concepts',))
JOINTS = Role('joint_states', 'sensor_msgs/msg/JointState')
SUCTION = Role('suction_state', 'std_msgs/msg/Bool')
MARKER = Role('demonstration_marker', 'std_msgs/msg/String')
DEMONSTRATIONS = Role(
    'demonstrations',
    'concept_control/msg/Demonstration',
    ('name', 'states', 'subjects', 'arguments'),
)


def color(camera: str) -> Role:
    """Return the role of a camera's colour images."""
    return Role(f'{camera}/color/image_raw', 'sensor_msgs/msg/Image')


def depth(camera: str) -> Role:
    """Return the role of a camera's depth images."""
    return Role(f'{camera}/depth/image_raw', 'sensor_msgs/msg/Image')


def camera_info(camera: str) -> Role:
    """Return the role of a camera's calibration."""
    return Role(f'{camera}/color/camera_info', 'sensor_msgs/msg/CameraInfo')


@dataclass(frozen=True)
class Topics:
    """The topics of one robot in a bag.

    Attributes:
        namespace: '' or '/robot1', for example.
        roles: topic name to what it is for.
        notes: on topics that have the right name but cannot be used.
    """

    namespace: str
    roles: dict[str, Role]
    notes: list[str] = field(default_factory=list)

    def has(self, role: Role) -> bool:
        """Tell whether a role was recorded, with at least one message."""
        return role in self.roles.values()


def find_topics(bag: Bag, roles: tuple[Role, ...], namespace: str | None = None) -> Topics:
    """Find the topics with these roles.

    Args:
        bag: to look in.
        roles: wanted; the first ones decide which namespaces there are.
        namespace: of the robot; None: the only one there is.

    Raises:
        BagError: if there is no such topic, or several namespaces to choose from.
    """
    spaces = sorted(
        {
            name.removesuffix(f'/{role.name}')
            for name, topic in bag.topics.items()
            for role in roles
            if topic.type == role.type and name.endswith(f'/{role.name}')
        }
    )
    recorded = ', '.join(f'{t.name} ({t.type})' for t in list(bag.topics.values())[:12]) or 'none'
    if not spaces:
        wanted = ', '.join(role.name for role in roles[:4])
        raise BagError(
            f'{bag.path} has nothing to work on: none of the topics {wanted}, …; it holds '
            f'{recorded}'
        )
    if namespace is None and len(spaces) > 1:
        # A camera or joints outside the namespace are no second robot.
        mains = [s for s in spaces if any(f'{s}/{r.name}' in bag.topics for r in roles[:2])]
        if len(mains) != 1:
            raise BagError(
                f'{bag.path} holds several robots, in the namespaces '
                f'{", ".join(s or "/" for s in spaces)}; choose one with --namespace'
            )
        spaces = mains
    chosen = spaces[0] if namespace is None else '/' * bool(namespace) + namespace.strip('/')
    chosen = chosen.rstrip('/')
    found: dict[str, Role] = {}
    notes = []
    for role in roles:
        topic = bag.topics.get(f'{chosen}/{role.name}')
        if topic is None or topic.num_messages == 0:
            continue
        if topic.type != role.type:
            notes.append(f'{topic.name} is of type {topic.type}, not {role.type}: left out')
        elif not bag.has_fields(topic.type, role.fields):
            notes.append(f'{topic.type} of this bag is another version: {topic.name} left out')
        else:
            found[topic.name] = role
    if not found:
        raise BagError(
            f'{bag.path} has nothing to work on in the namespace {chosen or "/"}; it holds '
            f'{recorded}' + ''.join(f'; {note}' for note in notes)
        )
    return Topics(chosen, found, notes)
