# shellcheck shell=bash
# How `./dev` configures and compiles: it says beforehand about how long it takes, and how far it is. Sourced by dev.

# ccache leaves what uses precompiled headers alone unless it is told that nothing here depends on __TIME__. Which files
# a source includes it learns from the compiler, which saves to preprocess each of them a second time.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1

# configure FOLDER [CMAKE OPTION...]. $root is the repository.
configure() {
  local folder=$1
  shift
  if [[ ! -e $folder/build.ninja ]]; then echo "Configuring $folder"; fi
  quietly cmake -G Ninja -S . -B "$folder" -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DASKR_LLHTTP_DIR="${root:?}/build/deps/llhttp/usr/share" "$@"
}

# compile FOLDER [TARGET...]; on a terminal ninja shows its own progress line.
compile() {
  local folder=$1
  announce_steps "$(count_steps "$@")"
  if [[ -t 1 ]]; then
    ninja -C "$folder" "${@:2}"
  else
    ninja -C "$folder" "${@:2}" | show_progress
  fi
}

# count_steps FOLDER [TARGET...]: how many of the steps have never been done here. What `ninja -n` counts would be fewer: it
# takes for granted that CMake has to run again and stops there.
count_steps() {
  local all done=0
  all=$(ninja -C "$1" -t commands "${@:2}" | wc -l)
  if [[ -e $1/.ninja_log ]]; then done=$(cut -f 4 "$1/.ninja_log" | sort -u | wc -l); fi
  echo $((all > done ? all - done : 0))
}

# Processor time of an average step in tenths of a second, bench/build measures it.
tenths_per_step=13

announce_steps() {
  local steps=${1:-0} processors seconds
  processors=$(nproc)
  seconds=$((steps * tenths_per_step / 10 / processors))
  if [[ $seconds -lt 10 ]]; then return; fi
  echo "Building Askr, $(in_words "$seconds") on this machine ($steps steps, $processors processors), less with what ccache knows"
}

# in_words SECONDS
in_words() {
  local minutes=$((($1 + 30) / 60))
  local -a words=(none one two three four five six seven eight nine ten)
  if [[ $1 -lt 45 ]]; then
    echo "less than a minute"
  elif [[ $minutes -eq 1 ]]; then
    echo "about one minute"
  else
    echo "about ${words[minutes]:-$minutes} minutes"
  fi
}

# Reads what ninja says: a line for each ten percent, and whatever tells of something else as it is.
show_progress() {
  local line told=0 tenth started=$SECONDS
  while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]]; then
      tenth=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
      if [[ $tenth -gt $told && ${BASH_REMATCH[2]} -ge 10 ]]; then
        echo "${tenth}0 % after $((SECONDS - started)) s"
        told=$tenth
      fi
    elif [[ $line != ninja:* || $line = *failed* ]]; then
      printf '%s\n' "$line"
    fi
  done
}
