"""Let mails carry links, codes reset passwords, and accounts be frozen until one address answers."""

from enum import StrEnum
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


def _enum(name: str, members: str) -> type[StrEnum]:
    return StrEnum(name, [(member, member) for member in members.split()])


# Copies: history must not change with the code.
LinkPurpose = _enum("LinkPurpose", "REFUSE REVERT REPORT")
Purpose = _enum("Purpose", "SIGNUP EMAIL_CHANGE EMAIL_PROOF SPARE_PROOF PASSWORD_RESET")

_INVARIANTS = [
    """
    ALTER TABLE links
      ADD CONSTRAINT links_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT links_of_email_change FOREIGN KEY (email_change_id) REFERENCES email_changes,
      ADD CONSTRAINT links_purpose_known CHECK (purpose IN ('REFUSE', 'REVERT', 'REPORT')),
      ADD CONSTRAINT links_answer_a_change CHECK
        ((purpose IN ('REFUSE', 'REVERT')) = (email_change_id IS NOT NULL)),
      ADD CONSTRAINT links_token_digest_unique UNIQUE (token_digest),
      ADD CONSTRAINT links_token_digest_is_sha256 CHECK (octet_length(token_digest) = 32)
    """,
    "CREATE INDEX links_by_account ON links (account_id, issued_at)",
    "CREATE INDEX links_by_email_change ON links (email_change_id)",
    "CREATE INDEX links_by_age ON links (expires_at)",
    """
    ALTER TABLE challenges
      DROP CONSTRAINT challenges_purpose_known,
      ADD CONSTRAINT challenges_purpose_known CHECK (purpose IN
        ('SIGNUP', 'EMAIL_CHANGE', 'EMAIL_PROOF', 'SPARE_PROOF', 'PASSWORD_RESET'))
    """,
    # Several reset codes may be out at once: asking for one must not take the holder's away.
    "DROP INDEX challenges_one_per_account_and_purpose",
    """
    CREATE UNIQUE INDEX challenges_one_proof_per_account
      ON challenges (account_id, purpose) WHERE purpose IN ('EMAIL_PROOF', 'SPARE_PROOF')
    """,
    "CREATE INDEX challenges_by_account ON challenges (account_id)",
    """
    ALTER TABLE accounts
      ADD CONSTRAINT accounts_unfreeze_when_frozen
        CHECK (unfreezes_through_key IS NULL OR state = 'FROZEN')
    """,
]


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Link",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField()),
                ("email_change_id", fields.UUIDField(null=True)),
                ("purpose", fields.CharEnumField(enum_type=LinkPurpose, max_length=10)),
                ("token_digest", fields.BinaryField()),
                ("mailed_to_key", fields.CharField(max_length=254)),
                ("restores", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("issued_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("spent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "links",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One link; `mailed_to_key` is the address whose reader holds it.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Account",
            name="unfreezes_through_key",
            field=fields.CharField(null=True, max_length=254),
        ),
        ops.AlterField(
            model_name="Challenge",
            name="purpose",
            field=fields.CharEnumField(enum_type=Purpose, max_length=20),
        ),
        ops.RunSQL(_INVARIANTS),
    ]
