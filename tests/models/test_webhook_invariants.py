"""What PostgreSQL itself refuses of webhooks, and of what partners are told."""

import re

import factories
import pytest
from catalog import constraints, indexes, plain, refusal
from factories import POLICY
from tortoise.connection import get_connection

from models import events, webhooks
from models.webhooks import (
    Answer,
    AttemptError,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookDelivery,
    WebhookState,
)

CONSTRAINTS = {
    "partner_events": {
        "partner_events_pkey": "PRIMARY KEY (id)",
        "partner_events_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
        "partner_events_of_event": "FOREIGN KEY (event_id) REFERENCES events(id)",
        "partner_events_number_once": "UNIQUE (partner_id, number)",
        "partner_events_told_once": "UNIQUE (partner_id, event_id)",
        "partner_events_number_from_one": "CHECK ((number > 0))",
    },
    "webhooks": {
        "webhooks_pkey": "PRIMARY KEY (id)",
        "webhooks_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
        "webhooks_five_at_most": "UNIQUE (partner_id, place)",
        "webhooks_five_places": "CHECK (((place >= 1) AND (place <= 5)))",
        "webhooks_disabled_for_a_reason": """CHECK ((((state = 'DISABLED')
            = (disabled_reason IS NOT NULL))
            AND ((state = 'DISABLED') = (disabled_at IS NOT NULL))))""",
        "webhooks_former_secret_ends": """CHECK (((former_secret IS NULL)
            = (former_secret_until IS NULL)))""",
    },
    "webhook_deliveries": {
        "webhook_deliveries_pkey": "PRIMARY KEY (id)",
        "webhook_deliveries_of_webhook": """FOREIGN KEY (webhook_id) REFERENCES webhooks(id)
            ON DELETE CASCADE""",
        "webhook_deliveries_of_event": "FOREIGN KEY (event_id) REFERENCES events(id)",
        "webhook_deliveries_one_an_event": "UNIQUE (webhook_id, event_id)",
        "webhook_deliveries_settled_once": """CHECK (((state = 'QUEUED')
            = (settled_at IS NULL)))""",
        "webhook_deliveries_claimed_while_queued": """CHECK (((state = 'QUEUED')
            OR (claimed_at IS NULL)))""",
    },
    "webhook_attempts": {
        "webhook_attempts_pkey": "PRIMARY KEY (id)",
        "webhook_attempts_of_delivery": """FOREIGN KEY (delivery_id)
            REFERENCES webhook_deliveries(id) ON DELETE CASCADE""",
        "webhook_attempts_number_once": "UNIQUE (delivery_id, number)",
        "webhook_attempts_number_from_one": "CHECK ((number > 0))",
        "webhook_attempts_answered_or_not": "CHECK (((status IS NULL) <> (error IS NULL)))",
    },
}
INDEXES = {
    "webhook_deliveries_due": """webhook_deliveries (webhook_id, due_at)
        WHERE (state = 'QUEUED')""",
    "webhook_deliveries_under_way": """webhook_deliveries (webhook_id, due_at)
        WHERE (claimed_at IS NOT NULL)""",
    "webhook_deliveries_by_webhook": """webhook_deliveries (webhook_id, queued_at DESC,
        id DESC)""",
    "webhook_deliveries_by_age": "webhook_deliveries (settled_at) WHERE (settled_at IS NOT NULL)",
}
CHOICES = {
    "webhooks_state_known": ("state", WebhookState),
    "webhooks_disabled_reason_known": ("disabled_reason", DisabledReason),
    "webhook_deliveries_state_known": ("state", DeliveryState),
    "webhook_attempts_error_known": ("error", AttemptError),
}
# One row more, under another id: what is not listed is as it was.
EVENT = "INSERT INTO partner_events (partner_id, number, event_id) SELECT partner_id,"
ATTEMPT = "INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration)"
NOBODY = "gen_random_uuid()"
DONE, QUEUED = "state = 'DELIVERED'", "state = 'QUEUED'"
VIOLATIONS = [
    (f"{EVENT} number, event_id FROM partner_events", "partner_events_number_once"),
    (f"{EVENT} number + 100, event_id FROM partner_events", "partner_events_told_once"),
    ("UPDATE partner_events SET number = 1 - number", "partner_events_number_from_one"),
    (f"UPDATE partner_events SET event_id = {NOBODY}", "partner_events_of_event"),
    (f"UPDATE partner_events SET partner_id = {NOBODY}", "partner_events_of_partner"),
    ("COPY webhooks", "webhooks_five_at_most"),
    ("UPDATE webhooks SET place = place + 5", "webhooks_five_places"),
    ("UPDATE webhooks SET place = place - 1", "webhooks_five_places"),
    (f"UPDATE webhooks SET partner_id = {NOBODY}", "webhooks_of_partner"),
    ("UPDATE webhooks SET state = 'ELSE'", "webhooks_state_known"),
    ("UPDATE webhooks SET state = 'DISABLED'", "webhooks_disabled_for_a_reason"),
    (
        "UPDATE webhooks SET state = 'DISABLED', disabled_reason = 'GONE'",
        "webhooks_disabled_for_a_reason",
    ),
    ("UPDATE webhooks SET disabled_reason = 'GONE'", "webhooks_disabled_for_a_reason"),
    (
        "UPDATE webhooks SET state = 'DISABLED', disabled_reason = 'ELSE', disabled_at = now()",
        "webhooks_disabled_reason_known",
    ),
    ("UPDATE webhooks SET former_secret = secret", "webhooks_former_secret_ends"),
    ("COPY webhook_deliveries", "webhook_deliveries_one_an_event"),
    (f"UPDATE webhook_deliveries SET webhook_id = {NOBODY}", "webhook_deliveries_of_webhook"),
    (f"UPDATE webhook_deliveries SET event_id = {NOBODY}", "webhook_deliveries_of_event"),
    ("UPDATE webhook_deliveries SET state = 'ELSE'", "webhook_deliveries_state_known"),
    (
        f"UPDATE webhook_deliveries SET settled_at = NULL WHERE {DONE}",
        "webhook_deliveries_settled_once",
    ),
    (
        f"UPDATE webhook_deliveries SET settled_at = now() WHERE {QUEUED}",
        "webhook_deliveries_settled_once",
    ),
    (
        f"UPDATE webhook_deliveries SET claimed_at = now() WHERE {DONE}",
        "webhook_deliveries_claimed_while_queued",
    ),
    (
        f"{ATTEMPT} SELECT delivery_id, number, at, status, error, 0 FROM webhook_attempts",
        "webhook_attempts_number_once",
    ),
    (
        f"{ATTEMPT} SELECT delivery_id, 0, at, status, error, 0 FROM webhook_attempts",
        "webhook_attempts_number_from_one",
    ),
    (
        f"{ATTEMPT} SELECT delivery_id, 9, at, NULL, NULL, 0 FROM webhook_attempts",
        "webhook_attempts_answered_or_not",
    ),
    (
        f"{ATTEMPT} SELECT delivery_id, 9, at, 200, 'INTERNAL', 0 FROM webhook_attempts",
        "webhook_attempts_answered_or_not",
    ),
    (
        f"{ATTEMPT} SELECT delivery_id, 9, at, NULL, 'ELSE', 0 FROM webhook_attempts",
        "webhook_attempts_error_known",
    ),
    (
        f"{ATTEMPT} SELECT {NOBODY}, 1, at, 200, NULL, 0 FROM webhook_attempts LIMIT 1",
        "webhook_attempts_of_delivery",
    ),
    ("UPDATE mails SET account_id = NULL WHERE signup_id IS NULL", "mails_have_one_cause"),
    (
        "UPDATE mails SET partner_id = (SELECT id FROM partners LIMIT 1)",
        "mails_have_one_cause",
    ),
    (
        f"UPDATE mails SET account_id = NULL, partner_id = {NOBODY}",
        "mails_of_partner",
    ),
]


