"""The host's side of drawing on a GPU, on a stand-in for one: shapes, tables, memory, streams of work, refusals."""

from __future__ import annotations

import builtins
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.errors import DeviceMemoryError, InvalidInput, MissingBackend
from clustercnn.render import RenderSettings
from clustercnn.render.cuda import layout, modules, probe, scratch
from clustercnn.render.cuda.shapes import block_shapes
from clustercnn.render.cuda.transforms import places, radices, roots
from clustercnn.render.plans import plan_grid

PARAMS = cc.ClusterParams(
    log_age=[6.8, 7.5, 8.4, 9.3], log_mass=[3.2, 4.2, 3.5, 4.0], a_v=[0.0, 1.0, 0.3, 2.0],
    log_rh=[-1.2, -0.8, -0.5, -1.4], gamma=[2.3, 2.6, 3.0, 3.4],
)  # fmt: skip
SMALLEST, LARGEST = 99 * 1024, 227 * 1024  # shared memory of a block: GeForce of compute capability 8.6, H100


@pytest.fixture
def on_gpu(new_renderer, survey):
    return new_renderer(survey, 32, "emulated", settings=RenderSettings(faint_fraction=0.1))


def backend_of(renderer):
    return renderer._renderer._backend


def test_structures_are_those_of_the_kernels(emulator):
    for name, dtype in (
        ("Job", layout.JOB),
        ("ListJob", layout.LIST_JOB),
        ("Lots", layout.LOTS),
        ("Plan", layout.PLAN),
    ):
        assert emulator.size_of(name) == dtype.itemsize, name


def test_images_are_those_of_the_core(on_gpu, make_renderer):
    """The same stars through the same plan: what differs is rounding, as between the core's instruction sets.

    A rounding of single precision is 6e-8. Masses and light carry some ten, the log10 of a sum of masses 0.43 times
    that; smooth light is a sum in double precision of numbers with two, stored with one. A radius goes with
    u^(-e / 2): a rounding of log2 u, times ln 2 e |log2 u| / 2, where e is 6.7 at a slope of 2.3 and |log2 u| up to
    15: 35 roundings at most, and as many again where the stars lie close to the core and u^-e - 1 cancels. For a star
    inside the frame that is up to 4e-6 pixels, over which light falls by as much of its peak at most, and twice,
    along x and y; the transforms add some 1e-6.
    """
    core = make_renderer("cpp", 32, faint_fraction=0.1)
    mass, other = np.empty(4), np.empty(4)
    image, same = on_gpu.render(PARAMS, seed=4, log_mass_out=mass), core.render(PARAMS, seed=4, log_mass_out=other)
    peak = same.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(image / peak, same / peak, atol=1e-5)
    np.testing.assert_allclose(mass, other, atol=0.43 * 10 * 6e-8)
    for i in range(4):
        a, b = on_gpu.stars(PARAMS, i, seed=4), core.stars(PARAMS, i, seed=4)
        assert len(a) == len(b)
        reach = 15.5 + np.hypot(b["x"].value - 15.5, b["y"].value - 15.5)  # from the corner of the frame
        for name in a.colnames:
            scale, roundings = (reach, 70) if name in "xy" else (b[name].value, 16)
            assert (np.abs(a[name].value - b[name].value) <= roundings * 6e-8 * scale).all(), name
        for band, light in a.meta["smooth_flux"].items():
            assert light == pytest.approx(b.meta["smooth_flux"][band], rel=3 * 6e-8)


def test_threads_wait_where_they_must(on_gpu, emulator, monkeypatch):
    """Between barriers a block's threads run in any order: no result depends on it."""
    images = []
    monkeypatch.setattr(emulator, "warps_wait", True)
    for order in (0, 1, 7):
        monkeypatch.setattr(emulator, "order", order)
        images.append(on_gpu.render(PARAMS[:2], seed=5))
    np.testing.assert_array_equal(images[1], images[0])
    np.testing.assert_array_equal(images[2], images[0])


def test_portions_do_not_show(on_gpu, monkeypatch):
    whole = on_gpu.render(PARAMS, seed=6)
    monkeypatch.setattr(scratch, "MOST_IMAGES", 3)
    np.testing.assert_array_equal(on_gpu.render(PARAMS, seed=6), whole)


