"""Number what each partner is told, and tell it where it wants to be told."""

from enum import StrEnum
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

# Copies: history must not change with the code.
WebhookState = StrEnum("WebhookState", [(it, it) for it in ("ENABLED", "DISABLED")])
DisabledReason = StrEnum("DisabledReason", [(it, it) for it in ("FAILING", "GONE")])
DeliveryState = StrEnum("DeliveryState", [(it, it) for it in ("QUEUED", "DELIVERED", "ABANDONED")])
AttemptError = StrEnum(
    "AttemptError",
    [
        (it, it)
        for it in (
            "NAME_NOT_FOUND",
            "ADDRESS_REFUSED",
            "CONNECTION_FAILED",
            "TLS_FAILED",
            "TIMED_OUT",
            "PROTOCOL_VIOLATED",
            "INTERNAL",
        )
    ],
)


def _listed(choices: type[StrEnum]) -> str:
    return ", ".join(f"'{it}'" for it in choices)


_INVARIANTS = [
    """
    ALTER TABLE mails
      ADD CONSTRAINT mails_of_partner FOREIGN KEY (partner_id) REFERENCES partners NOT VALID,
      DROP CONSTRAINT mails_have_one_cause,
      ADD CONSTRAINT mails_have_one_cause CHECK
        (num_nonnulls(account_id, signup_id, partner_id) = 1) NOT VALID
    """,
    # Not validated at once: that would keep others from writing while all rows are read.
    "ALTER TABLE mails VALIDATE CONSTRAINT mails_of_partner",
    "ALTER TABLE mails VALIDATE CONSTRAINT mails_have_one_cause",
    """
    ALTER TABLE partner_events
      ADD CONSTRAINT partner_events_of_partner FOREIGN KEY (partner_id) REFERENCES partners,
      ADD CONSTRAINT partner_events_of_event FOREIGN KEY (event_id) REFERENCES events (id),
      ADD CONSTRAINT partner_events_number_once UNIQUE (partner_id, number),
      ADD CONSTRAINT partner_events_told_once UNIQUE (partner_id, event_id),
      ADD CONSTRAINT partner_events_number_from_one CHECK (number > 0)
    """,
    f"""
    ALTER TABLE webhooks
      ADD CONSTRAINT webhooks_of_partner FOREIGN KEY (partner_id) REFERENCES partners,
      ADD CONSTRAINT webhooks_five_at_most UNIQUE (partner_id, place),
      ADD CONSTRAINT webhooks_five_places CHECK (place BETWEEN 1 AND 5),
      ADD CONSTRAINT webhooks_state_known CHECK (state IN ({_listed(WebhookState)})),
      ADD CONSTRAINT webhooks_disabled_reason_known CHECK
        (disabled_reason IN ({_listed(DisabledReason)})),
      ADD CONSTRAINT webhooks_disabled_for_a_reason CHECK
        ((state = 'DISABLED') = (disabled_reason IS NOT NULL)
          AND (state = 'DISABLED') = (disabled_at IS NOT NULL)),
      ADD CONSTRAINT webhooks_former_secret_ends CHECK
        ((former_secret IS NULL) = (former_secret_until IS NULL))
    """,
    f"""
    ALTER TABLE webhook_deliveries
      ADD CONSTRAINT webhook_deliveries_of_webhook FOREIGN KEY (webhook_id) REFERENCES webhooks
        ON DELETE CASCADE,
      ADD CONSTRAINT webhook_deliveries_of_event FOREIGN KEY (event_id) REFERENCES events (id),
      ADD CONSTRAINT webhook_deliveries_one_an_event UNIQUE (webhook_id, event_id),
      ADD CONSTRAINT webhook_deliveries_state_known CHECK (state IN ({_listed(DeliveryState)})),
      ADD CONSTRAINT webhook_deliveries_settled_once CHECK
        ((state = 'QUEUED') = (settled_at IS NULL)),
      ADD CONSTRAINT webhook_deliveries_claimed_while_queued CHECK
        (state = 'QUEUED' OR claimed_at IS NULL)
    """,
    f"""
    ALTER TABLE webhook_attempts
      ADD CONSTRAINT webhook_attempts_of_delivery FOREIGN KEY (delivery_id)
        REFERENCES webhook_deliveries ON DELETE CASCADE,
      ADD CONSTRAINT webhook_attempts_number_once UNIQUE (delivery_id, number),
      ADD CONSTRAINT webhook_attempts_number_from_one CHECK (number > 0),
      ADD CONSTRAINT webhook_attempts_error_known CHECK (error IN ({_listed(AttemptError)})),
      ADD CONSTRAINT webhook_attempts_answered_or_not CHECK
        ((status IS NULL) <> (error IS NULL))
    """,
    """
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at)
      WHERE state = 'QUEUED'
    """,
    """
    CREATE INDEX webhook_deliveries_under_way ON webhook_deliveries (webhook_id, due_at)
      WHERE claimed_at IS NOT NULL
    """,
    """
    CREATE INDEX webhook_deliveries_by_webhook
      ON webhook_deliveries (webhook_id, queued_at DESC, id DESC)
    """,
    """
    CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (settled_at)
      WHERE settled_at IS NOT NULL
    """,
]


