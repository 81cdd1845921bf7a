"""What may import what: the layers of the package, held by walking its imports."""

import ast
from pathlib import Path
from xml.etree import ElementTree

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / 'concept_control'
ROOT = PACKAGE.parent

LAYERS = (
    {'errors', 'events', 'colors', 'share'},
    {'concepts', 'energy', 'expression'},
    {'training', 'perception', 'control', 'simulation'},
    {'policy'},
    {
        *('tabletop', 'looks', 'library', 'grounding', 'readings', 'goal_program'),
        *('demonstrations', 'self_test', 'teaching', 'library_folder', 'markers'),
        *('calibration', 'recognition', 'imitation', 'tool_goal'),
    },
    {'evaluation'},
    {'ros', 'cli', 'benchmarks', 'draw', 'policy_command'},
)
"""A module may import from its own layer and from those before it."""

ONLY_IN = {
    'rclpy': {'ros'},
    'concept_control.msg': {'ros'},
    'concept_control.action': {'ros'},
    'mujoco': {'control', 'simulation'},
    'rosbags': {'evaluation', 'ros'},
    'mcap': {'evaluation'},
}


def modules():
    return sorted(p for p in PACKAGE.rglob('*.py') if p != PACKAGE / '__init__.py')


def interfaces():
    return [*(ROOT / 'msg').glob('*.msg'), *(ROOT / 'action').glob('*.action')]


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix('.py')


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield node.module
            if node.module == 'concept_control':
                yield from (f'concept_control.{alias.name}' for alias in node.names)


@pytest.mark.parametrize('path', modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_layer_and_those_below(path):
    layer = next(i for i, parts in enumerate(LAYERS) if part_of(path) in parts)
    allowed = set().union(*LAYERS[: layer + 1])
    for name in imports(path):
        if name.startswith('concept_control.'):
            part = name.split('.')[1]
            generated = ('action', 'msg', '__version__')
            assert part in allowed or part in generated, f'{path.name}: {name}'
        for guarded, homes in ONLY_IN.items():
            if name == guarded or name.startswith(guarded + '.'):
                assert part_of(path) in homes, f'{path.name} imports {name}'


def test_only_one_file_says_torch_jit():
    saying = [p.name for p in modules() if 'torch.jit' in p.read_text()]
    assert saying in ([], ['torchscript.py'])


def test_every_dependency_of_the_messages_is_declared():
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    declared = {e.text for e in package if e.tag.endswith('depend')}
    used = set()
    for message in interfaces():
        for line in message.read_text().splitlines():
            word = line.split('#')[0].strip().split(' ')[0]
            if '/' in word:
                used.add(word.split('/')[0])
    assert used and used <= declared
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    assert all(f'find_package({name} REQUIRED)' in cmake for name in used)


def test_every_field_of_the_messages_is_commented():
    for message in interfaces():
        for number, line in enumerate(message.read_text().splitlines(), 1):
            if line.strip() and not line.strip().startswith('#') and line != '---':
                assert '#' in line, f'{message.name}:{number} has no comment: {line}'


def test_the_nine_messages_are_there():
    assert {p.stem for p in (ROOT / 'msg').glob('*.msg')} >= {
        'Entity', 'EntityArray', 'ConceptTerm', 'ConceptCommand', 'ConceptGoal', 'ConceptStatus',
        'Concept', 'ConceptLibrary', 'Demonstration',
    }  # fmt: skip
