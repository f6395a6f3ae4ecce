"""Pages made of saved records, and a real Chromium to open them in."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.unit.test_formats import EVERYTHING, NASTY, finding, result
from validator import record
from validator.record import Fix, Place, Run
from validator.render import html
from validator.verdict import Result, judge

RECORDS = Path(__file__).resolve().parents[1] / "fixtures" / "records"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SWITCHES = (
    "--headless",
    "--no-sandbox",  # it does not start as root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONG = "x" * 5_000
FIX = Fix(
    rule="",
    subject="",
    tasks="- name: pool size\n  community.general.ini_file:\n    path: /etc/app/app.conf\n    option: pool_size\n",
    diff="--- upgrade.yml\n+++ upgrade.yml\n@@ -1,2 +1,3 @@\n - hosts: all\n-  old: 1\n+  new: 1\n+  more: 2\n",
    place=Place(file="scenarios/apache-vhost/upgrade.yml", line=3),
    status="verified",
    before=2,
    after=0,
    variables=("app_password",),
    note="It stands before the handler.",
)


def load(name: str) -> Run:
    return record.load_text(gzip.decompress((RECORDS / f"{name}.json.gz").read_bytes()).decode())


def mended(name: str) -> Result:
    """The result of a saved record whose first cause has a fix."""
    run = load(name)
    first = judge(run).findings[0]
    return judge(replace(run, fixes=(replace(FIX, rule=first.rule, subject=first.subject),)))


def hostile() -> Result:
    """Everything that a value could try to be besides text."""
    return result(
        finding(
            subject=f"File[/<script>alert(1)</script>{LONG}]",
            message=f"{NASTY} \u202etxt.exe {LONG}",
            hint=f"<img src=x onerror=alert(1)> {LONG}",
            evidence={
                "diff": f"--- a\n+++ b\n@@ -1 +1 @@\n-</pre><script>alert(1)</script>\n+{LONG}",
                "changes": [{"property": f"<b>{LONG}", "is": {"a": [LONG]}, "should": None}],
                "output": ["</pre>", LONG, "\x1b[1m\x00"],
                "<script>": "</script><script>alert(1)</script>",
            },
            fix=replace(FIX, tasks=f"- name: </pre><script>alert(1)</script>\n  x: {LONG}\n", note=NASTY),
        ),
        finding("note", subject=f"<script>{LONG}", message=NASTY, warns=True),
        title=f"{NASTY} {LONG}",
        scenario=f"<script>alert(1)</script>{LONG}",
    )


def results() -> dict[str, Result]:
    """Every kind of page."""
    saved = {
        path.name.removesuffix(".json.gz"): judge(load(path.name.removesuffix(".json.gz"))) for path in saved_records()
    }
    mine = {
        "everything": EVERYTHING,
        "nothing": result(),
        "hostile": hostile(),
        "lint": replace(
            result(finding("note", warns=True), kind="lint", verdict="diverged"), phases=(), timeline=(), observed=()
        ),
        "mended": mended("green-but-stale-service.diverged"),
    }
    return {**saved, **mine}


def saved_records() -> list[Path]:
    return sorted(RECORDS.glob("*.json.gz"))


NAMES = sorted(results())


class Browser:
    """One window of Chromium."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in (*SWITCHES, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def open(self, page: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> Browser:
        """Open a page in a window of that width; what was logged before is forgotten."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [theme]})
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.driver.get("about:blank")
        self.said()
        self.requests()
        self.driver.get(page.as_uri())
        return self

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def said(self) -> list[str]:
        """The messages on the console since the last look."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last look."""
        told = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [each["params"]["request"]["url"] for each in told if each["method"] == "Network.requestWillBeSent"]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return entries


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    logging.getLogger("selenium").setLevel(logging.WARNING)
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.driver.quit()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each page as a file."""
    directory = tmp_path_factory.mktemp("pages")
    written = {name: directory / f"{name}.html" for name in NAMES}
    for name, each in results().items():
        written[name].write_text(html.render(each), encoding="utf-8")
    return written
