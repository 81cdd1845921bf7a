"""The topics that are read from bags, whatever their namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from concept_control.bags.reader import Bag
from concept_control.errors import BagError


@dataclass(frozen=True)
class TopicSpec:
    """A topic that this package knows how to read.

    Attributes:
        name: Name relative to the namespace.
        type: Type of its messages.
        fields: Fields that are read of a message; a bag of another version may lack some.
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

ENTITIES = TopicSpec('entities', 'concept_control/msg/EntityArray', ('header', 'entities'))
TRUTH = TopicSpec('ground_truth', 'concept_control/msg/EntityArray', ('header', 'entities'))
STATUS = TopicSpec('concept_status', 'concept_control/msg/ConceptStatus', _STATUS_FIELDS)
GOAL = TopicSpec('concept_goal', 'concept_control/msg/ConceptGoal', _GOAL_FIELDS)
COMMAND = TopicSpec('concept_command', 'concept_control/msg/ConceptCommand')
LIBRARY = TopicSpec('concepts', 'concept_control/msg/ConceptLibrary', ('concepts',))
JOINTS = TopicSpec('joint_states', 'sensor_msgs/msg/JointState')
SUCTION = TopicSpec('suction_state', 'std_msgs/msg/Bool')
MARKER = TopicSpec('demonstration_marker', 'std_msgs/msg/String')
DEMONSTRATIONS = TopicSpec(
    'demonstrations',
    'concept_control/msg/Demonstration',
    ('name', 'states', 'subjects', 'arguments'),
)


def camera(prefix: str) -> tuple[TopicSpec, TopicSpec, TopicSpec]:
    """Return the colour images, depth images and calibration of a camera by its topic prefix."""
    return (
        TopicSpec(f'{prefix}/color/image_raw', 'sensor_msgs/msg/Image'),
        TopicSpec(f'{prefix}/depth/image_raw', 'sensor_msgs/msg/Image'),
        TopicSpec(f'{prefix}/color/camera_info', 'sensor_msgs/msg/CameraInfo'),
    )


@dataclass(frozen=True)
class Topics:
    """The topics of one robot in a bag.

    Attributes:
        namespace: Namespace of the robot, '' or for example '/robot1'.
        specs: Specification of each topic by its full name.
        notes: Sentences on topics that have the right name but cannot be used.
    """

    namespace: str
    specs: dict[str, TopicSpec]
    notes: list[str] = field(default_factory=list)

    def has(self, spec: TopicSpec) -> bool:
        """Tell whether a topic was recorded, with at least one message."""
        return spec in self.specs.values()


def find_topics(bag: Bag, wanted: Sequence[TopicSpec], namespace: str | None = None) -> Topics:
    """Find the topics of one robot.

    Args:
        bag: Bag to look in.
        wanted: Topics looked for; the first ones decide which namespaces there are.
        namespace: Namespace of the robot; None for the only one there is.

    Raises:
        BagError: if there is no such topic, or several namespaces to choose from.
    """
    spaces = sorted(
        {
            name.removesuffix(f'/{spec.name}')
            for name, topic in bag.topics.items()
            for spec in wanted
            if topic.type == spec.type and name.endswith(f'/{spec.name}')
        }
    )
    recorded = ', '.join(f'{t.name} ({t.type})' for t in list(bag.topics.values())[:12]) or 'none'
    if not spaces:
        names = ', '.join(spec.name for spec in wanted[:4])
        raise BagError(
            f'{bag.path} has nothing to work on: none of the topics {names}, …; it holds '
            f'{recorded}'
        )
    if namespace is None and len(spaces) > 1:
        # A camera or joints outside the namespace are no second robot.
        mains = [s for s in spaces if any(f'{s}/{w.name}' in bag.topics for w in wanted[:2])]
        if len(mains) != 1:
            raise BagError(
                f'{bag.path} holds several robots, in the namespaces '
                f'{", ".join(s or "/" for s in spaces)}; choose one with --namespace'
            )
        spaces = mains
    chosen = spaces[0] if namespace is None else '/' * bool(namespace) + namespace.strip('/')
    chosen = chosen.rstrip('/')
    found: dict[str, TopicSpec] = {}
    notes = []
    for spec in wanted:
        topic = bag.topics.get(f'{chosen}/{spec.name}')
        if topic is None or topic.num_messages == 0:
            continue
        if topic.type != spec.type:
            notes.append(f'{topic.name} is of type {topic.type}, not {spec.type}: left out')
        elif not bag.has_fields(topic.type, spec.fields):
            notes.append(f'{topic.type} of this bag is another version: {topic.name} left out')
        else:
            found[topic.name] = spec
    if not found:
        raise BagError(
            f'{bag.path} has nothing to work on in the namespace {chosen or "/"}; it holds '
            f'{recorded}' + ''.join(f'; {note}' for note in notes)
        )
    return Topics(chosen, found, notes)
