import json

import numpy as np

from concept_control.cli.main import main
from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.code import ConceptCode
from concept_control.language.library import LibraryConcept, hash_events
from concept_control.language.library_store import save


def next_to():
    shown = vocabulary()['near'].demonstrations(5)
    return LibraryConcept(
        name='next_to',
        description='be at its side',
        code=ConceptCode.from_array(np.zeros(2, dtype=np.float32)),
        selects=False,
        acts=True,
        subjects=(1, 1),
        arguments=(1, 1),
        num_demonstrations=5,
        energy=0.0,
        source='taught',
        model='another',
        demonstrations_hash=hash_events(shown),
        demonstrations=shown,
        by_appearance=False,
        self_test='these 5 demonstrations agree',
        sentences=('its distance is 50 to 86 mm',),
    )


def test_words_are_told_and_what_was_taught_is_renamed_deleted_and_brought_back(tmp_path, capsys):
    folder, numbers = tmp_path / 'library', tmp_path / 'words.json'
    save(folder, next_to())

    def words(*arguments):
        code = main(['words', *arguments, '--library', str(folder)])
        return code, ''.join(capsys.readouterr())

    code, text = words('--json', str(numbers))
    assert code == 0 and 'taught: its distance is 50 to 86 mm' in text
    assert 'near(subject; argument)' in text and '50 mm to 86 mm' in text
    told = {word['name']: word for word in json.loads(numbers.read_text())}
    assert told['next_to']['source'] == 'taught' and told['near']['source'] == 'shipped'
    assert words('--rename', 'next_to', 'alongside')[0] == 0
    code, text = words('alongsid')
    assert code == 2 and 'did you mean alongside?' in text
    assert words('--delete', 'alongside')[0] == 0
    code, text = words('--delete', 'alongside')
    assert code == 1 and 'was not taught' in text
    assert words('--undo') == (0, 'undid deleting alongside\n')
    code, text = words('alongside')
    assert code == 0 and 'understood as: its distance' in text and 'demonstrations agree' in text
    (folder / 'broken.npz').write_bytes(b'no zip')
    code, text = words()
    assert code == 0 and 'broken.npz' in text and 'alongside(' in text
