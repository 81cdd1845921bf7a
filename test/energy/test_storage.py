"""Models on disk: what was saved comes back, what does not fit is refused."""

import hashlib
import json
import pickle

import pytest
import torch

from concept_control.energy.model import ConceptModel
from concept_control.energy.storage import CARD_FILE, WEIGHTS_FILE
from concept_control.errors import ModelError
from concept_control.model_files import write_card


def test_a_saved_model_comes_back(saved, events):
    model, folder = saved
    again = ConceptModel.load(folder, energy='network')
    assert again.fingerprint == model.fingerprint
    assert again.card['families'] == ['x']
    code = model.infer(events(seed=1))
    assert torch.equal(model.energy(events(), code), again.energy(events(), code))


def refuse(folder, match):
    with pytest.raises(ModelError, match=match):
        ConceptModel.load(folder, energy='network')


def edit_card(folder, **changes):
    write_card(folder / CARD_FILE, json.loads((folder / CARD_FILE).read_text()) | changes)


def test_a_missing_model_is_refused(tmp_path):
    refuse(tmp_path / 'nowhere', 'no concept model')


def test_an_unknown_schema_is_refused(saved):
    edit_card(saved[1], schema=99)
    refuse(saved[1], 'schema 99')


def test_a_damaged_card_is_refused(saved):
    (saved[1] / CARD_FILE).write_text('{')
    refuse(saved[1], 'as JSON')


def test_a_card_that_was_changed_by_hand_is_refused_whatever_was_changed(saved):
    path = saved[1] / CARD_FILE
    card = json.loads(path.read_text())
    for changes in ({'families': ['y']}, {'checksum': None}, {'more': 1}):
        path.write_text(json.dumps(card | changes))
        refuse(saved[1], 'was changed since it was written')


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
    refuse(saved[1], "unknown \\['depth'\\]; there are kind")
    # Neither memory nor time is spent on what the file cannot hold.
    edit_card(saved[1], network={**card['network'], 'hidden': 4096, 'head_width': 4096})
    refuse(saved[1], 'has shape')
    for size in (10**9, -1, 'wide', None, 0):
        edit_card(saved[1], network={**card['network'], 'hidden': size})
        refuse(saved[1], 'hidden|has shape')


def test_a_device_that_is_not_there_is_refused(saved):
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device here')
    with pytest.raises(ModelError, match='no CUDA'):
        ConceptModel.load(saved[1], device='cuda', energy='network')
    auto = ConceptModel.load(saved[1], device='auto', energy='network')
    assert auto.device.type == 'cpu'
