"""Keep the activity log of each account: a chain that only grows, with its origins beside it."""

from enum import StrEnum
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


def _enum(name: str, members: str) -> type[StrEnum]:
    return StrEnum(name, [(member, member) for member in members.split()])


# A copy: history must not change with the code.
ActivityKind = _enum(
    "ActivityKind",
    "ACCOUNT_OPENED LOGIN LOGIN_FAILED SESSION_ENDED PROFILE_UPDATED PASSWORD_CHANGED"
    " PASSWORD_RESET_REQUESTED PASSWORD_RESET EMAIL_PROVEN EMAIL_YIELDED EMAIL_CHANGE_REQUESTED"
    " EMAIL_CHANGE_ACCEPTED EMAIL_CHANGE_REFUSED EMAIL_CHANGE_ABORTED EMAIL_CHANGE_REVERTED"
    " SPARE_EMAIL_SET SPARE_EMAIL_PROVEN SPARE_EMAIL_REMOVED COMPROMISE_REPORTED FROZEN UNFROZEN",
)

_KINDS = ", ".join(f"'{kind}'" for kind in ActivityKind)
_INVARIANTS = [
    f"""
    ALTER TABLE activities
      ADD CONSTRAINT activities_kind_known CHECK (kind IN ({_KINDS})),
      ADD CONSTRAINT activities_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT activities_number_once UNIQUE (account_id, number),
      ADD CONSTRAINT activities_number_from_one CHECK (number > 0),
      ADD CONSTRAINT activities_count_from_one CHECK (count > 0),
      ADD CONSTRAINT activities_digest_is_sha256 CHECK (octet_length(digest) = 32)
    """,
    "CREATE INDEX activities_by_account ON activities (account_id, at DESC, id DESC)",
    """
    CREATE FUNCTION activities_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the activity log is never changed';
    END $$
    """,
    """
    CREATE TRIGGER activities_only_grow BEFORE UPDATE OR DELETE ON activities
      FOR EACH ROW EXECUTE FUNCTION activities_only_grow()
    """,
    """
    CREATE TRIGGER activities_never_emptied BEFORE TRUNCATE ON activities
      EXECUTE FUNCTION activities_only_grow()
    """,
    """
    ALTER TABLE activity_origins
      ADD CONSTRAINT activity_origins_of_activity
        FOREIGN KEY (activity_id) REFERENCES activities
    """,
    # No foreign key to the account: its check would wait for the account's lock.
    """
    ALTER TABLE failed_logins
      ADD CONSTRAINT failed_logins_one_a_minute UNIQUE (account_id, minute),
      ADD CONSTRAINT failed_logins_count_from_one CHECK (count > 0)
    """,
    "CREATE INDEX failed_logins_by_minute ON failed_logins (minute)",
    """
    CREATE VIEW activity_log AS
      SELECT a.id, a.account_id, a.kind, a.at, a.count, a.about, a.request_id,
        o.ip_address, o.user_agent
      FROM activities a LEFT JOIN activity_origins o ON o.activity_id = a.id
      UNION ALL
      SELECT id, account_id, 'LOGIN_FAILED', at, count, '{}'::jsonb, NULL, ip_address, user_agent
      FROM failed_logins
    """,
]


class Migration(migrations.Migration):
    dependencies = [("models", "0005_sessions_end_alone")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Activity",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField()),
                ("number", fields.IntField()),
                ("kind", fields.CharEnumField(enum_type=ActivityKind, max_length=30)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("count", fields.IntField(default=1)),
                ("about", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("request_id", fields.CharField(null=True, max_length=64)),
                ("origin_digest", fields.BinaryField(null=True)),
                ("digest", fields.BinaryField()),
            ],
            options={
                "table": "activities",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One row of an account's chain; `number` counts from 1, `about` holds ids and words of ours.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ActivityOrigin",
            fields=[
                (
                    "activity_id",
                    fields.UUIDField(primary_key=True, unique=True, db_index=True),
                ),
                ("salt", fields.BinaryField()),
                ("ip_address", fields.CharField(max_length=45)),
                ("user_agent", fields.CharField(max_length=300)),
            ],
            options={
                "table": "activity_origins",
                "app": "models",
                "pk_attr": "activity_id",
                "table_description": "Where one row came from: personal data, which may be erased.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FailedLogin",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField()),
                ("minute", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("count", fields.IntField()),
                ("ip_address", fields.CharField(null=True, max_length=45)),
                ("user_agent", fields.CharField(null=True, max_length=300)),
            ],
            options={
                "table": "failed_logins",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The failed logins of one account within one minute, with the newest one's origin.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
