"""The exported energies against those of the package."""

import subprocess
import sys
from functools import partial

import pytest
import torch

from concept_control.energy.networks.energy_network import ACTION, ARGUMENT
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import SHIPPED_MODEL
from concept_control.energy.torchscript import export_network, load
from concept_control.errors import CodeError, ModelError


def network_energy(model, scene, code):
    network = model.energy_function.network
    width = network.config.code_width
    halves = code.split(width, dim=-1)
    return sum(map(partial(network.energy, scene), halves, (ACTION, ARGUMENT)))


def check_same(exported, energy, scene):
    """Compare value and gradient of two functions of scenes."""
    here, there = (scene.after.clone().requires_grad_(True) for _ in range(2))
    ours, theirs = energy(scene._replace(after=here)), exported(scene._replace(after=there))
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)
    ours.sum().backward()
    theirs.sum().backward()
    torch.testing.assert_close(there.grad, here.grad, rtol=1e-3, atol=1e-4)
    assert here.grad.isfinite().all()


def squared(found):
    parts = found if isinstance(found, tuple) else (found,)
    return sum(part.square().sum(dim=-1) for part in parts)


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_export_of_a_network_has_the_same_values_and_gradients(
    network_model, events, tmp_path, device
):
    if device == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device at hand')
    export_network(network_model.energy_function.network, tmp_path / 'energy.pt')
    exported = load(tmp_path / 'energy.pt', device)
    model = network_model.to(device)
    for batch, count in ((1, 1), (3, 4), (5, 9)):
        scene = scene_batch_from_events(events(batch, count)).to(device)
        code = torch.randn(1, 16).to(device)
        check_same(
            lambda s, c=code: squared(exported(*s[:8], c)),
            lambda s, c=code: network_energy(model, s, c),
            scene,
        )


@pytest.mark.parametrize(
    ('name', 'ending'),
    [('between', 'pt'), ('left_of', 'pt'), ('near', 'pt'), ('circle', 'pt'), ('left_of', 'pt2')],
)
def test_export_of_a_word_has_the_same_values_and_gradients(
    model, codes, events, tmp_path, name, ending
):
    energy, code, path = model.energy_function, codes[name], tmp_path / f'word.{ending}'
    energy.export(code, 5, path)
    exported = load(path) if ending == 'pt' else torch.export.load(path).module()
    for batch in (1, 4, 300):
        scene = scene_batch_from_events(events(batch, 5, seed=batch))
        check_same(
            lambda s: squared(exported(*s[:8])), lambda s: squared(energy.residual(s, code)), scene
        )


def test_an_exported_word_runs_without_this_package(model, codes, tmp_path):
    model.energy_function.export(codes['between'], 3, tmp_path / 'word.pt')
    script = (
        'import sys, torch\n'
        'word = torch.jit.load(sys.argv[1])\n'
        'places = torch.tensor([[[0.0, 0.0], [-0.5, 0.1], [0.5, 0.1]]])\n'
        'subject = torch.tensor([[1.0, 0.0, 0.0]])\n'
        'rest = (torch.rand(1, 3, 3), torch.full((1, 3), 0.16), torch.ones(1, 3), subject,\n'
        '        1 - subject, torch.zeros(1, 3, 2))\n'
        'for y in (0.1, 0.6):\n'
        '    places[0, 0, 1] = y\n'
        '    print(float(word(places, places, *rest).norm()))\n'
        'assert not any(name.startswith("concept_control") for name in sys.modules)\n'
    )
    run = subprocess.run(
        [sys.executable, '-c', script, tmp_path / 'word.pt'],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    inside, outside = map(float, run.stdout.split())
    assert inside < 0.06 and outside > 0.3


def test_a_word_that_only_selects_is_not_exported(model, codes, tmp_path):
    with pytest.raises(CodeError, match='a concept that acts'):
        model.energy_function.export(codes['red'], 5, tmp_path / 'word.pt')


def test_what_is_no_export_is_refused(tmp_path):
    (tmp_path / 'x.pt').write_bytes(b'nothing')
    with pytest.raises(ModelError, match='no TorchScript'):
        load(tmp_path / 'x.pt')
    with pytest.raises(ModelError, match='no exported model'):
        load(tmp_path / 'y.pt')


def test_the_shipped_export_is_the_shipped_network(shipped_network, events):
    exported = load(SHIPPED_MODEL / 'concept_energy.pt')
    scene = scene_batch_from_events(events(4, 5))
    code = torch.randn(1, 2 * shipped_network.energy_function.network.config.code_width)
    expected = network_energy(shipped_network, scene, code)
    torch.testing.assert_close(squared(exported(*scene[:8], code)), expected, rtol=1e-4, atol=1e-5)
