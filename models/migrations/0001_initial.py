"""Lay the tables of sign-up, sessions, the e-mail change and the outbox, with their invariants."""

from enum import StrEnum
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


def _enum(name: str, members: str) -> type[StrEnum]:
    return StrEnum(name, [(member, member) for member in members.split()])


# Copies: history must not change with the code.
AccountState = _enum("AccountState", "ACTIVE FROZEN CLOSED")
LegalForm = _enum("LegalForm", "INDIVIDUAL CORPORATION ASSOCIATION ADMINISTRATION OTHER")
Language = _enum("Language", "FR EN")
Purpose = _enum("Purpose", "SIGNUP EMAIL_CHANGE EMAIL_PROOF")
EmailChangeState = _enum("EmailChangeState", "PENDING DONE REFUSED ABORTED REVERTED")
EmailChangeAcceptance = _enum("EmailChangeAcceptance", "CODE SILENCE")
EmailChangeAbortReason = _enum(
    "EmailChangeAbortReason",
    "CANCELLED SUPERSEDED TOO_MANY_ATTEMPTS CREDENTIALS_CHANGED ADDRESS_TAKEN REPORTED"
    " NOTICE_NOT_DELIVERED",
)
MailState = _enum("MailState", "QUEUED SENT BOUNCED ABANDONED")


def _one_of(table: str, column: str, values: type[StrEnum]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_known CHECK ({column} IN ({listed}))"
    )


