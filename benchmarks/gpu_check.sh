#!/usr/bin/env bash
# On a machine with a CUDA device: builds with CUDA, runs the tests marked cuda, the benches, and a training run on the
# device. Leaves gpu_check.md, gpu_check.json and the run's metrics in the folder given (default: outputs/gpu_check).
# What the package draws is drawn on the CPU so far; the device trains the network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v nvidia-smi >/dev/null || { echo "gpu_check: no nvidia-smi, so no CUDA device; nothing was measured" >&2; exit 1; }
out=$(mkdir -p "${1:-outputs/gpu_check}" && cd "${1:-outputs/gpu_check}" && pwd)
minutes=${MINUTES:-5}

device=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
CLUSTERCNN_CUDA=ON python -m pip install -q ${PIP_FLAGS:-} ".[test]"
python - <<'PY'
import torch
from clustercnn import _native
assert _native.cuda_built(), "the extension was built without CUDA"
assert _native.cuda_device_count() > 0, "the extension sees no device"
assert torch.cuda.is_available(), "torch sees no device: install a CUDA build of torch"
PY
# pytest exits with 5 where no test carries the marker yet
python -m pytest -q -m cuda tests || [ $? -eq 5 ]
python benchmarks/bench_render.py --quick --json "$out/render.json" | tee "$out/render.md"
python benchmarks/bench_scenes.py --quick --json "$out/scenes.json" | tee "$out/scenes.md"
python -m clustercnn.train hydra.run.dir="$out/run" train.device=cuda train.minutes="$minutes" model=base tracker=disabled \
  train.batch_size=256 | tee "$out/train.log"

python - "$out" "$device" <<'PY'
import datetime, json, sys
from pathlib import Path
out, device = Path(sys.argv[1]), sys.argv[2]
result = {"device": device, "date": datetime.date.today().isoformat()}
for name in ("render", "scenes"):
    result[name] = json.loads((out / f"{name}.json").read_text())
result["train"] = json.loads((out / "run" / "metrics.json").read_text())
(out / "gpu_check.json").write_text(json.dumps(result, indent=1))
text = [f"# {device}, {result['date']}", ""]
for name in ("render", "scenes"):
    text += [(out / f"{name}.md").read_text()]
text += ["", "## Training", "", "```", (out / "train.log").read_text()[-2000:], "```"]
(out / "gpu_check.md").write_text("\n".join(text))
print(out / "gpu_check.md")
PY
