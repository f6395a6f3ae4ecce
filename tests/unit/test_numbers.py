"""What the comparing checks had to look at, counted on a record of a real run."""

from __future__ import annotations

import gzip

from tests.conftest import PROJECT
from validator import record
from validator.checks import numbers
from validator.verdict import judge

RECORD = PROJECT / "tests/fixtures/records/newton-ocata.converged.json.gz"


def test_a_real_upgrade_has_refreshes_to_deliver_and_a_host_to_agree_with() -> None:
    run = record.load_text(gzip.decompress(RECORD.read_bytes()).decode())
    refreshes = numbers.refreshes(run)
    assert refreshes["targets"] >= 5
    assert refreshes["sources"] > 100
    assert refreshes["changed_by_tasks"] > 10
    assert refreshes["lost"] == 0
    assert numbers.agreement(run)["paths_compared"] > 50
    assert judge(run).compared == {"refreshes": refreshes, "agreement": numbers.agreement(run)}
    assert [(each.unit, each.phase) for each in judge(run).restarts] == [("apache2.service", "upgrade")]
