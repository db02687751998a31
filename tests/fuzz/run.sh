#!/bin/bash
# Runs libFuzzer on each target in turn: run.sh TREE SECONDS [TARGET...]
#
# What it learns stays in TREE/corpus/TARGET and is where the next run begins; an input that breaks
# a target goes to TREE/found. FUZZ_SEEDS may name a folder of further seeds.
set -euo pipefail
tree=$1 seconds=$2
shift 2
targets=$(cd "$tree/tests/fuzz" && ls ./*.seeds | sed 's|^\./||; s|\.seeds$||')
[ $# -eq 0 ] || targets=$*
declare -A longest=([config]=4096 [words]=200 [chunked]=512 [head]=1024)

mkdir -p "$tree/found"
broken=()
for target in $targets; do
  program=$tree/tests/fuzz/fuzz_$target
  mkdir -p "$tree/corpus/$target"
  mapfile -t seeds <"$tree/tests/fuzz/$target.seeds"
  dictionary=$(dirname "$0")/dictionaries/$target
  [ ! -f "$dictionary" ] || seeds+=("-dict=$dictionary")
  [ -z "${FUZZ_SEEDS:-}" ] || seeds+=("$FUZZ_SEEDS")
  echo "== $target, for $seconds s"
  log=$tree/found/$target.log
  if nice "$program" -max_total_time="$seconds" -max_len="${longest[$target]:-2048}" -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 -artifact_prefix="$tree/found/$target-" \
    "$tree/corpus/$target" "${seeds[@]}" >"$log" 2>&1; then
    grep -E 'number_of_executed_units|new_units_added' "$log" | sed 's/^stat::/  /'
  else
    broken+=("$target")
    tail -n 40 "$log"
    echo "  again: $program \$(ls -t $tree/found/$target-* | head -1)"
  fi
done
[ ${#broken[@]} -eq 0 ] || { echo "found something in: ${broken[*]}" && exit 1; }
