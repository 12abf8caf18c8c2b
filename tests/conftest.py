from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from clustercnn.errors import MissingBackend
from clustercnn.render.cuda.probe import load_cupy


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
