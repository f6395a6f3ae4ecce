#!/usr/bin/env bash
# One scenario for a job of GitHub Actions: annotations, the job's summary, the result and its record as files.
# From the environment: SCENARIO, ROOT, RESULTS, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT. Ends with the validator's status.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
validate=${VALIDATE:-$here/.venv/bin/validate}

mkdir -p "$RESULTS"
name=${SCENARIO%/}
name=${name##*/}
result=$RESULTS/$name.json
rm -f "$result"
status=0
"$validate" scenario "$SCENARIO" --root "$ROOT" --format json --output "$result" || status=$?
[ -e "$result" ] || exit "$status" # without a result there is no verdict

python=$(dirname "$validate")/python
field() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$result" "$1"; }
record=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["records"][0])' "$result")
cp "$record" "$RESULTS/$name.record.json" # beside the result: there `validate gate` finds it
# Judged again, the same record has the same status; 3 is for what could not be judged.
"$validate" judge "$record" --format github || [ $? = "$status" ] || exit 3
"$validate" judge "$record" --format markdown >>"$GITHUB_STEP_SUMMARY" || [ $? = "$status" ] || exit 3
{
  echo "verdict=$(field verdict)"
  echo "result=$result"
} >>"$GITHUB_OUTPUT"
exit "$status"
