"""Know partners and their keys, what holders let them do, and what they are told."""

from enum import StrEnum
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

# Copies: history must not change with the code.
ConsentState = StrEnum(
    "ConsentState",
    [(it, it) for it in ("PENDING", "GRANTED", "REFUSED", "EXPIRED", "REVOKED", "REPLACED")],
)
EventType = StrEnum(
    "EventType",
    [
        (it.replace(".", "_").upper(), it)
        for it in (
            "account.created",
            "account.profile_updated",
            "account.email_change_requested",
            "account.email_change_settled",
            "account.frozen",
            "account.unfrozen",
            "consent.granted",
            "consent.refused",
            "consent.revoked",
            "consent.expired",
        )
    ],
)
_TYPES = ", ".join(f"'{it}'" for it in EventType)
_STATES = ", ".join(f"'{it}'" for it in ConsentState)
_KINDS = ", ".join(
    f"'{it}'"
    for it in [
        "ACCOUNT_OPENED",
        "LOGIN",
        "LOGIN_FAILED",
        "SESSION_ENDED",
        "PROFILE_UPDATED",
        "PASSWORD_CHANGED",
        "PASSWORD_RESET_REQUESTED",
        "PASSWORD_RESET",
        "EMAIL_PROVEN",
        "EMAIL_YIELDED",
        "EMAIL_CHANGE_REQUESTED",
        "EMAIL_CHANGE_ACCEPTED",
        "EMAIL_CHANGE_REFUSED",
        "EMAIL_CHANGE_ABORTED",
        "EMAIL_CHANGE_REVERTED",
        "SPARE_EMAIL_SET",
        "SPARE_EMAIL_PROVEN",
        "SPARE_EMAIL_REMOVED",
        "COMPROMISE_REPORTED",
        "FROZEN",
        "UNFROZEN",
        "CONSENT_REQUESTED",
        "CONSENT_GRANTED",
        "CONSENT_REFUSED",
        "CONSENT_REVOKED",
        "CONSENT_EXPIRED",
        "PARTNER_MAIL",
    ]
)
_INVARIANTS = [
    # Not validated at once: that would keep others from writing while all rows are read.
    f"""
    ALTER TABLE activities
      DROP CONSTRAINT activities_kind_known,
      ADD CONSTRAINT activities_kind_known CHECK (kind IN ({_KINDS})) NOT VALID
    """,
    "ALTER TABLE activities VALIDATE CONSTRAINT activities_kind_known",
    """
    ALTER TABLE partner_keys
      ADD CONSTRAINT partner_keys_of_partner FOREIGN KEY (partner_id) REFERENCES partners,
      ADD CONSTRAINT partner_keys_two_places CHECK (place IN (1, 2)),
      ADD CONSTRAINT partner_keys_digest_is_sha256 CHECK (octet_length(digest) = 32)
    """,
    """
    CREATE UNIQUE INDEX partner_keys_two_at_most ON partner_keys (partner_id, place)
      WHERE revoked_at IS NULL
    """,
    f"""
    ALTER TABLE consents
      ADD CONSTRAINT consents_of_partner FOREIGN KEY (partner_id) REFERENCES partners,
      ADD CONSTRAINT consents_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT consents_state_known CHECK (state IN ({_STATES})),
      ADD CONSTRAINT consents_answered_once CHECK ((state = 'PENDING') = (answered_at IS NULL)),
      ADD CONSTRAINT consents_answered_in_time CHECK
        (state NOT IN ('GRANTED', 'REFUSED', 'REVOKED') OR answered_at < expires_at),
      ADD CONSTRAINT consents_silence_after_deadline CHECK
        (state <> 'EXPIRED' OR answered_at >= expires_at),
      ADD CONSTRAINT consents_ended_after_grant CHECK
        (CASE state WHEN 'REVOKED' THEN ended_at IS NOT NULL
          WHEN 'REPLACED' THEN true ELSE ended_at IS NULL END),
      ADD CONSTRAINT consents_granted_by_somebody CHECK
        (account_id IS NOT NULL OR state IN ('PENDING', 'EXPIRED', 'REPLACED'))
    """,
    """
    CREATE UNIQUE INDEX consents_one_granted ON consents (account_id, partner_id)
      WHERE state = 'GRANTED'
    """,
    """
    CREATE UNIQUE INDEX consents_one_pending ON consents (partner_id, nic_handle)
      WHERE state = 'PENDING'
    """,
    "CREATE INDEX consents_by_account ON consents (account_id, requested_at DESC, id DESC)",
    """
    CREATE INDEX consents_by_partner ON consents (partner_id, nic_handle, requested_at)
    """,
    "CREATE INDEX consents_of_nobody ON consents (expires_at) WHERE account_id IS NULL",
    "CREATE INDEX consents_due ON consents (expires_at) WHERE state = 'PENDING'",
    f"""
    ALTER TABLE events
      ADD CONSTRAINT events_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT events_of_partner FOREIGN KEY (partner_id) REFERENCES partners,
      ADD CONSTRAINT events_type_known CHECK (type IN ({_TYPES}))
    """,
    "CREATE INDEX events_unpublished ON events (number) WHERE published_at IS NULL",
]


