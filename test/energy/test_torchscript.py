"""The exported energy against the network."""

import pytest
import torch

from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import SHIPPED_MODEL
from concept_control.energy.torchscript import export, load
from concept_control.errors import ModelError


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_export_has_the_same_values_and_gradients(saved, events, tmp_path, device):
    if device == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device at hand')
    model, _ = saved
    export(model, tmp_path / 'energy.pt')
    exported = load(tmp_path / 'energy.pt', device)
    for batch, count in ((1, 1), (3, 4), (5, 9)):
        scene = scene_batch_from_events(events(batch, count)).to(device)
        code = torch.randn(1, 16).to(device)
        here = scene.after.clone().requires_grad_(True)
        there = scene.after.clone().requires_grad_(True)
        action, argument = exported(*scene._replace(after=there), code)
        exported_energy = action.square().sum(-1) + argument.square().sum(-1)
        energy = model.to(device).scene_energy(scene._replace(after=here), code)
        torch.testing.assert_close(exported_energy, energy, rtol=1e-4, atol=1e-5)
        exported_energy.sum().backward()
        energy.sum().backward()
        torch.testing.assert_close(there.grad, here.grad, rtol=1e-3, atol=1e-4)


def test_what_is_no_export_is_refused(tmp_path):
    (tmp_path / 'x.pt').write_bytes(b'nothing')
    with pytest.raises(ModelError, match='no TorchScript'):
        load(tmp_path / 'x.pt')
    with pytest.raises(ModelError, match='no exported model'):
        load(tmp_path / 'y.pt')


def test_the_shipped_export_is_the_shipped_model(model, events):
    exported = load(SHIPPED_MODEL / 'concept_energy.pt')
    scene = scene_batch_from_events(events(4, 5))
    code = torch.randn(1, model.code_size)
    action, argument = exported(*scene, code)
    torch.testing.assert_close(
        action.square().sum(-1) + argument.square().sum(-1),
        model.scene_energy(scene, code),
        rtol=1e-4,
        atol=1e-5,
    )
