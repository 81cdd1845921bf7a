"""The topics that are read from bags, whatever their namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from concept_control.bags.reader import Bag, Topic
from concept_control.errors import BagError
from concept_control.interfaces.camera_topics import CameraTopics, is_compressed


@dataclass(frozen=True)
class TopicSpec:
    """A topic that this package knows how to read.

    Attributes:
        name: Name relative to the namespace.
        type: Type of its messages.
        fields: Fields that are read of a message; a bag of another version may lack some.
        is_driver: Whether a driver publishes it, perhaps outside the robot's namespace.
    """

    name: str
    type: str
    fields: tuple[str, ...] = ()
    is_driver: bool = False


_STATUS_FIELDS = (
    *('header', 'goal_id', 'status', 'source', 'phase', 'expression', 'text', 'energy'),
    *('entities', 'attention', 'plan_time', 'plan_time_p50', 'plan_time_p99', 'num_plans'),
    'missed_deadlines',
)
_GOAL_FIELDS = (
    *('header', 'goal_id', 'command', 'expression', 'model', 'terms', 'entities', 'movable'),
    *('moved', 'before', 'targets', 'initial_energy', 'target_energy'),
)

_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
DRIVER_TYPES = (_IMAGE, _COMPRESSED, 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/JointState')
"""Types of the topics that drivers publish."""

ENTITIES = TopicSpec('entities', 'concept_control/msg/EntityArray', ('header', 'entities'))
TRUTH = TopicSpec('ground_truth', 'concept_control/msg/EntityArray', ('header', 'entities'))
STATUS = TopicSpec('concept_status', 'concept_control/msg/ConceptStatus', _STATUS_FIELDS)
GOAL = TopicSpec('concept_goal', 'concept_control/msg/ConceptGoal', _GOAL_FIELDS)
COMMAND = TopicSpec('concept_command', 'concept_control/msg/ConceptCommand')
LIBRARY = TopicSpec('concepts', 'concept_control/msg/ConceptLibrary', ('concepts',))
JOINTS = TopicSpec('joint_states', 'sensor_msgs/msg/JointState', is_driver=True)
SUCTION = TopicSpec('suction_state', 'std_msgs/msg/Bool', is_driver=True)
MARKER = TopicSpec('demonstration_marker', 'std_msgs/msg/String')
DEMONSTRATIONS = TopicSpec(
    'demonstrations',
    'concept_control/msg/Demonstration',
    ('name', 'states', 'subjects', 'arguments'),
)


def camera(topics: CameraTopics, bag: Bag | None = None) -> tuple[TopicSpec, TopicSpec, TopicSpec]:
    """Return the colour images, depth images and calibration of a camera.

    Args:
        topics: Its topics.
        bag: Bag to look in: where it holds images of a topic only as image_transport has
            compressed them, these are meant.
    """
    images = []
    for topic, suffix in zip(topics, ('compressed', 'compressedDepth')):
        raw = TopicSpec(topic, _IMAGE, is_driver=True)
        packed = TopicSpec(f'{topic}/{suffix}', _COMPRESSED, is_driver=True)
        if is_compressed(topic):
            raw = TopicSpec(topic, _COMPRESSED, is_driver=True)
        elif bag is not None and not _named(bag, raw) and _named(bag, packed):
            raw = packed
        images.append(raw)
    info = TopicSpec(topics.info, 'sensor_msgs/msg/CameraInfo', is_driver=True)
    return images[0], images[1], info


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
    chosen, recorded = _choose(bag, wanted, namespace)
    found: dict[str, TopicSpec] = {}
    notes = []
    for spec in wanted:
        topic = _recorded(bag, spec, chosen)
        if topic is None or topic.num_messages == 0:
            continue
        if topic.type != spec.type:
            notes.append(f'{topic.name} is of type {topic.type}, not {spec.type}: left out')
        elif not bag.has_fields(topic.type, spec.fields):
            notes.append(f'{topic.type} of this bag is another version: {topic.name} left out')
        else:
            found[topic.name] = spec
            is_absolute = spec.name.startswith('/')
            if not is_absolute and not topic.name.startswith(f'{chosen}/'):
                notes.append(
                    f'{topic.name} is outside the namespace {chosen}, and taken as there is no '
                    'other'
                )
    notes += _left_out(bag, wanted, found)
    if not found:
        raise BagError(
            f'{bag.path} has nothing to work on in the namespace {chosen or "/"}; it holds '
            f'{recorded}' + ''.join(f'; {note}' for note in notes)
        )
    return Topics(chosen, found, notes)


def _choose(bag: Bag, wanted: Sequence[TopicSpec], namespace: str | None) -> tuple[str, str]:
    """Return the namespace of the robot, see `find_topics`, and what the bag holds in words."""
    spaces = sorted(
        {
            topic.name.removesuffix(f'/{spec.name}')
            for spec in wanted
            for topic in _named(bag, spec)
            if topic.name != spec.name
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
    return chosen.rstrip('/'), recorded


def _named(bag: Bag, spec: TopicSpec) -> list[Topic]:
    """Return the topics of a specification in any namespace."""
    return [
        topic
        for name, topic in bag.topics.items()
        if topic.type == spec.type and f'/{name}'.endswith(f'/{spec.name}')
    ]


def _recorded(bag: Bag, spec: TopicSpec, namespace: str) -> Topic | None:
    """Return the topic of a specification in a namespace, a driver's also in those around it."""
    while True:
        name = spec.name if spec.name.startswith('/') else f'{namespace}/{spec.name}'
        if name in bag.topics or not (spec.is_driver and namespace):
            return bag.topics.get(name)
        namespace = namespace.rpartition('/')[0]
        if f'{namespace}/{ENTITIES.name}' in bag.topics:
            return None  # there is another robot


def _left_out(bag: Bag, wanted: Sequence[TopicSpec], found: Mapping[str, TopicSpec]) -> list[str]:
    """Return sentences on what might have been read, but was not."""
    same_name = {
        topic.name for spec in wanted for topic in _named(bag, spec) if topic.num_messages
    } - {*found}
    notes = [f'{name} was left out: it is of another namespace' for name in sorted(same_name)]
    missing = [s for s in wanted if s.type in DRIVER_TYPES and s not in found.values()]
    for spec in missing:
        kinds = (_IMAGE, _COMPRESSED) if spec.type in (_IMAGE, _COMPRESSED) else (spec.type,)
        others = [
            name
            for name, topic in bag.topics.items()
            if topic.type in kinds and name not in {*found, *same_name} and topic.num_messages
            if not name.endswith(f'/{ENTITIES.name}/image')
        ]
        if others:
            notes.append(
                f'{spec.name} was not recorded, and {", ".join(others)} left out: topics of other '
                'names stand in the parameter file (--params)'
            )
    return notes
