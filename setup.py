"""Build the package with pip: run CMakeLists.txt, the single source, and ship what it installs.

On a ROS 2 machine use colcon instead; there nothing of this file is involved.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

NAME = 'concept_control'
ROOT = Path(__file__).resolve().parent
BUILD = ROOT / 'build' / 'cmake'
TF2_MSGS = 'tf2_msgs'


def has_tf2_msgs():
    """Tell whether a ROS 2 installation brings tf2_msgs, which is on no registry of wheels."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    others = {Path(prefix).resolve() for prefix in prefixes if prefix} - {
        Path(sys.prefix).resolve()
    }
    return any((prefix / 'share' / TF2_MSGS).is_dir() for prefix in others)


def build(source, folder, stage):
    """Configure, build and install a CMake project."""
    prefixes = [os.environ.get('AMENT_PREFIX_PATH'), sys.prefix]
    env = {**os.environ, 'AMENT_PREFIX_PATH': os.pathsep.join(filter(None, prefixes))}

    def cmake(*args):
        subprocess.run(['cmake', *map(str, args)], check=True, env=env)

    cache = folder / 'CMakeCache.txt'
    if cache.exists() and f'Python3_EXECUTABLE:UNINITIALIZED={sys.executable}\n' not in (
        cache.read_text()
    ):
        shutil.rmtree(folder)  # configured for another environment
    cmake(
        *('-S', source, '-B', folder),
        f'-DCMAKE_PREFIX_PATH={sys.prefix}',
        f'-DPython3_EXECUTABLE={sys.executable}',
        '-DCMAKE_BUILD_TYPE=Release',
        f'-DCMAKE_INSTALL_PREFIX={stage}',
        '-DBUILD_TESTING=OFF',
        f'-DCMAKE_PROJECT_INCLUDE={ROOT / "cmake" / "pypi_wheels.cmake"}',
    )
    cmake('--build', folder, '-j', os.environ.get('CMAKE_BUILD_PARALLEL_LEVEL', '2'))
    cmake('--install', folder)


class CMakeBuildPy(build_py):
    """Copy what `cmake --install` lays down into the wheel."""

    def run(self):
        """Build into a staging folder, then collect what is there."""
        if find_spec('ament_package') is None:
            sys.exit(
                'concept_control: the ROS 2 message generators are not in this environment. Use '
                '`make setup`, or install the extra `build` and then '
                '`pip install --no-build-isolation .`, or `colcon build` on a ROS 2 machine.'
            )
        super().run()
        stage = BUILD / 'stage'
        shutil.rmtree(stage, ignore_errors=True)
        build(ROOT, BUILD / NAME, stage)
        packages = [NAME]
        if not has_tf2_msgs():
            build(ROOT / 'cmake' / TF2_MSGS, BUILD / TF2_MSGS, stage)
            packages.append(TF2_MSGS)
        for name in packages:
            (package,) = stage.glob(f'lib/python*/site-packages/{name}')
            shutil.copytree(package, Path(self.build_lib) / name, dirs_exist_ok=True)
        self.distribution.data_files = [
            (str(path.parent.relative_to(stage)), [str(path)])
            for path in sorted(stage.rglob('*'))
            if path.is_file() and 'site-packages' not in path.parts
        ]


class BinaryDistribution(Distribution):
    """Name the platform in the wheel: the generated messages contain compiled code."""

    def has_ext_modules(self):
        """Tell setuptools that this is no pure Python package."""
        return True


setup(
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    cmdclass={'build_py': CMakeBuildPy},
    distclass=BinaryDistribution,
)
