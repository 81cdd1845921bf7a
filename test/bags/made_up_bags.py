"""Bags made up by tests, written without ROS."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from concept_control.control.arm.description import ArmDescription
from concept_control.paths import share_folder
from concept_control.world.entity import EntityStatus

WORKSPACE = ArmDescription.load('franka').workspace
TYPES = get_typestore(Stores.ROS2_KILTED)
for _path in sorted((share_folder() / 'msg').glob('*.msg')):
    TYPES.register(get_types_from_msg(_path.read_text(), f'concept_control/msg/{_path.stem}'))

DEFAULTS = {'string': '', 'bool': False, 'float32': 0.0, 'float64': 0.0}


def blank(type_):
    """A message of a type with all fields zero."""
    _, fields = TYPES.fielddefs[type_]
    values = {}
    for name, (kind, description) in fields:
        if kind.name == 'BASE':
            values[name] = DEFAULTS.get(description[0], 0)
        elif kind.name == 'NAME':
            values[name] = blank(description)
        elif kind.name == 'ARRAY':
            values[name] = np.zeros(description[1], dtype=description[0][1][0])
        else:
            is_number = description[0][0].name == 'BASE' and description[0][1][0] != 'string'
            values[name] = np.zeros(0, dtype=description[0][1][0]) if is_number else []
    return TYPES.types[type_](**values)


def message(type_, **values):
    """A message of a type with some fields set; `stamp` [s] is the header's."""
    made = blank(type_)
    stamp = values.pop('stamp', None)
    if stamp is not None:
        nanoseconds = round(stamp * 1e9)
        made.header.stamp.sec, made.header.stamp.nanosec = divmod(nanoseconds, 10**9)
        made.header.frame_id = 'world'
    for name, value in values.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def entity_array(stamp, positions, colors, size=0.04, held=(), levels=()):
    """Entities 1, 2, … at (N, 2) workspace positions, each on so many others."""
    entities = []
    for i, (xy, rgb) in enumerate(zip(WORKSPACE.to_world(positions), colors), 1):
        made = blank('concept_control/msg/Entity')
        made.id, made.shape = i, 'box'
        made.status = EntityStatus.HELD if i in held else EntityStatus.SEEN
        made.position.x, made.position.y, made.position.z = float(xy[0]), float(xy[1]), size / 2
        made.position.z += size * dict(enumerate(levels, 1)).get(i, 0)
        made.color.r, made.color.g, made.color.b, made.color.a = *map(float, rgb), 1.0
        made.size.x = made.size.y = made.size.z = size
        entities.append(made)
    return message('concept_control/msg/EntityArray', stamp=stamp, entities=entities)


@dataclass
class MadeUp:
    """Messages to write: (topic, type, time [s], message), in any order of topics."""

    messages: list = field(default_factory=list)

    def add(self, topic, time, made):
        self.messages.append((topic, made.__msgtype__, time, made))

    def counts(self):
        return Counter(topic for topic, *_ in self.messages)

    def write(self, path: Path, storage='mcap', compress=''):
        plugin = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage]
        writer = Writer(path, version=9, storage_plugin=plugin)
        if compress:
            writer.set_compression(CompressionMode[compress.upper()], CompressionFormat.ZSTD)
        with writer:
            connections = {}
            for topic, type_, time, made in self.messages:
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, type_, typestore=TYPES)
                data = TYPES.serialize_cdr(made, type_)
                writer.write(connections[topic], round(1e9 * time), data)
        return path