def _id() -> fields.UUIDField:
    return fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)


def _json() -> fields.JSONField:
    return fields.JSONField(encoder=JSON_DUMPS, decoder=loads)


def _instant(*, null: bool = False) -> fields.DatetimeField:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=False)


class Migration(migrations.Migration):
    dependencies = [("models", "0008_failed_logins_request_id")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Partner",
            fields=[
                ("id", _id()),
                ("name", fields.CharField(unique=True, max_length=60)),
                ("first_party", fields.BooleanField(default=False)),
                ("scopes", _json()),
                ("origins", _json()),
                ("contact", fields.CharField(null=True, max_length=254)),
                ("created_at", _instant()),
                ("revoked_at", _instant(null=True)),
            ],
            options={
                "table": "partners",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One partner; `scopes` are what it may hold at most, `origins` where it sends holders back to.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PartnerKey",
            fields=[
                (
                    "id",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=12),
                ),
                ("partner_id", fields.UUIDField()),
                ("place", fields.IntField()),
                ("digest", fields.BinaryField()),
                ("networks", _json()),
                ("created_at", _instant()),
                ("expires_at", _instant(null=True)),
                ("last_used_at", _instant(null=True)),
                ("revoked_at", _instant(null=True)),
            ],
            options={
                "table": "partner_keys",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One key; of two live ones each has a place of its own.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Consent",
            fields=[
                ("id", _id()),
                ("partner_id", fields.UUIDField()),
                ("account_id", fields.UUIDField(null=True)),
                ("nic_handle", fields.CharField(max_length=20)),
                (
                    "state",
                    fields.CharEnumField(
                        default=ConsentState.PENDING, enum_type=ConsentState, max_length=10
                    ),
                ),
                ("scopes", _json()),
                ("reason", fields.CharField(max_length=200)),
                ("redirect_url", fields.CharField(null=True, max_length=500)),
                ("requested_at", _instant()),
                ("expires_at", _instant()),
                ("answered_at", _instant(null=True)),
                ("ended_at", _instant(null=True)),
                ("last_used_at", _instant(null=True)),
            ],
            options={
                "table": "consents",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One request of a partner, and what became of it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Event",
            fields=[
                (
                    "number",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                ("id", fields.UUIDField(default=uuid4, unique=True)),
                ("type", fields.CharEnumField(enum_type=EventType, max_length=40)),
                ("at", _instant()),
                ("account_id", fields.UUIDField(null=True)),
                ("nic_handle", fields.CharField(max_length=20)),
                ("partner_id", fields.UUIDField(null=True)),
                ("published_at", _instant(null=True)),
            ],
            options={
                "table": "events",
                "app": "models",
                "pk_attr": "number",
                "table_description": "One event; `number` orders the events of one account, which is locked while it is written.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
