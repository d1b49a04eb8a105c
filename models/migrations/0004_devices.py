"""Let accounts know the devices that their logins come from."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_INVARIANTS = [
    """
    ALTER TABLE devices
      ADD CONSTRAINT devices_of_account
        FOREIGN KEY (account_id) REFERENCES accounts ON DELETE CASCADE,
      ADD CONSTRAINT devices_digest_unique UNIQUE (account_id, digest),
      ADD CONSTRAINT devices_digest_is_sha256 CHECK (octet_length(digest) = 32)
    """,
    "CREATE INDEX devices_by_age ON devices (last_used_at)",
    """
    ALTER TABLE sessions
      ADD CONSTRAINT sessions_of_device
        FOREIGN KEY (device_id) REFERENCES devices ON DELETE SET NULL
    """,
    "CREATE INDEX sessions_by_device ON sessions (device_id)",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0003_operators")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField()),
                ("digest", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "devices",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One device of one account; `digest` is of its token, or of the program and its network.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Session",
            name="device_id",
            field=fields.UUIDField(null=True),
        ),
        ops.RunSQL(_INVARIANTS),
    ]
