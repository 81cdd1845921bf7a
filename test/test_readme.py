"""What the README says is what runs."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()


def test_the_python_example_runs(capsys):
    (example,) = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    exec(compile(example, 'README.md', 'exec'), {})
    share = float(capsys.readouterr().out.split()[0])
    assert share >= 0.9


def test_the_commands_exist():
    makefile = (ROOT / 'Makefile').read_text()
    for target in re.findall(r'^make (\w+)', README, re.MULTILINE):
        assert f'\n{target}:' in makefile
    from concept_control.cli.main import COMMANDS

    found = re.findall(r'concept_control (demo|train|benchmark|export|concepts)', README)
    assert set(found) <= set(COMMANDS)


def test_pictures_and_links_are_there():
    for target in re.findall(r'\]\(([^)#]+)\)', README):
        if not target.startswith('http'):
            assert (ROOT / target).exists(), target
