from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path

import pytest

from clustercnn.errors import MissingBackend
from clustercnn.render.cuda.modules import kernel_sources
from clustercnn.render.cuda.probe import load_cupy

_spec = importlib.util.spec_from_file_location("stand_in", Path(__file__).parent / "emulator" / "stand_in.py")
stand_in = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stand_in)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped where there is none."""
    needing = [item for item in items if item.get_closest_marker("cuda")]
    if not needing:
        return
    try:
        with warnings.catch_warnings(action="ignore"):  # CuPy warns of libraries that drawing does not need
            load_cupy()
    except MissingBackend as error:
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=str(error)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The physical inputs and check values that lie beside the repository."""
    folder = (Path(__file__).resolve().parents[1] / ".." / "shared" / "data").resolve()
    if not (folder / "README.md").is_file():
        pytest.fail(f"{folder} is not there: these tests need the shared data beside the repository")
    return folder


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """The GPU's kernels, compiled for the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ to compile the kernels with")
    return stand_in.Emulator(stand_in.build(kernel_sources(), tmp_path_factory.mktemp("emulator")))


@pytest.fixture(scope="session")
def new_cupy(emulator):
    """Makes stand-ins for CuPy on a machine with one GPU."""
    return lambda: stand_in.StandIn(emulator)


@pytest.fixture(scope="session")
def alone() -> str:
    """How a program begins in whose process this package cannot be imported."""
    return """
import sys
import warnings; warnings.simplefilter("ignore")
class Absent:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "clustercnn":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
try:
    import clustercnn
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("the package is here")
"""