def _id() -> fields.UUIDField:
    return fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)


def _number() -> fields.BigIntField:
    return fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


def _instant(*, null: bool = False) -> fields.DatetimeField:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=False)


class Migration(migrations.Migration):
    dependencies = [("models", "0009_partners")]

    initial = False

    operations = [
        ops.AddField(model_name="Mail", name="partner_id", field=fields.UUIDField(null=True)),
        ops.CreateModel(
            name="PartnerEvent",
            fields=[
                ("id", _number()),
                ("partner_id", fields.UUIDField()),
                ("number", fields.BigIntField()),
                ("event_id", fields.UUIDField()),
            ],
            options={
                "table": "partner_events",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One event in the list of one partner; `number` counts from 1 there.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Webhook",
            fields=[
                ("id", _id()),
                ("partner_id", fields.UUIDField()),
                ("place", fields.IntField()),
                ("url", fields.CharField(max_length=500)),
                ("types", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                (
                    "state",
                    fields.CharEnumField(
                        default=WebhookState.ENABLED, enum_type=WebhookState, max_length=10
                    ),
                ),
                (
                    "disabled_reason",
                    fields.CharEnumField(null=True, enum_type=DisabledReason, max_length=10),
                ),
                ("disabled_at", _instant(null=True)),
                ("secret", fields.TextField(unique=False)),
                ("former_secret", fields.TextField(null=True, unique=False)),
                ("former_secret_until", _instant(null=True)),
                ("failing_since", _instant(null=True)),
                ("paused_until", _instant(null=True)),
                ("created_at", _instant()),
            ],
            options={
                "table": "webhooks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One endpoint of a partner; no `types` are all. Secrets are sealed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", _id()),
                ("attempts", fields.IntField(default=0)),
                ("due_at", _instant()),
                ("settled_at", _instant(null=True)),
                ("claimed_at", _instant(null=True)),
                ("webhook_id", fields.UUIDField()),
                ("event_id", fields.UUIDField()),
                (
                    "state",
                    fields.CharEnumField(
                        default=DeliveryState.QUEUED, enum_type=DeliveryState, max_length=10
                    ),
                ),
                ("queued_at", _instant()),
            ],
            options={
                "table": "webhook_deliveries",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One event on its way to one webhook.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", _number()),
                ("delivery_id", fields.UUIDField()),
                ("number", fields.IntField()),
                ("at", _instant()),
                ("status", fields.IntField(null=True)),
                (
                    "error",
                    fields.CharEnumField(null=True, enum_type=AttemptError, max_length=20),
                ),
                ("duration", fields.IntField()),
            ],
            options={
                "table": "webhook_attempts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One attempt: the status of the answer, or why there was none; `duration` in milliseconds.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