# The ORM drops what Meta.constraints says of a new table, so the invariants are written by hand.
_INVARIANTS = [
    _one_of("accounts", "state", AccountState),
    _one_of("accounts", "legal_form", LegalForm),
    _one_of("accounts", "language", Language),
    _one_of("challenges", "purpose", Purpose),
    _one_of("email_changes", "state", EmailChangeState),
    _one_of("email_changes", "accepted_by", EmailChangeAcceptance),
    _one_of("email_changes", "abort_reason", EmailChangeAbortReason),
    _one_of("mails", "state", MailState),
    _one_of("mails", "language", Language),
    """
    ALTER TABLE accounts
      ADD CONSTRAINT accounts_nic_handle_given_out
        FOREIGN KEY (nic_handle) REFERENCES nic_handles,
      ADD CONSTRAINT accounts_spare_email_whole CHECK
        ((spare_email IS NULL) = (spare_email_key IS NULL)
         AND (spare_email IS NOT NULL OR NOT spare_email_proven)),
      ADD CONSTRAINT accounts_spare_email_differs CHECK (spare_email_key <> email_key)
    """,
    """
    ALTER TABLE signups
      ADD CONSTRAINT signups_nic_handle_given_out
        FOREIGN KEY (nic_handle) REFERENCES nic_handles
    """,
    "CREATE INDEX signups_by_email_key ON signups (email_key)",
    "CREATE INDEX signups_by_age ON signups (created_at)",
    """
    ALTER TABLE sessions
      ADD CONSTRAINT sessions_token_digest_unique UNIQUE (token_digest),
      ADD CONSTRAINT sessions_token_digest_is_sha256 CHECK (octet_length(token_digest) = 32)
    """,
    "CREATE INDEX sessions_by_account ON sessions (account_id, last_used_at DESC)",
    "CREATE INDEX sessions_by_age ON sessions (last_used_at)",
    """
    ALTER TABLE challenges
      ADD CONSTRAINT challenges_of_account
        FOREIGN KEY (account_id) REFERENCES accounts ON DELETE CASCADE,
      ADD CONSTRAINT challenges_of_signup
        FOREIGN KEY (signup_id) REFERENCES signups ON DELETE CASCADE,
      ADD CONSTRAINT challenges_attempts_bounded CHECK (attempts_left BETWEEN 0 AND 5)
    """,
    """
    CREATE UNIQUE INDEX challenges_one_per_account_and_purpose
      ON challenges (account_id, purpose) WHERE account_id IS NOT NULL
    """,
    "CREATE INDEX challenges_by_signup ON challenges (signup_id)",
    "CREATE INDEX challenges_by_age ON challenges (expires_at)",
    """
    ALTER TABLE email_changes
      ADD CONSTRAINT email_changes_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT email_changes_of_session
        FOREIGN KEY (session_id) REFERENCES sessions ON DELETE SET NULL,
      ADD CONSTRAINT email_changes_attempts_bounded CHECK (attempts_left BETWEEN 0 AND 5),
      ADD CONSTRAINT email_changes_delay_positive CHECK (auto_accept_after > 0),
      ADD CONSTRAINT email_changes_code_while_pending CHECK
        ((state = 'PENDING') = (code_digest IS NOT NULL)),
      ADD CONSTRAINT email_changes_no_attempts_after CHECK
        (state = 'PENDING' OR attempts_left = 0),
      ADD CONSTRAINT email_changes_settled_once CHECK
        ((state = 'PENDING') = (settled_at IS NULL)),
      ADD CONSTRAINT email_changes_accepted_by_something CHECK
        ((state IN ('DONE', 'REVERTED')) = (accepted_by IS NOT NULL)),
      ADD CONSTRAINT email_changes_aborted_for_a_reason CHECK
        ((state = 'ABORTED') = (abort_reason IS NOT NULL)),
      ADD CONSTRAINT email_changes_revertible_when_done CHECK
        ((state IN ('DONE', 'REVERTED')) = (revertible_until IS NOT NULL)),
      ADD CONSTRAINT email_changes_reverted_in_time CHECK
        ((state = 'REVERTED') = (reverted_at IS NOT NULL)),
      ADD CONSTRAINT email_changes_silence_after_deadline CHECK
        (accepted_by IS DISTINCT FROM 'SILENCE' OR
         (auto_accept_at IS NOT NULL AND settled_at >= auto_accept_at))
    """,
    """
    CREATE UNIQUE INDEX email_changes_one_pending_per_account
      ON email_changes (account_id) WHERE state = 'PENDING'
    """,
    "CREATE INDEX email_changes_due ON email_changes (auto_accept_at) WHERE state = 'PENDING'",
    """
    CREATE INDEX email_changes_by_account
      ON email_changes (account_id, requested_at DESC, id DESC)
    """,
    """
    CREATE INDEX email_changes_reserving
      ON email_changes (former_last_proven_email_key) WHERE state = 'DONE'
    """,
    "CREATE INDEX email_changes_by_session ON email_changes (session_id)",
    """
    ALTER TABLE mails
      ADD CONSTRAINT mails_of_account FOREIGN KEY (account_id) REFERENCES accounts,
      ADD CONSTRAINT mails_of_signup
        FOREIGN KEY (signup_id) REFERENCES signups ON DELETE CASCADE,
      ADD CONSTRAINT mails_of_email_change
        FOREIGN KEY (email_change_id) REFERENCES email_changes,
      ADD CONSTRAINT mails_have_one_cause CHECK ((account_id IS NULL) <> (signup_id IS NULL)),
      ADD CONSTRAINT mails_settled_once CHECK ((state = 'QUEUED') = (settled_at IS NULL)),
      ADD CONSTRAINT mails_sent_at_when_sent CHECK ((state = 'SENT') = (sent_at IS NOT NULL)),
      ADD CONSTRAINT mails_keep_no_secrets CHECK (state = 'QUEUED' OR secrets IS NULL)
    """,
    "CREATE INDEX mails_due ON mails (due_at) WHERE state = 'QUEUED'",
    "CREATE INDEX mails_by_account ON mails (account_id, queued_at DESC, id DESC)",
    "CREATE INDEX mails_by_signup ON mails (signup_id)",
    "CREATE INDEX mails_by_email_change ON mails (email_change_id)",
    """
    CREATE FUNCTION nic_handles_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'NIC-handles are never changed and never reused';
    END $$
    """,
    """
    CREATE TRIGGER nic_handles_only_grow BEFORE UPDATE OR DELETE ON nic_handles
      FOR EACH ROW EXECUTE FUNCTION nic_handles_only_grow()
    """,
]


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="NicHandle",
            fields=[
                (
                    "handle",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=20),
                ),
                ("allocated_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "nic_handles",
                "app": "models",
                "pk_attr": "handle",
                "table_description": "A handle that was given out, to an account or to a sign-up that may have come to nothing.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Signup",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("nic_handle", fields.CharField(unique=True, max_length=20)),
                ("email", fields.CharField(max_length=254)),
                ("email_key", fields.CharField(max_length=254)),
                ("spare_email", fields.CharField(null=True, max_length=254)),
                ("spare_email_key", fields.CharField(null=True, max_length=254)),
                ("password_hash", fields.CharField(max_length=60)),
                ("profile", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "signups",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A sign-up that is not confirmed yet; `profile` is keyed by input path.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("nic_handle", fields.CharField(unique=True, max_length=20)),
                (
                    "state",
                    fields.CharEnumField(
                        default=AccountState.ACTIVE, enum_type=AccountState, max_length=10
                    ),
                ),
                ("email", fields.CharField(max_length=254)),
                ("email_key", fields.CharField(unique=True, max_length=254)),
                ("last_proven_email", fields.CharField(max_length=254)),
                ("last_proven_email_key", fields.CharField(unique=True, max_length=254)),
                ("spare_email", fields.CharField(null=True, max_length=254)),
                ("spare_email_key", fields.CharField(null=True, max_length=254)),
                ("spare_email_proven", fields.BooleanField(default=False)),
                ("password_hash", fields.CharField(max_length=60)),
                ("first_name", fields.CharField(max_length=100)),
                ("last_name", fields.CharField(max_length=100)),
                ("organisation", fields.CharField(null=True, max_length=200)),
                ("legal_form", fields.CharEnumField(enum_type=LegalForm, max_length=20)),
                ("country", fields.CharField(max_length=2)),
                ("address_line", fields.CharField(null=True, max_length=200)),
                ("address_zip", fields.CharField(null=True, max_length=12)),
                ("address_city", fields.CharField(null=True, max_length=100)),
                ("address_area", fields.CharField(null=True, max_length=100)),
                ("phone", fields.CharField(null=True, max_length=16)),
                ("language", fields.CharEnumField(enum_type=Language, max_length=2)),
                ("vat_number", fields.CharField(null=True, max_length=50)),
                ("national_identification_number", fields.CharField(null=True, max_length=50)),
                ("revision", fields.IntField(default=1)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "accounts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One account; `email_key` is what its primary address is compared by, unique among all.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("token_digest", fields.BinaryField()),
                ("ip_address", fields.CharField(max_length=45)),
                ("user_agent", fields.CharField(max_length=300)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One open login; a row that is too old to count is as good as gone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Challenge",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("purpose", fields.CharEnumField(enum_type=Purpose, max_length=20)),
                ("account_id", fields.UUIDField(null=True)),
                ("signup_id", fields.UUIDField(null=True)),
                ("address_key", fields.CharField(max_length=254)),
                ("digest", fields.BinaryField()),
                ("attempts_left", fields.IntField(default=5)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "challenges",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The row of a mailed code; one of a sign-up for a known address has no sign-up, and no code.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EmailChange",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField()),
                ("session_id", fields.UUIDField(null=True)),
                ("new_email", fields.CharField(max_length=254)),
                ("new_email_key", fields.CharField(max_length=254)),
                ("former_email", fields.CharField(max_length=254)),
                ("former_email_key", fields.CharField(max_length=254)),
                ("former_last_proven_email", fields.CharField(max_length=254)),
                ("former_last_proven_email_key", fields.CharField(max_length=254)),
                ("former_spare_email", fields.CharField(null=True, max_length=254)),
                ("former_spare_email_key", fields.CharField(null=True, max_length=254)),
                ("former_spare_email_proven", fields.BooleanField(default=False)),
                (
                    "state",
                    fields.CharEnumField(
                        default=EmailChangeState.PENDING, enum_type=EmailChangeState, max_length=10
                    ),
                ),
                (
                    "accepted_by",
                    fields.CharEnumField(null=True, enum_type=EmailChangeAcceptance, max_length=10),
                ),
                (
                    "abort_reason",
                    fields.CharEnumField(
                        null=True, enum_type=EmailChangeAbortReason, max_length=30
                    ),
                ),
                ("code_digest", fields.BinaryField(null=True)),
                ("attempts_left", fields.IntField(default=5)),
                ("codes_sent", fields.IntField(default=1)),
                ("code_sent_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("auto_accept_after", fields.IntField()),
                (
                    "auto_accept_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "revertible_until",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "reverted_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={
                "table": "email_changes",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One change; the `former_*` columns are what a reversal restores.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Mail",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("account_id", fields.UUIDField(null=True)),
                ("signup_id", fields.UUIDField(null=True)),
                ("email_change_id", fields.UUIDField(null=True)),
                ("template", fields.CharField(max_length=40)),
                ("language", fields.CharEnumField(enum_type=Language, max_length=2)),
                ("nic_handle", fields.CharField(max_length=20)),
                ("recipient", fields.CharField(max_length=254)),
                ("params", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("secrets", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("subject", fields.CharField(default="", max_length=200)),
                ("text", fields.TextField(default="", unique=False)),
                (
                    "state",
                    fields.CharEnumField(
                        default=MailState.QUEUED, enum_type=MailState, max_length=10
                    ),
                ),
                ("attempts", fields.IntField(default=0)),
                ("queued_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("reason", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "mails",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One mail; `secrets` holds its codes in clear until it is settled, `text` masks them.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_INVARIANTS),
    ]
