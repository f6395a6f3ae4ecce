#!/usr/bin/env bash
# setup.sh EXTRAS: what this project needs from the system and from PyPI, into .venv. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")"
extras=${1:-collections}

need() { # need PROGRAM PACKAGE: install a Debian package when its program is missing
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
missing=()
need mmdebstrap mmdebstrap
need nsenter util-linux
need git git
case ",$extras," in *,dev,*) # what the tests of the HTML page look at it with
  need chromium chromium
  need chromedriver chromium-driver
  need java default-jre-headless
  need ip iproute2 # a network of its own for what is tested as on a machine of its own
  need ssh-keygen openssh-client # signs and verifies a release in the tests of the gate
esac
python=python3
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
need "$python" python3
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "setup: missing: ${missing[*]}. Install them (on Debian: sudo apt-get install ${missing[*]}) and run this again." >&2
    exit 2
  fi
  echo "setup: installing ${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Python 3.11 or newer is needed" >&2; exit 2; }

[ -x .venv/bin/python ] || "$python" -m venv .venv
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
echo "setup: installing Python packages" >&2
.venv/bin/uv pip install --quiet --python .venv/bin/python --constraint constraints.txt --editable ".[$extras]"
# Without compiled bytecode every start of Ansible costs twice as much. The collections' controller-side code is
# read too seldom to be worth the minute that compiling 20,000 files takes.
.venv/bin/python -m compileall -q -j 0 -x 'ansible_collections|/tests?/' .venv/lib validator >/dev/null || true
touch ".venv/.ready-$extras"