def test_little_memory_halves_the_portion_once(on_gpu):
    backend = backend_of(on_gpu)
    whole = on_gpu.render(PARAMS, seed=6)
    sizes = scratch.ScratchSizes.of(backend._plan, backend._shapes, 1280)
    backend.arrays.room = 2 * max(vars(sizes).values())
    with pytest.warns(RuntimeWarning, match="for 4 images at once; drawing 2 at once instead"):
        images = on_gpu.render(PARAMS, seed=6)
    np.testing.assert_array_equal(images, whole)
    backend.arrays.room //= 4
    with (
        pytest.warns(RuntimeWarning, match="drawing 2 at once"),
        pytest.raises(DeviceMemoryError, match=r"no \d+ MB left for 2 images at once: give the renderer fewer"),
    ):
        on_gpu.render(PARAMS, seed=6)


def test_arrays_of_the_device_are_filled_in_place(on_gpu, monkeypatch):
    cupy = backend_of(on_gpu).arrays
    out, mass = cupy.zeros((4, 3, 32, 32), np.float32), cupy.zeros(4)
    renderer = on_gpu._renderer
    assert renderer.render(PARAMS, seed=6, out=out, log_mass_out=mass) is out
    np.testing.assert_array_equal(out.get(), on_gpu.render(PARAMS, seed=6))
    assert (mass.get() > 2).all()
    with pytest.raises(InvalidInput, match="out: is not in a GPU's memory"):
        renderer.render(PARAMS, seed=6, out=np.zeros((4, 3, 32, 32), np.float32))
    monkeypatch.setattr(backend_of(on_gpu), "_device", 1)
    with pytest.raises(InvalidInput, match="an array is on GPU 0; this renderer draws on GPU 1"):
        renderer.render(PARAMS, seed=6, out=out)
    with pytest.raises(InvalidInput, match="out: is not in CPU memory"):
        cc.Renderer(renderer.survey, 32, "cpp").render(PARAMS, seed=6, out=Elsewhere(out))


def test_star_lists_of_the_device_are_drawn(on_gpu):
    cupy, renderer = backend_of(on_gpu).arrays, on_gpu._renderer
    x, y, flux = np.array([3.0, 15.2]), np.array([8.0, 15.9]), np.ones((2, 3), np.float32)
    there = [cupy.asarray(column) for column in (x, y, flux)]
    np.testing.assert_array_equal(renderer.draw(*there).get(), on_gpu.draw(x, y, flux))
    single = [cupy.asarray(column, dtype=np.float32) for column in (x, y, flux)]  # converted there
    np.testing.assert_allclose(renderer.draw(*single).get(), on_gpu.draw(x, y, flux), atol=1e-6)
    with pytest.raises(
        InvalidInput, match="x on a GPU, y not, flux not; all or none, with backend 'cuda', are allowed"
    ):
        renderer.draw(there[0], y, flux)
    with pytest.raises(InvalidInput, match=r"x, y, flux: shapes \(2,\), \(2,\), \(2,\)"):
        renderer.draw(there[0], there[1], there[1])
    with pytest.raises(InvalidInput, match="with backend 'cuda', are allowed"):
        cc.Renderer(renderer.survey, 32, "cpp").draw(*there)


class Elsewhere:
    """An array on a GPU as other libraries have them."""

    def __init__(self, array):
        self.shape, self.dtype = array.shape, array.dtype
        self.__dlpack_device__ = array.__dlpack_device__

    def __dlpack__(self):
        raise AssertionError


def test_no_clusters_no_work(on_gpu, emulator):
    emulator.launched.clear()
    assert on_gpu.render(PARAMS[:0], seed=1).shape == (0, 3, 32, 32)
    assert emulator.launched == []


