from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from clustercnn.model import Artefact, ClusterNet, ModelSettings, save_artefact

BOUNDS = [[6.5, 10.0], [2.5, 5.5], [0.0, 3.0], [-1.5, -0.3]]
METADATA = {"format": 1, "bands": ["F336W", "F438W", "F814W"], "note": "ångström"}

READ_IMAGES = """
import torch
images = torch.load(sys.argv[2], weights_only=True)
"""
STRANGER = """
import json
extra = {"metadata.json": ""}
model = torch.jit.load(sys.argv[1], _extra_files=extra)
assert json.loads(extra["metadata.json"]) == json.loads(model.metadata)
with torch.no_grad():
    logit, log_snr, context = model.encode(images)
    draws = model.sample(context, 5, 3)
    out = [*model(images), draws, model.log_prob(context, draws[:, 0])]
torch.save(out, sys.argv[3])
"""
EXPORTED = """
program = torch.export.load(sys.argv[1]).module()
with torch.no_grad():
    torch.save(list(program(images)), sys.argv[3])
"""
# What users of libtorch write; argv: model.ts, images, answers.
CPLUSPLUS = """
#include <torch/script.h>
#include <fstream>
int main(int, char** argv) {
    torch::NoGradGuard no_gradients;
    torch::jit::Module model = torch::jit::load(argv[1]);
    std::ifstream file(argv[2], std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    const torch::Tensor images = torch::jit::pickle_load(bytes).toTensor();
    const std::vector<char> out = torch::jit::pickle_save(model.forward({images}));
    std::ofstream(argv[3], std::ios::binary).write(out.data(), out.size());
}
"""


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    settings = ModelSettings(stem=4, widths=(8,), depths=(1,), strides=(2,), context=8, hidden=8, bins=24)
    return ClusterNet(settings, scale=[0.01] * 3, bounds=BOUNDS, size=12).eval()


@pytest.fixture(scope="module")
def saved(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "model.ts"
    save_artefact(net, METADATA, path)
    return path


@pytest.fixture(scope="module")
def images():
    return 0.05 * torch.randn(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def expected(net, images):
    with torch.no_grad():
        return Artefact(net, METADATA)(images)


@pytest.fixture
def elsewhere(images, tmp_path, alone):
    """Runs a program of a process that cannot import this package; returns what it saved."""

    def run(program, model):
        given, result = tmp_path / "images.pt", tmp_path / "out.pt"
        torch.save(images, given)
        command = [sys.executable, "-I", "-c", alone + READ_IMAGES + program, str(model), str(given), str(result)]
        subprocess.run(command, check=True, cwd=tmp_path)
        return torch.load(result, weights_only=True)

    return run


def same(found, expected):
    """The same but for roundings: sums may be added up in another order, where the compiler fused loops."""
    # a sum of 256 terms, the longest here, rounds to sqrt(256) * 6e-8 = 1e-6; ten layers, one after the other, to
    # sqrt(10) times that, 3e-6 of their values, and three times as much is allowed. Seen: 1e-7
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_stranger_can_use_the_file(saved, images, net, expected, elsewhere):
    *answers, draws, density = elsewhere(STRANGER, saved)
    same(answers, expected)
    with torch.no_grad():
        context = net(images)[2]
        same([draws, density], [net.sample(context, 5, 3), net.log_prob(context, draws[:, 0])])


def test_stranger_can_use_the_exported_program(saved, expected, elsewhere):
    same(elsewhere(EXPORTED, saved.with_suffix(".pt2")), expected)


@pytest.mark.slow
def test_cplusplus_can_use_the_file(saved, images, expected, tmp_path):
    """Through libtorch, which the wheel of torch holds."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ here")
    source, program, given, result = (tmp_path / name for name in ("main.cpp", "main", "images.pt", "out.pt"))
    source.write_text(CPLUSPLUS)
    torch_folder = Path(torch.__file__).parent
    includes = [f"-I{torch_folder / 'include'}", f"-I{torch_folder / 'include/torch/csrc/api/include'}"]
    libraries = [f"-L{torch_folder / 'lib'}", f"-Wl,-rpath,{torch_folder / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"]
    abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"
    command = ["g++", "-std=c++20", "-O0", abi, *includes, str(source), "-o", str(program), *libraries]
    subprocess.run(command, check=True)
    given.write_bytes(bytes(_pickled(images)))
    subprocess.run([str(program), str(saved), str(given), str(result)], check=True)
    same(torch.load(result, weights_only=True), expected)


def _pickled(images):
    """As C++ reads it."""
    file = io.BytesIO()
    torch.save(images, file)
    return file.getvalue()


def test_export_equals_eager_for_any_batch(saved, images, expected):
    program = torch.export.load(saved.with_suffix(".pt2")).module()
    with torch.no_grad():
        for n in (1, 3, 5):
            same(program(images[:n]), [wanted[:n] for wanted in expected])


def test_quantiles_are_those_of_the_draws(net, images, expected):
    with torch.no_grad():
        draws = net.sample(net(images)[2], 256, 0).numpy()
    quantiles = np.quantile(draws, [0.16, 0.5, 0.84], axis=1).transpose(1, 0, 2)
    # ranks 40 and 215 of 0 to 255 are the nearest to 16 and 84 %: within one spacing of the draws, 2 % of the range
    np.testing.assert_allclose(expected[2].numpy(), quantiles, atol=0.07)


def test_wrong_images_are_named(saved, images):
    model = torch.jit.load(str(saved))
    with pytest.raises(torch.jit.Error, match=r"images: shape \[5, 2, 12, 12\]; \[n, 3, 12, 12\] is allowed"):
        model(images[:, :2])


def test_no_gradients_are_kept(net, images, tmp_path):
    save_artefact(net.requires_grad_(), METADATA, tmp_path / "model.ts", exported=False)
    model = torch.jit.load(str(tmp_path / "model.ts"))
    _, _, context = model.encode(images)  # without no_grad
    draws = model.sample(context, 1000, 0)
    assert not draws.requires_grad
    assert not model.log_prob(context, draws[:, 0]).requires_grad


def test_metadata_inside(saved):
    assert json.loads(torch.jit.load(str(saved)).metadata) == METADATA


def test_failure_leaves_nothing_by_halves(net, tmp_path, monkeypatch):
    """A run that ends during the slow export has its TorchScript, and no export of an older network beside it."""
    (tmp_path / "model.pt2").write_text("of an older network")
    monkeypatch.setattr(torch.export, "save", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_artefact(net, METADATA, tmp_path / "model.ts")
    assert [p.name for p in tmp_path.iterdir()] == ["model.ts"]
