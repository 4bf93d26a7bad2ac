#!/usr/bin/env bash
# What torchheads costs and holds on one CUDA GPU, in pieces of under 10 minutes each; results are small text.
#
#   scripts/gpu_suite.sh                          every piece that has no result yet
#   scripts/gpu_suite.sh head_step peak_memory    these pieces
#   scripts/gpu_suite.sh --list                   their names
#
# Works from a checkout without installing it and without a network. Settings, as environment variables:
#   OUT      folder of PIECE.json and PIECE.md; docs/results/<card> without it. Delete a PIECE.json to repeat the piece.
#   WHEELS   folder of wheels of what the machine lacks, such as hydra-core; they come before what it has.
#   PYTHON   the interpreter; python3 without it.
#   LIMIT    seconds a piece may take; 590 without it.
#   SMOKE=1  toy sizes on the CPU: is everything wired? The figures mean nothing.
set -euo pipefail

PIECES=(head_step cifar_training imagenet_training imagenet_training_multi peak_memory large_heads_128k large_heads_1m
  tests_on_cuda)

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

case "${1:-}" in
  --list) printf '%s\n' "${PIECES[@]}"; exit 0 ;;
  -h | --help) usage; exit 0 ;;
esac
for piece in "$@"; do
  [[ " ${PIECES[*]} " == *" $piece "* ]] || { echo "no piece $piece; allowed: ${PIECES[*]}" >&2; exit 2; }
done
[[ $# -gt 0 ]] && PIECES=("$@")

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$root/configs" "$work/torchheads_configs" # which an installation maps by itself
export PYTHONPATH="$root/src:$work${PYTHONPATH:+:$PYTHONPATH}"
if [[ -n "${WHEELS:-}" ]]; then
  "$python" -m pip install --quiet --no-index --no-deps --target "$work/packages" "$WHEELS"/*.whl
  export PYTHONPATH="$PYTHONPATH:$work/packages"
fi
out=${OUT:-docs/results/$("$python" scripts/gpu_results.py --card)}

training() { "$python" scripts/benchmarks/gpu_training.py --output "$work/raw.json" "$@" ${SMOKE:+--smoke}; }
large() {
  local toy=(--device cpu --examples 16 --width 8 --classes 2000 --rounds 1 --contenders dense torchheads)
  "$python" scripts/benchmarks/head_loss.py --device cuda --dtype bfloat16 --examples 8192 --width 1024 \
    --contenders dense "dense compiled" "torch chunked" liger cut torchheads --output "$work/raw.json" "$@" \
    ${SMOKE:+"${toy[@]}"}
}

head_step() {
  local toy=(--device cpu --examples 16 --width 8 --classes 10 --rounds 1 --no-compile)
  "$python" scripts/benchmarks/head_step.py --output "$work/raw.json" ${SMOKE:+"${toy[@]}"}
}
cifar_training() { training --backbone resnet18 --size 32 --classes 10 --examples 50000 --batch 512 --epochs 5; }
imagenet() { training --backbone resnet50 --size 224 --classes 1000 --examples 12800 --batch 256 --epochs 3 "$@"; }
imagenet_training() { imagenet --label-types single; }
imagenet_training_multi() { imagenet --label-types multi; }
peak_memory() { imagenet --label-types single multi --memory; }
large_heads_128k() { large --classes 128000; }
large_heads_1m() { large --classes 1000000; }
tests_on_cuda() {
  local tests=(tests/cuda tests/optim/test_finite_watch.py)
  [[ -n "${SMOKE:-}" ]] || tests+=(tests/data/functional/test_keyed.py tests/data/test_augmentation.py
    tests/data/test_loader.py tests/data/test_mixing.py tests/targets/test_label_lists.py
    tests/targets/test_mixed_target.py)
  "$python" -m pytest -q -p no:cacheprovider -W ignore::pytest.PytestConfigWarning --junitxml "$work/raw.xml" "${tests[@]}"
}

export -f training large imagenet "${PIECES[@]}"
export python work SMOKE=${SMOKE:-}
failed=()
for piece in "${PIECES[@]}"; do
  if [[ -s "$out/$piece.json" ]]; then
    echo "== $piece: done before, $out/$piece.json"
    continue
  fi
  echo "== $piece"
  rm -f "$work"/raw.*
  start=$SECONDS
  if timeout --kill-after=10 "${LIMIT:-590}" bash -euc "$piece"; then
    "$python" scripts/gpu_results.py "$piece" "$work"/raw.* --folder "$out" --seconds $((SECONDS - start))
  else
    failed+=("$piece")
    echo "== $piece: failed, or took more than ${LIMIT:-590} s" >&2
  fi
done
[[ ${#failed[@]} -eq 0 ]] || { echo "without a result: ${failed[*]}" >&2; exit 1; }
echo "results: $out"
