"""What must hold after every fault, seen from outside: receipts, GraphQL, catalog.

Each checker returns a sentence for each breach; no sentence, no breach.
"""

from collections import defaultdict
from contextlib import suppress
from typing import Any

from faults.postoffice import Receipt
from faults.rig import Rig, UnansweredError
from faults.stories import Story
from receivers import Received
from standardwebhooks.webhooks import WebhookVerificationError

_CLOCKS = 0.05  # seconds that two readings of one clock, by two processes, may differ
_SEEN = """{ me {
  mails(first: 50) { edges { node { id state } } }
  emailChanges { edges { node { acceptedBy settledAt autoAcceptAt } } }
} }"""
# What a mutation writes, it writes whole: none of these finds a row.
_HALVES = {
    "a sign-up without its mail": """
        SELECT id FROM signups s WHERE NOT EXISTS (
          SELECT FROM mails m WHERE m.signup_id = s.id AND m.template = 'creation')""",
    "a sign-up without its challenge": """
        SELECT id FROM signups s WHERE NOT EXISTS (
          SELECT FROM challenges c WHERE c.signup_id = s.id)""",
    "a change without its question or its notice": """
        SELECT id FROM email_changes c WHERE (
          SELECT count(DISTINCT template) FROM mails m WHERE m.email_change_id = c.id
          AND m.template IN ('email_change_validation', 'email_change_told_new')) < 2""",
    "a pending change whose deadline is over": """
        SELECT id FROM email_changes WHERE state = 'PENDING'
        AND auto_accept_at < clock_timestamp() - interval '2 seconds'""",
    "an accepted change without its two notices, or with more": """
        SELECT id FROM email_changes c WHERE state IN ('DONE', 'REVERTED') AND (
          SELECT array_agg(m.template ORDER BY m.template) FROM mails m
          WHERE m.email_change_id = c.id AND m.template LIKE 'email_change_accepted%')
        IS DISTINCT FROM ARRAY['email_change_accepted_former', 'email_change_accepted_new']
          ::varchar[]""",
    "a notice of acceptance without acceptance": """
        SELECT c.id FROM email_changes c JOIN mails m ON m.email_change_id = c.id
        WHERE c.state NOT IN ('DONE', 'REVERTED')
        AND m.template LIKE 'email_change_accepted%'""",
    "an account without the address that it was given": """
        SELECT id FROM accounts a WHERE email_key <> (
          SELECT new_email_key FROM email_changes c WHERE c.account_id = a.id
          AND state = 'DONE' ORDER BY settled_at DESC LIMIT 1)""",
    "a reverted account that is open, or at its new address": """
        SELECT c.id FROM email_changes c JOIN accounts a ON a.id = c.account_id
        WHERE c.state = 'REVERTED' AND (a.state = 'ACTIVE' OR a.email_key = c.new_email_key)""",
    "a reset without its mail": """
        SELECT account_id FROM challenges WHERE purpose = 'PASSWORD_RESET'
        AND account_id IS NOT NULL GROUP BY account_id HAVING count(*) > (
          SELECT count(*) FROM mails m WHERE m.account_id = challenges.account_id
          AND m.template = 'password_reset')""",
}


async def breaches(rig: Rig, stories: list[Story]) -> list[str]:
    """Return every breach of every invariant."""
    return [
        *rig.complaints,
        *await silent(rig),
        *await early(rig),
        *await settled_twice(rig),
        *await sent_twice(rig),
        *await half_done(rig),
        *await poison_hidden(rig),
        *await told_otherwise(rig, stories),
        *await untold(rig),
    ]


async def silent(rig: Rig) -> list[str]:
    """Every mail that is owed is there, and has left, or says why not."""
    rows = await rig.sql("SELECT * FROM mails")
    known = {(row["template"], row["recipient"]) for row in rows}
    taken = {mail_of(receipt) for receipt in rig.office.receipts}
    return [
        *(
            f"silent: {promise.story} owes {promise.template} to {promise.recipient}"
            for promise in rig.promises
            if (promise.template, promise.recipient) not in known
        ),
        *(f"silent: {_named(row)} {fault}" for row in rows if (fault := _silence(row, taken))),
    ]


async def early(rig: Rig) -> list[str]:
    """Silence accepts at its deadline, which counts from when the question left or bounced."""
    found = []
    for change in await rig.sql("SELECT * FROM email_changes"):
        deadline = change["auto_accept_at"]
        silent_yes = change["accepted_by"] == "SILENCE"
        if silent_yes and (deadline is None or change["settled_at"] < deadline):
            found.append(f"early: {change['id']} accepted before its deadline: {deadline}")
        if deadline is None:
            continue
        left = await _left(rig, change)
        if left is None:
            found.append(f"early: the clock of {change['id']} runs, its question has not left")
        elif deadline.timestamp() + _CLOCKS < left + change["auto_accept_after"]:
            found.append(f"early: the clock of {change['id']} ran before its question left")
    return found


async def settled_twice(rig: Rig) -> list[str]:
    """A change leaves PENDING once and DONE at most once; a mail leaves QUEUED once."""
    rows = await rig.sql(
        "SELECT kind, id, former, count(*) AS times FROM witness GROUP BY 1, 2, 3"
        " HAVING count(*) > 1 OR former NOT IN ('PENDING', 'DONE', 'QUEUED')"
    )
    return [f"twice: {row['kind']} {row['id']} left {row['former']}" for row in rows]


