"""The servers say the same, or their speeds could not be compared."""

import json
import urllib.request

import load
from servers import Server

_CUSTOMERS = range(3)


def check(gateway: Server, limit: Server, plain: Server) -> None:
    """Ask all of them for the same customers. Raises AssertionError."""
    for case in load.READING:
        for number in _CUSTOMERS:
            ours, theirs = _asked(gateway, case, number), _asked(limit, case, number)
            assert len(ours) == 1, ours
            shown = next(iter(ours.values()))
            assert _without_cursors(shown) == _without_cursors(theirs), (case.name, shown, theirs)
    full = load.READING[1]
    said = _asked(plain, full, 0)["me"] | {"createdAt": None}
    assert said == _asked(gateway, full, 0)["me"] | {"createdAt": None}


def _asked(server: Server, case: load.Case, number: int) -> dict:
    path = f"/{case.name}" if server.name == "limit" else "/graphql"
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        case.body.replace("@NUMBER@", f"{number:06d}").encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer bench-{number}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def _without_cursors(shown: dict) -> dict:
    """Cursors are as good as any; one is not like the other."""
    for edge in shown.get("mails", {}).get("edges", []):
        del edge["cursor"]
    return shown
