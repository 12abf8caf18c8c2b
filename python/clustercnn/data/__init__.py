"""From scenes to training batches."""

from clustercnn.data.device_stream import DeviceStream as DeviceStream
from clustercnn.data.held_out import held_out_batch as held_out_batch
from clustercnn.data.seeds import stream_seed as stream_seed
from clustercnn.data.stream import Batch as Batch
from clustercnn.data.stream import SceneStream as SceneStream

__all__ = ["Batch", "DeviceStream", "SceneStream", "held_out_batch", "stream_seed"]
