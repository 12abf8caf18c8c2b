from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _load():
    spec = importlib.util.spec_from_file_location("fake_scenes", Path(__file__).with_name("fake_scenes.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_scenes"] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake():
    """The module with ``FakeScenes``."""
    return _load()
