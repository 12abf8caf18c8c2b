"""The compiled kernels: the binary that came with the package, or NVRTC's from the sources that came with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from clustercnn.errors import MissingBackend

__all__ = ["BINARY", "OPTIONS", "Kernels", "kernel_sources"]

BINARY = "kernels.fatbin"  # beside the sources, where the package was built with nvcc
OPTIONS = ("-std=c++20",)


def kernel_sources() -> Path:
    """Folder of the kernels' sources, as installed with the package."""
    return Path(__file__).resolve().parents[2] / "csrc" / "gpu"  # one folder in editable installations too


def _fingerprint(folder: Path) -> str:
    """Of all headers: CuPy keeps what it compiled under the code and the options alone."""
    texts = sorted(path.read_bytes() for of in (folder, folder.parent) for path in of.glob("*.hpp"))
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


class Kernels:
    """Kernels by name, for the current device.

    Args:
        cupy: the module.

    Raises:
        MissingBackend: neither binary nor sources are there.
    """

    def __init__(self, cupy: Any) -> None:
        folder = kernel_sources()
        if (folder / BINARY).is_file():
            self._module = cupy.RawModule(path=str(folder / BINARY))
        elif (folder / "kernels.cu").is_file():
            code = (folder / "kernels.cu").read_text()
            options = (*OPTIONS, f"-I{folder}", f"-DCLUSTERCNN_SOURCES={_fingerprint(folder)}")
            self._module = cupy.RawModule(code=code, options=options, backend="nvrtc")
        else:
            raise MissingBackend(
                f"backend 'cuda': {folder} holds neither {BINARY} nor kernels.cu; reinstall clustercnn"
            )
        self._known: dict[str, Any] = {}

    def launch(self, name: str, grid: tuple[int, int, int], threads: int, job: Any, *, shared: int = 0) -> None:
        """Gives a kernel to the current stream.

        Args:
            name: of the kernel.
            grid: blocks along x, y, z; nothing happens if any is 0.
            threads: of a block.
            job: CuPy array of one structure, its only argument.
            shared: bytes of shared memory of a block.
        """
        if not all(grid):
            return
        kernel = self._known.get(name)
        if kernel is None:
            kernel = self._known[name] = self._module.get_function(f"{name}_kernel")
        kernel.max_dynamic_shared_size_bytes = max(shared, kernel.max_dynamic_shared_size_bytes)
        kernel(grid, (threads, 1, 1), (job,), shared_mem=shared)
