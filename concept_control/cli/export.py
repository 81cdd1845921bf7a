"""`concept_control export`: the network, or a word, as one file that PyTorch alone can run."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import count, new_file
from concept_control.cli.options import add_shared
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.torchscript import EXPORTED_PROGRAM, export_network
from concept_control.errors import ModelError
from concept_control.language.spoken_words import said_word
from concept_control.paths import library_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'output',
        type=new_file(),
        help='the TorchScript file to write, e.g. energy.pt; a word may also go into a .pt2 file, '
        'a program of torch.export',
    )
    add_shared(parser, 'model')
    parser.add_argument(
        '--word',
        metavar='NAME',
        help='a word that acts, shipped or taught: its residual, its bounds inside (default: the '
        'network, which takes any code)',
    )
    parser.add_argument(
        '--entities',
        type=count,
        default=6,
        metavar='N',
        help='entities in the scenes of a word (default: 6)',
    )


def main(args: argparse.Namespace) -> int:
    """Write the file."""
    energy = 'network' if args.word is None else 'agreement'
    model = ConceptModel.load(args.model, energy=energy)
    function = model.energy_function
    if args.word is None and args.output.suffix == EXPORTED_PROGRAM:
        raise ModelError(
            f'{args.output}: the network is written as TorchScript only; name a .pt file, or a '
            'word (--word)'
        )
    if isinstance(function, NetworkEnergy):
        export_network(function.network, args.output)
        what = f'the energy of model {model.fingerprint}'
    else:
        concept = said_word(args.word, model, library_folder())
        function.export(concept.code, args.entities, args.output)
        what = f'the residual of {concept.signature} in scenes of {args.entities} entities'
    print(f'wrote {args.output}: {what}, value and gradient')
    return 0
