#!/bin/bash
# fuzz.sh BUILD_FOLDER [TARGET...]: builds the fuzz targets, all or those named (`uri` is uri_fuzz), and runs each for
# $FUZZ_SECONDS from the seeds in tests/fuzz/corpus/<target>/, with the words in tests/fuzz/dictionaries/<target>. Inputs
# found on the way stay below the build folder; a crash ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
shift
seconds=${FUZZ_SECONDS:-60}
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-16

targets=("${@/%_fuzz/}")
targets=("${targets[@]/%/_fuzz}")
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(basename -a -s .cpp tests/fuzz/*_fuzz.cpp)
fi
ninja --quiet -C "$folder" "${targets[@]}"
for target in "${targets[@]}"; do
  found=$folder/corpus/$target
  seeds=tests/fuzz/corpus/${target%_fuzz}
  log=$folder/$target.log
  mkdir -p "$found"
  folders=("$found")
  if [[ -d $seeds ]]; then folders+=("$seeds"); fi
  words=tests/fuzz/dictionaries/${target%_fuzz}
  if [[ -f $words ]]; then folders+=("-dict=$words"); fi
  if ! "$folder/bin/fuzz/$target" -max_total_time="$seconds" -artifact_prefix="$folder/$target-" "${folders[@]}" \
    >"$log" 2>&1; then
    tail -n 100 "$log" >&2
    echo "fuzz: $target failed; the input that did it is $folder/$target-*" >&2
    exit 1
  fi
  echo "$target: $(sed -n 's/^Done //p' "$log")"
done
echo "fuzz: ${#targets[@]} targets, no finding"