@pytest.mark.parametrize("limit", [SMALLEST, LARGEST])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
@pytest.mark.parametrize("size", [16, 64, 100])
def test_blocks_fit(survey, size, tolerance, limit):
    """Every row of the grid is in one strip, every piece is within the limit, strips hold whole pairs of rows."""
    settings = RenderSettings(tolerance=tolerance)
    plan = plan_grid(size, [survey.psf_library(name) for name in survey.band_names], settings)
    shapes = block_shapes(plan, limit)
    assert max(shapes.shared.values()) <= limit - 1024
    assert (shapes.strips - 1) * shapes.strip_rows < plan.periods[-1].cells <= shapes.strips * shapes.strip_rows
    assert shapes.strip_rows % 2 == shapes.row_group % 2 == 0


def test_frames_too_large_are_refused(survey):
    plan = plan_grid(256, [survey.psf_library(name) for name in survey.band_names], RenderSettings(tolerance=1e-6))
    with pytest.raises(InvalidInput, match=r"size: 256 pixels do not fit the 101376 bytes of shared memory"):
        block_shapes(plan, SMALLEST)


@pytest.mark.parametrize("n", [16, 80, 96, 100, 128, 192, 225, 256, 384, 1000])
def test_passes_leave_modes_where_the_table_says(n):
    """The passes of csrc/gpu/fft.hpp, written out, against NumPy's transform."""
    signal = np.random.default_rng(n).normal(size=n) + 1j
    data, root, length = signal.copy(), roots(n, np.float64).view(np.complex128).ravel(), n
    for radix in radices(n):
        m = length // radix
        blocks = data.reshape(-1, radix, m)
        turned = np.einsum("kq,bqj->bkj", np.fft.fft(np.eye(radix)), blocks)
        j, q = np.arange(m), np.arange(radix)[:, None]
        data, length = (turned * root[(j * q * (n // length)) % n]).ravel(), m
    # no mode exceeds about n, as the imaginary part is 1 throughout; some ten roundings of 1.1e-16 on the way
    np.testing.assert_allclose(data[places(n)], np.fft.fft(signal), atol=1e-15 * n)


def test_a_prime_has_no_passes():
    with pytest.raises(ValueError, match="14 is no product of 2, 3 and 5"):
        radices(14)


def test_without_cupy(survey, monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "cupy":
            raise ModuleNotFoundError("No module named 'cupy'", name="cupy")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingBackend, match=r"CuPy is not installed; pip install \"clustercnn\[cuda\]\" installs it"):
        cc.Renderer(survey, 64, "cuda")
    assert cc.Renderer(survey, 64).backend in {"cpp", "numba"}


def test_without_a_device(survey, monkeypatch):
    class NoDriverError(RuntimeError):
        pass

    def count():
        raise NoDriverError("driver version is insufficient")

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=NoDriverError)
    monkeypatch.setitem(
        __import__("sys").modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), __version__="14")
    )
    with pytest.raises(MissingBackend, match=r"CuPy 14 finds no CUDA device \(driver version is insufficient\)"):
        probe.load_cupy()
    runtime.getDeviceCount = lambda: 0
    with pytest.raises(MissingBackend, match="this machine has no CUDA device"):
        probe.load_cupy()


def test_sources_come_with_the_package(monkeypatch, tmp_path):
    assert (modules.kernel_sources() / "kernels.cu").is_file()
    monkeypatch.setattr(modules, "kernel_sources", lambda: tmp_path)
    with pytest.raises(MissingBackend, match=r"holds neither kernels.fatbin nor kernels.cu; reinstall"):
        modules.Kernels(SimpleNamespace())


def test_nvcc_compiles_the_kernels(tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc here")
    source = modules.kernel_sources() / "kernels.cu"
    command = [
        nvcc,
        *modules.OPTIONS,
        "-Werror",
        "all-warnings",
        "-arch=sm_90",
        "-cubin",
        "-o",
        str(tmp_path / "cubin"),
    ]
    subprocess.run([*command, str(source)], check=True)
    assert b"draw_strip_float_kernel" in (tmp_path / "cubin").read_bytes()


def test_nvrtc_compiles_the_kernels():
    """As CuPy will where the package came without a binary; needs its compiler, but no GPU."""
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc")
    folder = modules.kernel_sources()
    program = nvrtc.createProgram((folder / "kernels.cu").read_text(), "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*modules.OPTIONS, "-arch=sm_80", f"-I{folder}"))
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    assert b"draw_strip_double_kernel" in nvrtc.getCUBIN(program)