async def sent_twice(rig: Rig) -> list[str]:
    """A second copy only where the end of the first dialogue was unknown; one row, one id."""
    copies: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in rig.office.receipts:
        copies[mail_of(receipt)].append(receipt)
    known = {str(row["id"]): row["recipient"] for row in await rig.sql("SELECT * FROM mails")}
    found = []
    for mail, receipts in copies.items():
        if any(receipt.recipient != known.get(mail) for receipt in receipts):
            found.append(f"strange: {mail} to {receipts[0].recipient} is not in the outbox")
        if not all(receipt.unknown for receipt in receipts[:-1]):
            found.append(f"twice: {len(receipts)} copies of {mail} to {receipts[0].recipient}")
    return found


async def half_done(rig: Rig) -> list[str]:
    """A mutation has done all of its work or none of it."""
    found = []
    for sentence, query in _HALVES.items():
        found += [f"half done: {sentence}: {row[0]}" for row in await rig.sql(query)]
    return found


async def poison_hidden(rig: Rig) -> list[str]:
    """A mail that cannot be written ends, and says why."""
    rows = {str(row["id"]): row for row in await rig.sql("SELECT * FROM mails")}
    return [
        f"hidden: {mail} is {rows[mail]['state']}: {rows[mail]['reason']}"
        for mail in rig.poison
        if rows[mail]["state"] != "ABANDONED" or "Undefined" not in (rows[mail]["reason"] or "")
    ]


async def told_otherwise(rig: Rig, stories: list[Story]) -> list[str]:
    """What GraphQL tells each holder is what came, in the order in which it may come."""
    found, taken = [], {mail_of(receipt) for receipt in rig.office.receipts}
    for story in stories:
        if not story.token:
            continue
        try:
            me = (await rig.ask(_SEEN, session=story.token, at=1))["me"]
        except UnansweredError as fault:
            found.append(f"unanswered: {story.name}: {fault}")
            continue
        found += [
            f"told otherwise: a mail to {story.name} is {node['state']}"
            for node in _nodes(me, "mails")
            if node["state"] == "QUEUED" or (node["state"] == "SENT") != (node["id"] in taken)
        ]
        found += [
            f"told otherwise: {story.name} was accepted early"
            for node in _nodes(me, "emailChanges")
            if node["acceptedBy"] == "SILENCE" and node["settledAt"] < node["autoAcceptAt"]
        ]
    return found


async def untold(rig: Rig) -> list[str]:
    """Every event went to the partner's webhook, in the order of its account in the list.

    It came once, or once more for each attempt whose end nobody knew, and signed.
    """
    came: dict[str, list[Received]] = defaultdict(list)
    for request in rig.hooks.received:
        came[request.headers["webhook-id"]].append(request)
    rows = await rig.sql(
        "SELECT e.id, e.published_at, p.number, d.state, d.attempts FROM events e"
        " LEFT JOIN partner_events p ON p.event_id = e.id"
        " LEFT JOIN webhook_deliveries d ON d.event_id = e.id"
    )
    swapped = await rig.sql(
        "SELECT e.id FROM partner_events p JOIN events e ON e.id = p.event_id"
        " JOIN events f ON f.account_id = e.account_id AND f.number < e.number"
        " JOIN partner_events q ON q.event_id = f.id AND q.number > p.number"
    )
    return [
        *(f"untold: event {row['id']} is not published" for row in rows if not row["published_at"]),
        *(
            f"untold: event {row['id']} is {row['state']} and came {len(came[str(row['id'])])}"
            f" times by {row['attempts']} attempts"
            for row in rows
            if row["published_at"]
            and (
                row["state"] != "DELIVERED"
                or not 0 < len(came[str(row["id"])]) <= row["attempts"]
                or row["number"] is None
            )
        ),
        *(f"untold: event {row['id']} stands before an older one" for row in swapped),
        *(f"untold: {name} is not signed" for name in came if not _is_signed(rig, came[name])),
    ]


def _is_signed(rig: Rig, requests: list[Received]) -> bool:
    with suppress(WebhookVerificationError):
        return bool([request.verified(rig.secret) for request in requests])
    return False


def _nodes(me: Any, field: str) -> list[Any]:
    """Nothing, where the account is frozen or its sessions are closed."""
    return [edge["node"] for edge in me[field]["edges"]] if me else []


def mail_of(receipt: Receipt) -> str:
    """Return the id of the row that a mail was made of."""
    return receipt.message_id.strip("<>").partition("@")[0]


def _silence(row: Any, taken: set[str]) -> str:
    if row["state"] == "QUEUED":
        return "is still queued"
    if row["state"] == "SENT":
        return "" if str(row["id"]) in taken else "is SENT and never came"
    return "" if row["reason"] else f"is {row['state']} without a reason"


def _named(row: Any) -> str:
    return f"{row['template']} to {row['recipient']}"


async def _left(rig: Rig, change: Any) -> float | None:
    """Return when the first question of a change was taken, or refused for good."""
    mails = await rig.sql(
        "SELECT * FROM mails WHERE email_change_id = $1 AND template = 'email_change_validation'",
        change["id"],
    )
    ids = {str(mail["id"]) for mail in mails}
    refused = {mail["recipient"] for mail in mails if mail["state"] == "BOUNCED"}
    return min(
        [
            *(receipt.at for receipt in rig.office.receipts if mail_of(receipt) in ids),
            *(at for at, recipient in rig.office.refusals if recipient in refused),
        ],
        default=None,
    )
