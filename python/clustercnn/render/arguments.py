"""What a renderer is given: seeds, values, and arrays to fill, checked before work starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["check_out", "check_seed", "finite", "is_on_gpu"]

CPU_MEMORY, GPU_MEMORY = 1, (2, 13)  # DLPack's kDLCPU; kDLCUDA and kDLCUDAManaged


def check_seed(seed: int) -> int:
    """``seed`` if the random numbers can be keyed with it; raises ``InvalidInput`` otherwise."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise InvalidInput(f"seed: {seed!r}; a whole number from 0 to 2**64 - 1 is allowed")
    return int(seed)


def check_out(name: str, array: Any, shape: tuple[int, ...], dtype: str = "float32", *, on_gpu: bool = False) -> Any:
    """``array`` if the kernels can fill it in place; raises ``InvalidInput`` naming what is wrong otherwise."""
    if not hasattr(array, "__dlpack__"):
        raise InvalidInput(
            f"{name}: {type(array).__name__}; an array with DLPack support is allowed (NumPy, torch, CuPy)"
        )
    found = str(getattr(array, "dtype", "")).removeprefix("torch.")
    if tuple(array.shape) != shape or found != dtype:
        raise InvalidInput(f"{name}: {found} {tuple(array.shape)}; {dtype} {shape} is allowed")
    if getattr(array, "requires_grad", False):
        raise InvalidInput(f"{name}: requires_grad is set; a tensor outside autograd is allowed (use .detach())")
    if isinstance(array, np.ndarray):
        contiguous, writable = array.flags.c_contiguous, array.flags.writeable
    else:
        contiguous, writable = bool(getattr(array, "is_contiguous", lambda: True)()), True
    if not contiguous or not writable:
        raise InvalidInput(
            f"{name}: {'read-only' if contiguous else 'not C-contiguous'}; a writable C-contiguous array is allowed"
        )
    kind = int(array.__dlpack_device__()[0])
    if on_gpu and not is_on_gpu(array):
        raise InvalidInput(f"{name}: is not in a GPU's memory; backend 'cuda' fills arrays there")
    if not on_gpu and kind != CPU_MEMORY:
        raise InvalidInput(f"{name}: is not in CPU memory; this backend fills CPU arrays")
    return array


def is_on_gpu(value: Any) -> bool:
    """Whether an array lies in the memory of a GPU, as DLPack says."""
    return hasattr(value, "__dlpack_device__") and int(value.__dlpack_device__()[0]) in GPU_MEMORY


def finite(name: str, value: ArrayLike, dtype: type) -> NDArray[Any]:
    """``value`` as a contiguous array of that type; raises ``InvalidInput`` naming a value that is not finite."""
    array = np.ascontiguousarray(value, dtype=dtype)
    if not np.isfinite(array).all():
        raise InvalidInput(f"{name}: holds {array[~np.isfinite(array)].flat[0]}; only finite values are allowed")
    return array
