"""docs/reference.md from the code: topics, parameters, messages, the action.

    python -m docs.make_reference docs/reference.md

Topics are read from the source: every publisher and subscription that a node's module, or one that
it imports, creates. Parameters and messages are read from where they are declared.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import concept_control
from concept_control.interfaces.camera_topics import camera_topics
from concept_control.paths import share_folder
from concept_control.ros.nodes import arm_simulator
from concept_control.ros.nodes.entity_extractor.parameters import CameraParameters
from concept_control.ros.runtime.entry_points import NODE_MODULES
from concept_control.ros.runtime.parameters import Parameter, parameters_of

NODES = (
    *('entity_extractor', 'concept_model', 'mpc_controller', 'arm_simulator', 'particle_world'),
    'entity_relay',
)
CAMERA = 'camera'
"""Stands for every camera's prefix."""

PUBLISH = ('create_publisher', 'create_lifecycle_publisher')
SUBSCRIBE = ('create_subscription', 'subscribe')

QOS = {
    'SENSOR': 'best effort',
    'NEWEST': 'best effort',
    'RELIABLE': 'reliable',
    'LATCHED': 'reliable, latched',
    'LATCHED_INPUT': 'reliable, latched',
    'GOALS': 'reliable, latched',
    'TF': 'reliable',
}

OPTIONAL = {
    'Detection3DArray': 'vision_msgs',
    'PlanningScene': 'moveit_msgs',
    'TFMessage': 'tf2_msgs',
}
"""Packages of messages that are not always installed."""

CAMERA_PARAMETERS = {
    'entity_extractor': parameters_of(CameraParameters, CAMERA),
    'arm_simulator': parameters_of(arm_simulator.CameraParameters, CAMERA),
}


@dataclass
class Topic:
    """One topic of the graph.

    Attributes:
        name: relative to the namespace, unless it begins with a slash.
        type: of its messages.
        publishers: node to quality of service.
        subscribers: node to quality of service.
    """

    name: str
    type: str
    publishers: dict[str, str] = field(default_factory=dict)
    subscribers: dict[str, str] = field(default_factory=dict)


def graph_topics() -> list[Topic]:
    """Return the topics of all nodes, by name."""
    topics: dict[str, Topic] = {}
    for node in NODES:
        for module in sorted(_modules_of(node)):
            for is_publisher, name, kind, profile in _endpoints(_source(module)):
                topic = topics.setdefault(name, Topic(name, kind))
                ends = topic.publishers if is_publisher else topic.subscribers
                ends[node] = profile
    for name in camera_topics(CAMERA):
        topics[name].subscribers['entity_extractor'] = QOS['SENSOR']
    return [topics[name] for name in sorted(topics, key=lambda name: name.lstrip('/'))]


def node_parameters(node: str) -> list[Parameter]:
    """Return a node's parameters in the order of their declaration."""
    declared = import_module(NODE_MODULES[node]).Parameters
    return [*parameters_of(declared), *CAMERA_PARAMETERS.get(node, ())]


def reference() -> str:
    """Return the whole page."""
    lines = [
        '# Topics, parameters and messages',
        '',
        'This page is made from the code by `python -m docs.make_reference '
        'docs/reference.md`; a test fails when it is out of date.',
        '',
        'Names are relative, so `ros2 launch … namespace:=NAME` or `--ros-args -r __ns:=/NAME` '
        'puts a whole robot under a name.',
        '',
        '## Topics',
        '',
        '| topic | type | published by | heard by |',
        '|---|---|---|---|',
    ]
    lines += [
        f'| `{topic.name}` | {topic.type} | {_ends(topic.publishers)} | '
        f'{_ends(topic.subscribers)} |'
        for topic in graph_topics()
    ]
    lines += [
        '',
        '`concept_model` also serves the action `achieve_concept` (AchieveConcept, below); '
        '`mpc_controller` is a lifecycle node (`ros2 lifecycle get /mpc_controller`). '
        f'Where a node has several cameras, `{CAMERA}` stands for the prefix of each.',
        '',
        '## Parameters',
        '',
        '`ros2 param describe NODE NAME` shows the same. *Live* ones may be set while the node '
        'runs; a value that makes no sense is refused with the reason. Every node also has '
        '`use_sim_time`.',
    ]
    for node in NODES:
        lines += ['', f'### {node}', '', '| parameter | default | allowed | live | meaning |']
        lines += ['|---|---|---|---|---|']
        lines += [_parameter_row(parameter) for parameter in node_parameters(node)]
    lines += ['', '## Messages']
    for path in _interfaces():
        lines += ['', f'### {path.stem}', '', *_interface(path)]
    return '\n'.join(lines) + '\n'


