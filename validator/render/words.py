"""Words that every format says in the same way."""

from __future__ import annotations

from collections.abc import Mapping

from validator.record import Kind
from validator.verdict import Verdict

WHOSE = {
    "clash": "a clash: an upgrade task has dealt with it, and Puppet wants it otherwise",
    "missed": "missed: no upgrade task touched it",
}
INCONCLUSIVE = "INCONCLUSIVE: this run proves nothing; see why below."
HEADLINES: Mapping[Kind, Mapping[Verdict, str]] = {
    "lint": {
        "converged": "NOTHING FOUND: neither in the tasks as written nor in the catalog as compiled.",
        "diverged": "SUSPECT: what is written here has broken hosts elsewhere; nothing was applied.",
        "inconclusive": "INCONCLUSIVE: there was no catalog to look at; see why below.",
    },
    "upgrade": {
        "converged": "CONVERGED: after the upgrade tasks, Puppet had nothing left to do.",
        "diverged": "DIVERGED: after the upgrade tasks, the host is not what Puppet for the new release wants.",
        "inconclusive": INCONCLUSIVE,
    },
    "idempotence": {
        "converged": "CONVERGED: applied once more, the release had nothing left to do.",
        "diverged": "DIVERGED: applied once more, the release still changes the host.",
        "inconclusive": INCONCLUSIVE,
    },
    "upgrade-idempotence": {
        "converged": "CONVERGED: run once more, the upgrade tasks had nothing left to do.",
        "diverged": "DIVERGED: run once more, the upgrade tasks still change the host.",
        "inconclusive": INCONCLUSIVE,
    },
}