@pytest.fixture
async def world(alice):
    """A webhook with a delivery that was made, and one that waits."""
    await events.publish(policy=POLICY)
    billing = await factories.access("Billing", first_party=True)
    await factories.webhook(billing)
    event = await factories.told(alice.account)
    done = await WebhookDelivery.get(event_id=event.id)
    await webhooks.settle(await webhooks.claim(done.id), Answer(status=204), policy=POLICY)
    await factories.told(alice.account)


async def rows():
    return [await factories.rows_of(table) for table in (*CONSTRAINTS, "mails")]


async def test_has_the_constraints_of_the_migration(tables):
    """Each constraint is there, under its name, and says what it should."""
    found = {
        key: plain(definition)
        for key, definition in (await constraints()).items()
        if key[0] in CONSTRAINTS and key[1] not in CHOICES
    }

    assert found == {
        (table, name): plain(definition)
        for table, listed in CONSTRAINTS.items()
        for name, definition in listed.items()
    }


async def test_has_the_indexes_of_the_migration(tables):
    """Workers and lists stand on these."""
    of_constraints = {name for listed in CONSTRAINTS.values() for name in listed}

    found = {
        name: definition
        for (table, name), definition in (await indexes()).items()
        if table in CONSTRAINTS and name not in of_constraints
    }

    assert found == {name: plain(definition) for name, definition in INDEXES.items()}


@pytest.mark.parametrize("name", CHOICES)
async def test_knows_the_choices_of_the_models(tables, name):
    """A column with choices takes those of its enum, no more and no less."""
    column, choices = CHOICES[name]

    found = {key[1]: definition for key, definition in (await constraints()).items()}[name]

    assert re.search(rf"\({column}\)", found)
    assert re.findall("'([A-Z_]+)'", found) == [choice.value for choice in choices]


@pytest.mark.parametrize(("statement", "constraint"), VIOLATIONS)
async def test_refuses_what_breaks_an_invariant(world, statement, constraint):
    """PostgreSQL refuses the row, whoever writes it, and nothing is changed."""
    before = await rows()

    refused = await refusal(statement)

    assert refused == constraint
    assert await rows() == before


def test_tries_every_constraint():
    """Whoever adds a constraint adds a row that breaks it."""
    tried = {constraint for _, constraint in VIOLATIONS}

    listed = {
        name
        for definitions in CONSTRAINTS.values()
        for name, definition in definitions.items()
        if not definition.startswith("PRIMARY")
    }
    assert (listed | set(CHOICES)) - tried == set()


async def test_removes_a_webhook_whole(world):
    """What hangs on it goes with it; what partners were told stays."""
    await get_connection("default").execute_query("DELETE FROM webhooks")

    left = {table: len(await factories.rows_of(table)) for table in CONSTRAINTS}
    assert await Webhook.all().count() == 0
    assert left.pop("partner_events") > 0
    assert set(left.values()) == {0}
