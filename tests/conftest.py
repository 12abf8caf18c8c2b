from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The physical inputs and check values that lie beside the repository."""
    folder = (Path(__file__).resolve().parents[1] / ".." / "shared" / "data").resolve()
    if not (folder / "README.md").is_file():
        pytest.fail(f"{folder} is not there: these tests need the shared data beside the repository")
    return folder
