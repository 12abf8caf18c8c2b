"""From scenes to training batches."""

from clustercnn.data.device_stream import DeviceStream as DeviceStream
from clustercnn.data.held_out import validation_batch as validation_batch
from clustercnn.data.seeds import stream_seed as stream_seed
from clustercnn.data.stream import Batch as Batch
from clustercnn.data.stream import SceneStream as SceneStream

__all__ = ["Batch", "DeviceStream", "SceneStream", "stream_seed", "validation_batch"]
