"""What is told of an arm, and the YAML that it is written to."""

import numpy as np
import pytest

from concept_control.benchmarks.control.arm_check import arm_text, arm_yaml
from concept_control.cli.main import main
from concept_control.control.arm.description import ArmDescription


@pytest.mark.parametrize('source', ['ur5e', 'rail'])
def test_a_written_yaml_is_the_same_arm(source, tmp_path, rail_arm):
    source = str(rail_arm) if source == 'rail' else source
    arm = ArmDescription.load(source)
    path = tmp_path / 'deep' / 'arm.yaml'
    path.parent.mkdir()
    path.write_text(arm_yaml(arm, source, path.parent))
    again = ArmDescription.load(path)
    for name in ('joints', 'tool_site', 'suction', 'workspace', 'locked', 'tool', 'base', 'name'):
        assert getattr(again, name) == getattr(arm, name), name
    for name in ('home', 'velocity_limits', 'acceleration_limits', 'effort_limits', 'damping'):
        np.testing.assert_allclose(getattr(again, name), getattr(arm, name), rtol=1e-2, atol=1e-3)


def test_a_rail_is_told_in_metres(rail_arm):
    lines = arm_text(ArmDescription.load(rail_arm)).splitlines()
    rail = next(line for line in lines if line.startswith('rail '))
    assert '-0.3 m' in rail and '0.25' in rail
    assert any('derived' in line and 'workspace' in line for line in lines)
    assert any('30 mm above the table: 100% of it' in line for line in lines)


def test_an_arm_is_checked_with_reaches_and_a_picture(tmp_path, capsys):
    picture = tmp_path / 'arm.png'
    assert main(['arm', 'check', 'ur5e', '--picture', str(picture)]) == 0
    assert capsys.readouterr().out.count(': done, ') == 3
    assert picture.read_bytes().startswith(b'\x89PNG')
    assert main(['arm', 'check', str(tmp_path / 'none.urdf')]) == 1
    assert 'there is no such file' in capsys.readouterr().err