def main(argv: list[str] | None = None) -> int:
    """Write the page to the file named on the command line, or print it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument('file', nargs='?', type=Path, help='default: print it')
    file = parser.parse_args(argv).file
    if file:
        file.write_text(reference())
    else:
        print(reference(), end='')
    return 0


def _source(module: str) -> Path:
    """Return the file of a module of the package, or where it would be."""
    return (
        Path(concept_control.__file__)
        .parent.parent.joinpath(*module.split('.'))
        .with_suffix('.py')
    )


def _modules_of(node: str) -> set[str]:
    """Return a node's module and all of `concept_control.ros` that it imports, by full name."""
    found, open_ = {NODE_MODULES[node]}, [NODE_MODULES[node]]
    while open_:
        for statement in ast.walk(ast.parse(_source(open_.pop()).read_text())):
            if not isinstance(statement, ast.ImportFrom) or not statement.module:
                continue
            if not statement.module.startswith('concept_control.ros'):
                continue
            names = {statement.module, *(f'{statement.module}.{a.name}' for a in statement.names)}
            fresh = [n for n in names if _source(n).is_file() and n not in found]
            found.update(fresh)
            open_ += fresh
    return found


def _endpoints(path: Path) -> Iterator[tuple[bool, str, str, str]]:
    """Yield (is a publisher, topic, type, quality of service) of all that a module creates."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.asname or alias.name: (str(statement.module), alias.name)
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom) and (statement.module or '').endswith('.msg')
        for alias in statement.names
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or len(call.args) < 3:
            continue
        function = call.func
        name = getattr(function, 'attr', None) or getattr(function, 'id', '')
        if name not in PUBLISH + SUBSCRIBE or not isinstance(call.args[0], ast.Name):
            continue
        if not isinstance(call.args[1], ast.Constant | ast.JoinedStr):
            continue  # a topic that is a parameter
        name_of_type = call.args[0].id
        # What is not imported is of a package that need not be there.
        module, kind = imported.get(name_of_type, (OPTIONAL.get(name_of_type, ''), name_of_type))
        profile = call.args[-1]
        assert isinstance(profile, ast.Attribute), f'{path}: {ast.unparse(call)}'
        yield (
            name in PUBLISH,
            _text(call.args[1]),
            f'{module.split(".")[0]}/{kind}',
            QOS[profile.attr],
        )


def _text(expression: ast.expr) -> str:
    """Return a topic's name; what is filled in is a camera's prefix."""
    if isinstance(expression, ast.Constant):
        return str(expression.value)
    assert isinstance(expression, ast.JoinedStr), ast.unparse(expression)
    return ''.join(
        str(part.value) if isinstance(part, ast.Constant) else CAMERA for part in expression.values
    )


def _ends(ends: dict[str, str]) -> str:
    return '<br>'.join(f'{node} ({profile})' for node, profile in ends.items()) or '—'


def _parameter_row(parameter: Parameter) -> str:
    if parameter.choices:
        allowed = ', '.join(f'`{choice}`' for choice in parameter.choices)
    elif parameter.low is not None and parameter.high is not None:
        allowed = f'{parameter.low:.10g} … {parameter.high:.10g}'
    else:
        allowed = ''
    live = 'yes' if parameter.is_live else ''
    return (
        f'| `{parameter.name}` | {_value(parameter.default)} | {allowed} | {live} | '
        f'{parameter.description} |'
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return f'`{str(value).lower()}`'
    return f'`{value}`' if value != '' else '(empty)'


def _interfaces() -> list[Path]:
    share = share_folder()
    return [*sorted((share / 'msg').glob('*.msg')), *sorted((share / 'action').glob('*.action'))]


def _interface(path: Path) -> list[str]:
    """Return a message's description and a table of its fields."""
    head, rows = '', []
    for number, line in enumerate(path.read_text().splitlines()):
        text = line.strip()
        if number == 0 and text.startswith('#'):
            head = text.lstrip('# ')
        elif text == '---':
            rows.append('| | **then** | |')
        elif text and not text.startswith('#'):
            definition, _, comment = text.partition('#')
            kind, name = definition.split(maxsplit=1)
            rows.append(f'| `{kind}` | `{name.strip()}` | {comment.strip()} |')
    return [head, '', '| type | name | meaning |', '|---|---|---|', *rows]


if __name__ == '__main__':
    raise SystemExit(main())
