from __future__ import annotations

import pickle

import pytest
import torch

from clustercnn.errors import DataFileError
from clustercnn.model import load_checkpoint, save_checkpoint


def test_round_trip_and_no_leftovers(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"w": torch.arange(3), "step": 4, "made_with": {"bands": ["a"]}})
    state = load_checkpoint(path)
    assert torch.equal(state["w"], torch.arange(3))
    assert (state["step"], state["made_with"]) == (4, {"bands": ["a"]})
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    monkeypatch.setattr(torch, "save", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_bad_files_are_named(tmp_path):
    good = tmp_path / "good.pt"
    save_checkpoint(good, {"w": torch.zeros(1000)})
    contents = {
        "truncated.pt": good.read_bytes()[:-700],
        "empty.pt": b"",
        "text.pt": b"no checkpoint at all",
        "pickled.pt": pickle.dumps({"format": "clustercnn checkpoint 1"}),
    }
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=f"{name}: .*checkpoint"):
            load_checkpoint(path)
    foreign = tmp_path / "foreign.pt"
    torch.save({"state_dict": {}}, foreign)
    with pytest.raises(DataFileError, match=r"foreign\.pt: not a checkpoint"):
        load_checkpoint(foreign)
    with pytest.raises(DataFileError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "missing.pt")
