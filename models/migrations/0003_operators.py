"""Let operators see and move what died, count what workers do, and know whose lease ran out."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_INVARIANTS = [
    # None: values were there and are wiped; an empty object: the mail never needed any.
    """
    ALTER TABLE mails
      DROP CONSTRAINT mails_keep_no_secrets,
      ADD CONSTRAINT mails_keep_no_secrets CHECK
        (state = 'QUEUED' OR secrets IS NULL OR secrets = '{}'),
      ADD CONSTRAINT mails_claimed_while_queued CHECK (state = 'QUEUED' OR claimed_at IS NULL),
      ADD CONSTRAINT mails_dropped_when_dead CHECK
        (dropped_at IS NULL OR state IN ('BOUNCED', 'ABANDONED'))
    """,
    """
    CREATE INDEX mails_dead ON mails (settled_at)
      WHERE state IN ('BOUNCED', 'ABANDONED') AND dropped_at IS NULL
    """,
    "ALTER TABLE counters ADD CONSTRAINT counters_only_grow_from_zero CHECK (value >= 0)",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0002_links")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Mail",
            name="claimed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Mail",
            name="dropped_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.CreateModel(
            name="Counter",
            fields=[
                (
                    "name",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=60),
                ),
                ("value", fields.FloatField(default=0)),
            ],
            options={
                "table": "counters",
                "app": "models",
                "pk_attr": "name",
                "table_description": "One number that only grows; its name is `metric` or `metric:label`.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
