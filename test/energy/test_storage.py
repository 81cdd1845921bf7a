"""Models on disk: what was saved comes back, what does not fit is refused."""

import json
import pickle

import pytest
import torch

from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import EnergyNetwork, NetworkConfig
from concept_control.energy.storage import CARD_FILE, WEIGHTS_FILE
from concept_control.energy.torchscript import export, load
from concept_control.errors import ModelError
from concept_control.world.events import Events

SMALL = NetworkConfig(
    code_width=8,
    hidden=16,
    attribute_width=8,
    channels=4,
    head_width=24,
    num_outputs=5,
    encoder_hidden=16,
    encoder_width=32,
    encoder_direct=16,
)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = ConceptModel(EnergyNetwork(SMALL), DemonstrationEncoder(SMALL), {'families': ['x']})
    model.save(tmp_path)
    return model, tmp_path


def events(batch=3, count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand((2, batch, count), generator=generator) > 0.5
    return Events(
        2 * torch.rand((batch, 2, count, 2), generator=generator) - 1,
        torch.rand((batch, count, 3), generator=generator),
        subjects=masks[0],
        attention=masks[1],
    )


def test_a_saved_model_comes_back(saved):
    model, folder = saved
    again = ConceptModel.load(folder)
    assert again.fingerprint == model.fingerprint
    assert again.card['families'] == ['x']
    code = model.infer(events(seed=1))
    assert torch.equal(model.energy(events(), code), again.energy(events(), code))


def refuse(folder, match):
    with pytest.raises(ModelError, match=match):
        ConceptModel.load(folder)


def edit_card(folder, **changes):
    path = folder / CARD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_missing_model_is_refused(tmp_path):
    refuse(tmp_path / 'nowhere', 'no concept model')


def test_an_unknown_schema_is_refused(saved):
    edit_card(saved[1], schema=99)
    refuse(saved[1], 'schema 99')


def test_a_damaged_card_is_refused(saved):
    (saved[1] / CARD_FILE).write_text('{')
    refuse(saved[1], 'cannot be read')


def test_tampered_weights_are_refused(saved):
    path = saved[1] / WEIGHTS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    refuse(saved[1], 'not the file its card describes')


def test_pickled_weights_are_refused_unread(saved):
    class Bomb:
        def __reduce__(self):
            return (exec, ('raise SystemExit("unpickled")',))

    import hashlib

    data = pickle.dumps(Bomb())
    (saved[1] / WEIGHTS_FILE).write_bytes(data)
    refuse(saved[1], 'pickled')
    edit_card(saved[1], sha256=hashlib.sha256(data).hexdigest())
    refuse(saved[1], 'no safetensors file')


def test_wrong_shapes_are_refused(saved):
    card = json.loads((saved[1] / CARD_FILE).read_text())
    edit_card(saved[1], network={**card['network'], 'hidden': 17})
    refuse(saved[1], 'has shape')
    edit_card(saved[1], network={**card['network'], 'depth': 3})
    refuse(saved[1], 'describes the network')


def test_a_device_that_is_not_there_is_refused(saved):
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device here')
    with pytest.raises(ModelError, match='no CUDA'):
        ConceptModel.load(saved[1], device='cuda')
    assert ConceptModel.load(saved[1], device='auto').device.type == 'cpu'


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_export_has_the_same_values_and_gradients(saved, tmp_path, device):
    if device == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device at hand')
    model, _ = saved
    export(model, tmp_path / 'energy.pt')
    exported = load(tmp_path / 'energy.pt', device)
    from concept_control.energy.scene_batch import scene_batch_from_events

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


def test_the_shipped_export_is_the_shipped_model():
    from concept_control.energy.scene_batch import scene_batch_from_events
    from concept_control.energy.storage import SHIPPED_MODEL

    model = ConceptModel.load()
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
