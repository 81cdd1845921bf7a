"""Settings of the studio, and whether its page can be served where they say.

Nothing heavy is imported: who asks for help, or for a port that is taken, is answered at once.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from concept_control.errors import StudioError


@dataclass(frozen=True)
class StudioConfig:
    """Settings of the studio.

    Attributes:
        port: Port of the page.
        host: Address that the page is served at; others than this machine's need a token.
        arm: Name of an arm, or path of its YAML file.
        model: Folder of a model; the one shipped where none is given.
        library: Folder of taught concepts.
        seed: Seed of the tables.
        ros: Whether a robot that runs in ROS is watched and commanded, instead of a simulated one.
        namespace: Namespace of that robot's nodes.
    """

    port: int = 8770
    host: str = '127.0.0.1'
    arm: str = 'franka'
    model: Path | None = None
    library: Path | None = None
    seed: int = 0
    ros: bool = False
    namespace: str = ''


def check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be served at, such as a port that is taken.

    Raises:
        StudioError: saying why.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise StudioError(
            f'the page cannot be served at {host}, port {port}: {error.strerror or error}; choose '
            'others with --host and --port'
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine only."""
    if host == 'localhost':
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
