"""Train from a checkout: `python -m concept_control.training`."""

import argparse
import sys

from concept_control.cli.train import add_arguments, main

if __name__ == '__main__':
    parser = argparse.ArgumentParser(prog='python -m concept_control.training')
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
