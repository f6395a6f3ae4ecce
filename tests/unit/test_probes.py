"""Probes: what is asked of a host, and what the answer means. Queries and requests are made for real."""

from __future__ import annotations

import http.server
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from validator import process
from validator.scenario.model import Probe
from validator.witness import probes


def asked(**probe: object) -> tuple[str, str]:
    made = Probe.model_validate({"name": "a probe", **probe})
    done = process.run(process.Command(argv=probes.command(made), label="probe", accept=None, timeout=made.timeout))
    return probes.judged(made, done)


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/")
            else:
                self.send_response(200 if self.path == "/" else 404)
            self.end_headers()
            self.wfile.write(f"hello {self.headers.get('X-Name', 'nobody')}".encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_passes_by_its_status_and_its_output() -> None:
    assert asked(command="echo yes", stdout="^yes$")[0] == ""
    assert asked(command="exit 3", exit=3)[0] == ""
    assert asked(command="exit 3")[0] == "exit status 3, wanted 0"
    assert "does not match" in asked(command="echo no", stdout="yes")[0]
    assert asked(command="sleep 9", timeout=0.2)[0] == "did not end within 0 s"


def test_a_query_is_answered_by_the_database(tmp_path: Path) -> None:
    file = tmp_path / "it's.db"
    with sqlite3.connect(file) as database:
        database.execute("create table versions (name text, number integer)")
        database.execute("insert into versions values ('api', 7), ('cell', null)")
    sql = {"engine": "sqlite", "database": str(file), "query": "select * from versions order by name"}
    assert asked(sql=sql, stdout=r"^api\t7\ncell\tNULL$")[0] == ""
    assert "does not match" in asked(sql=sql, stdout=r"^api\t8")[0]
    trouble, said = asked(sql={**sql, "query": "select * from missing"})
    assert trouble == "exit status 1, wanted 0"
    assert "no such table" in said
    assert asked(sql={**sql, "database": str(tmp_path / "none.db")})[0] != ""
    assert not (tmp_path / "none.db").exists()


def test_other_databases_are_asked_with_their_own_clients() -> None:
    query = {"query": "SELECT 1", "database": "nova"}
    mysql = probes.command(Probe.model_validate({"name": "p", "sql": query}))
    assert mysql[-2:] == ("--database=nova", "--execute=SELECT 1")
    postgresql = probes.command(Probe.model_validate({"name": "p", "sql": {**query, "engine": "postgresql"}}))
    assert postgresql[:4] == ("runuser", "-u", "postgres", "--")
    assert postgresql[-2:] == ("--dbname=nova", "--command=SELECT 1")


def test_a_request_passes_by_its_status_and_its_body(url: str) -> None:
    assert asked(http={"url": url + "/", "headers": {"X-Name": "me"}}, stdout="^hello me$")[0] == ""
    assert asked(http={"url": url + "/gone"})[0] == "status 404, wanted 200"
    assert asked(http={"url": url + "/moved", "status": 302})[0] == ""
    assert "does not match" in asked(http={"url": url + "/"}, stdout="goodbye")[0]


def test_nobody_who_answers_is_said_so() -> None:
    trouble, _ = asked(http={"url": "http://127.0.0.1:9/"})
    assert "no answer" in trouble


def test_a_path_passes_by_what_is_asked_of_it(tmp_path: Path) -> None:
    path = tmp_path / "app.conf"
    path.write_text("password = x\n", encoding="utf-8")
    path.chmod(0o640)
    assert asked(file={"path": str(path), "mode": "640", "owner": "root"}, stdout="password")[0] == ""
    trouble, said = asked(file={"path": str(path), "mode": "0600", "group": "daemon"})
    assert trouble == f"{path}: mode is 0640, wanted 0600; group is root, wanted daemon"
    assert "640 root root" in said
    assert asked(file={"path": str(path), "exists": False})[0] == f"{path} exists"
    assert asked(file={"path": str(path) + "x"})[0] == f"{path}x does not exist"
    assert asked(file={"path": str(path) + "x", "exists": False})[0] == ""


def test_a_passing_path_shows_nothing_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret", encoding="utf-8")
    assert asked(file={"path": str(tmp_path / "key")}) == ("", "")
