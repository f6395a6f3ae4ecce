"""Assertions of the scenario that neither tool makes.

A query is asked with the server's own client, as root over its socket; a request is made and a sqlite file is read
with the Python that Ansible needs in the host anyway.
"""

from __future__ import annotations

import json
import re

from validator.host.machine import Host
from validator.process import Completed
from validator.record import ProbeSeen
from validator.redact import Redactor
from validator.scenario.model import Http, PathProbe, Probe, Sql

SHOWN = 400  # characters of a probe's output that are kept
MYSQL = 'client=$(command -v mariadb || command -v mysql) && exec "$client" --batch --skip-column-names "$@"'
SQLITE = """\
import pathlib, sqlite3, sys
try:
    database = sqlite3.connect(pathlib.Path(sys.argv[1]).absolute().as_uri() + "?mode=ro", uri=True)
    for row in database.execute(sys.argv[2]):
        print(*("NULL" if value is None else value for value in row), sep="\\t")
except sqlite3.Error as error:
    sys.exit(f"{sys.argv[1]}: {error}")
"""
REQUEST = """\
import json, ssl, sys, urllib.error, urllib.request
asked = json.loads(sys.argv[1])
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
trusting = ssl.create_default_context()
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
opener = urllib.request.build_opener(
    Stay, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
)
request = urllib.request.Request(asked["url"], headers=asked["headers"])
try:
    answer = opener.open(request, timeout=asked["timeout"])
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    sys.exit(f"no answer: {getattr(error, 'reason', error)}")
print(answer.status, flush=True)
sys.stdout.buffer.write(answer.read())
"""
# Follows no link: a link's own owner and mode are what Puppet and Ansible manage.
PATH = 'stat --format="%a %U %G" -- "$1" && if [ -f "$1" ]; then cat -- "$1"; fi'


def observe(host: Host, probe: Probe, redactor: Redactor) -> ProbeSeen:
    """Evaluate one probe now."""
    done = host.run(*command(probe), label=f"probe {probe.name}", timeout=probe.timeout, accept=None)
    trouble, output = judged(probe, done)
    return ProbeSeen(
        name=probe.name,
        exit_code=done.code,
        output=redactor.text(output.strip())[:SHOWN],
        trouble=redactor.text(trouble),
    )


def command(probe: Probe) -> tuple[str, ...]:
    """What is run in the host."""
    if probe.sql is not None:
        return _query(probe.sql)
    if probe.http is not None:
        asked = {"url": probe.http.url, "headers": probe.http.headers, "timeout": probe.timeout}
        return ("python3", "-c", REQUEST, json.dumps(asked))
    if probe.file is not None:
        return ("/bin/sh", "-c", PATH, "sh", probe.file.path)
    return ("/bin/sh", "-c", probe.command or "false")


def judged(probe: Probe, done: Completed) -> tuple[str, str]:
    """Why the probe did not pass (empty when it did), and what there is to show."""
    said = (done.text + done.errors).strip()
    if done.timed_out:
        return f"did not end within {probe.timeout:.0f} s", said
    text = done.text
    if probe.file is not None:
        trouble, text = _path(probe.file, done)
        said = said if trouble else ""  # a file's content is shown only where it matters
    elif probe.http is not None:
        trouble, text = _answer(probe.http, done)
    else:
        wanted = probe.exit if probe.command is not None else 0
        trouble = "" if done.code == wanted else f"exit status {done.code}, wanted {wanted}"
    if not trouble and probe.stdout is not None and re.search(probe.stdout, text) is None:
        trouble = f"the output does not match: {probe.stdout}"
    return trouble, said


def _query(sql: Sql) -> tuple[str, ...]:
    if sql.engine == "sqlite":
        return ("python3", "-c", SQLITE, sql.database, sql.query)
    if sql.engine == "postgresql":
        database = (f"--dbname={sql.database}",) if sql.database else ()
        psql = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--field-separator=\t", *database)
        return ("runuser", "-u", "postgres", "--", *psql, f"--command={sql.query}")
    database = (f"--database={sql.database}",) if sql.database else ()
    return ("/bin/sh", "-c", MYSQL, "sh", *database, f"--execute={sql.query}")


def _answer(http: Http, done: Completed) -> tuple[str, str]:
    status, _, body = done.text.partition("\n")
    if done.code != 0:
        return done.errors.strip() or f"exit status {done.code}", body
    return "" if status == str(http.status) else f"status {status}, wanted {http.status}", body


def _path(path: PathProbe, done: Completed) -> tuple[str, str]:
    first, _, content = done.text.partition("\n")
    if (done.code == 0) != path.exists:
        return f"{path.path} {'does not exist' if path.exists else 'exists'}", content
    if not path.exists:
        return "", content
    mode, owner, group = (*first.split(" "), "", "")[:3]
    pairs = (
        ("mode", path.mode and path.mode.zfill(4), mode.zfill(4)),
        ("owner", path.owner, owner),
        ("group", path.group, group),
    )
    wrong = [f"{name} is {found}, wanted {wanted}" for name, wanted, found in pairs if wanted and wanted != found]
    return f"{path.path}: {'; '.join(wrong)}" if wrong else "", content
