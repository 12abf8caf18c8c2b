"""Whether a GPU can be drawn on here, and if not, what is missing."""

from __future__ import annotations

from typing import Any

from clustercnn.errors import MissingBackend

__all__ = ["load_cupy"]

INSTALL = 'pip install "clustercnn[cuda]"'


def load_cupy() -> Any:
    """CuPy, once it is known that it has a device to work on.

    Raises:
        MissingBackend: it is not installed, cannot be loaded, or finds no device.
    """
    try:
        import cupy
    except ImportError as error:
        missing = error.name in {None, "cupy"}
        state = "CuPy is not installed" if missing else f"CuPy cannot be loaded ({error})"
        raise MissingBackend(f"backend 'cuda': {state}; {INSTALL} installs it. 'auto' draws on the CPU") from error
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise MissingBackend(
            f"backend 'cuda': CuPy {cupy.__version__} finds no CUDA device ({error}); a machine with an NVIDIA GPU and "
            "its driver is needed. 'auto' draws on the CPU"
        ) from error
    if devices == 0:
        raise MissingBackend("backend 'cuda': this machine has no CUDA device; 'auto' draws on the CPU")
    return cupy
