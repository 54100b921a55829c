#!/bin/bash
# On the borrowed machine: benchmarks/gpu.sh SECONDS OUT [--parts tests,steps,cells] [--side N].
# See gpu.py. Needs Python 3.11 or newer with PyTorch, NumPy, pandas, pyarrow, safetensors and tqdm.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root/src:$root/stages:$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" PYTHONUNBUFFERED=1
PYTHON="${PYTHON:-python3}"
seconds=$1
shift
"$PYTHON" -c 'import torch' # from a disk that has never read it, which takes long
# With NVIDIA's service for several processes their kernels run at the same time, without it in turn.
if [ -z "${NO_MPS:-}" ] && command -v nvidia-cuda-mps-control >/dev/null; then
    pipe=$(mktemp -d)
    export CUDA_MPS_PIPE_DIRECTORY="$pipe" CUDA_MPS_LOG_DIRECTORY="$pipe"
    stop() { echo quit | timeout 5 nvidia-cuda-mps-control >/dev/null 2>&1; }
    trap stop EXIT
    timeout 10 nvidia-cuda-mps-control -d
    if ! timeout 60 "$PYTHON" -c 'import torch; torch.ones(9, device="cuda").sum().item()'; then
        stop
        trap - EXIT
        unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
        cat "$pipe"/*.log
    fi
fi
echo "NVIDIA's service for several processes: ${CUDA_MPS_PIPE_DIRECTORY:-none}"
"$PYTHON" "$root/benchmarks/gpu.py" run $((seconds - SECONDS)) "$@"
