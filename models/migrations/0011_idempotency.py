"""Keep the answers that were given under an Idempotency-Key."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_INVARIANTS = [
    """
    ALTER TABLE idempotency_keys
      ADD CONSTRAINT idempotency_keys_body_digest_is_sha256 CHECK (octet_length(body_digest) = 32)
    """,
    "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0010_webhooks")]

    initial = False

    operations = [
        ops.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "digest",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64),
                ),
                ("body_digest", fields.BinaryField()),
                ("answer", fields.BinaryField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "idempotency_keys",
                "app": "models",
                "pk_attr": "digest",
                "table_description": "What was asked under a key, and its answer; `digest` is of the caller and the key.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
