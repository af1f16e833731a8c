#!/bin/bash
# fuzz.sh BUILD_FOLDER [TARGET...]: builds the fuzz targets and runs each for $FUZZ_SECONDS from the seeds in
# tests/fuzz/corpus/<target>/. What is found on the way stays below the build folder; a crash ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
shift
seconds=${FUZZ_SECONDS:-60}

ninja --quiet -C "$folder"
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(find "$folder/bin/fuzz" -maxdepth 1 -type f -executable -printf '%f\n' | sort)
fi
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "fuzz: no targets below $folder/bin/fuzz" >&2
  exit 1
fi
for target in "${targets[@]}"; do
  found=$folder/corpus/$target
  seeds=tests/fuzz/corpus/${target%_fuzz}
  mkdir -p "$found"
  folders=("$found")
  if [[ -d $seeds ]]; then folders+=("$seeds"); fi
  echo "== $target, $seconds s"
  "$folder/bin/fuzz/$target" -max_total_time="$seconds" -artifact_prefix="$found/" -print_final_stats=0 \
    -verbosity=0 "${folders[@]}"
done
echo "fuzz: ${#targets[@]} targets, no finding"
