#!/usr/bin/env bash
# On a machine with a CUDA device: builds with CUDA, runs the tests marked cuda, some of them under compute-sanitizer where it
# is installed, the benches of drawing and training on the device, and a training run (MINUTES, default 10) that draws there.
# Leaves gpu_check.md, gpu_check.json, the run's checkpoint and its metrics in the folder given (default: outputs/gpu_check).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v nvidia-smi >/dev/null || { echo "gpu_check: no nvidia-smi, so no CUDA device; nothing was measured" >&2; exit 1; }
out=$(mkdir -p "${1:-outputs/gpu_check}" && cd "${1:-outputs/gpu_check}" && pwd)
minutes=${MINUTES:-10}

device=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
CLUSTERCNN_CUDA=ON python -m pip install -q ${PIP_FLAGS:-} ".[test,cuda]"
python - <<'PY'
import cupy, torch
from clustercnn.render.cuda.modules import BINARY, kernel_sources
assert (kernel_sources() / BINARY).is_file(), "the package was built without CUDA"
assert cupy.cuda.runtime.getDeviceCount() > 0, "CuPy sees no device"
assert torch.cuda.is_available(), "torch sees no device: install a CUDA build of torch"
PY
python -m pytest -q -m cuda tests | tee "$out/tests.log"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 python -m pytest -q -m cuda tests/render/test_against_oracle.py \
      tests/scene/test_device.py -k "awkward or sizes or depend" | tee "$out/$tool.log"
  done
fi
python benchmarks/bench_render.py --backend cuda --json "$out/render.json" | tee "$out/render.md"
python benchmarks/bench_train.py --device cuda --batch 1024 --json "$out/steps.json" | tee "$out/steps.md"
python -m clustercnn.train experiment=best hydra.run.dir="$out/run" train.device=cuda train.render_device=cuda \
  train.steps=null train.minutes="$minutes" tracker=disabled | tee "$out/train.log"

python - "$out" "$device" <<'PY'
import datetime, json, sys
from pathlib import Path
out, device = Path(sys.argv[1]), sys.argv[2]
result = {"device": device, "date": datetime.date.today().isoformat()}
for name in ("render", "steps"):
    result[name] = json.loads((out / f"{name}.json").read_text())
result["train"] = json.loads((out / "run" / "metrics.json").read_text())
(out / "gpu_check.json").write_text(json.dumps(result, indent=1))
text = [f"# {device}, {result['date']}", ""]
for name in ("render", "steps"):
    text += [(out / f"{name}.md").read_text()]
text += ["", "## Training", "", "```", (out / "train.log").read_text()[-2000:], "```"]
(out / "gpu_check.md").write_text("\n".join(text))
print(out / "gpu_check.md")
PY
