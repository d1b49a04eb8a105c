"""Invariants: what PostgreSQL itself refuses, read from its catalog and seen at work.

The ORM drops some constraints silently, so what the models say of them proves nothing.
"""

import re

import asyncpg
import factories
import invariants_of_partners as of_partners
import pytest
from catalog import constraints, indexes, plain, refusal, run

from models import failed_logins
from models.accounts import AccountState
from models.activities import ActivityKind
from models.challenges import Purpose
from models.email_changes import EmailChangeAbortReason, EmailChangeAcceptance, EmailChangeState
from models.links import LinkPurpose
from models.mails import MailState
from models.profile_rules import LegalForm
from models.profiles import Language

# Tables whose invariants have a module of their own.
ELSEWHERE = {"tortoise_migrations", "partner_events"} | {
    f"webhook{end}" for end in ("s", "_deliveries", "_attempts")
}
CONSTRAINTS = {
    "activities": {
        "activities_pkey": "PRIMARY KEY (id)",
        "activities_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "activities_number_once": "UNIQUE (account_id, number)",
        "activities_number_from_one": "CHECK ((number > 0))",
        "activities_count_from_one": "CHECK ((count > 0))",
        "activities_digest_is_sha256": "CHECK ((octet_length(digest) = 32))",
    },
    "activity_origins": {
        "activity_origins_pkey": "PRIMARY KEY (activity_id)",
        "activity_origins_of_activity": "FOREIGN KEY (activity_id) REFERENCES activities(id)",
    },
    "failed_logins": {
        "failed_logins_pkey": "PRIMARY KEY (id)",
        "failed_logins_one_a_minute": "UNIQUE (account_id, minute)",
        "failed_logins_count_from_one": "CHECK ((count > 0))",
    },
    "accounts": {
        "accounts_pkey": "PRIMARY KEY (id)",
        "accounts_nic_handle_key": "UNIQUE (nic_handle)",
        "accounts_email_key_key": "UNIQUE (email_key)",
        "accounts_last_proven_email_key_key": "UNIQUE (last_proven_email_key)",
        "accounts_nic_handle_given_out": "FOREIGN KEY (nic_handle) REFERENCES nic_handles(handle)",
        "accounts_unfreeze_when_frozen": """CHECK (((unfreezes_through_key IS NULL)
            OR (state = 'FROZEN')))""",
        "accounts_spare_email_differs": "CHECK ((spare_email_key <> email_key))",
        "accounts_spare_email_whole": """CHECK ((((spare_email IS NULL) = (spare_email_key IS NULL))
            AND ((spare_email IS NOT NULL) OR (NOT spare_email_proven))))""",
    },
    "counters": {
        "counters_pkey": "PRIMARY KEY (name)",
        "counters_only_grow_from_zero": "CHECK ((value >= (0)::double precision))",
    },
    "challenges": {
        "challenges_pkey": "PRIMARY KEY (id)",
        "challenges_of_account": """FOREIGN KEY (account_id) REFERENCES accounts(id)
            ON DELETE CASCADE""",
        "challenges_of_signup": """FOREIGN KEY (signup_id) REFERENCES signups(id)
            ON DELETE CASCADE""",
        "challenges_attempts_bounded": """CHECK (((attempts_left >= 0)
            AND (attempts_left <= 5)))""",
    },
    "devices": {
        "devices_pkey": "PRIMARY KEY (id)",
        "devices_of_account": """FOREIGN KEY (account_id) REFERENCES accounts(id)
            ON DELETE CASCADE""",
        "devices_digest_unique": "UNIQUE (account_id, digest)",
        "devices_digest_is_sha256": "CHECK ((octet_length(digest) = 32))",
    },
    "email_changes": {
        "email_changes_pkey": "PRIMARY KEY (id)",
        "email_changes_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "email_changes_attempts_bounded": """CHECK (((attempts_left >= 0)
            AND (attempts_left <= 5)))""",
        "email_changes_delay_positive": "CHECK ((auto_accept_after > 0))",
        "email_changes_code_while_pending": """CHECK (((state = 'PENDING')
            = (code_digest IS NOT NULL)))""",
        "email_changes_no_attempts_after": """CHECK (((state = 'PENDING')
            OR (attempts_left = 0)))""",
        "email_changes_settled_once": "CHECK (((state = 'PENDING') = (settled_at IS NULL)))",
        "email_changes_accepted_by_something": """CHECK (((state = ANY (ARRAY['DONE', 'REVERTED']))
            = (accepted_by IS NOT NULL)))""",
        "email_changes_aborted_for_a_reason": """CHECK (((state = 'ABORTED')
            = (abort_reason IS NOT NULL)))""",
        "email_changes_revertible_when_done": """CHECK (((state = ANY (ARRAY['DONE', 'REVERTED']))
            = (revertible_until IS NOT NULL)))""",
        "email_changes_reverted_in_time": """CHECK (((state = 'REVERTED')
            = (reverted_at IS NOT NULL)))""",
        "email_changes_silence_after_deadline": """CHECK (((accepted_by IS DISTINCT FROM 'SILENCE')
            OR ((auto_accept_at IS NOT NULL) AND (settled_at >= auto_accept_at))))""",
    },
    "idempotency_keys": {
        "idempotency_keys_pkey": "PRIMARY KEY (digest)",
        "idempotency_keys_body_digest_is_sha256": "CHECK ((octet_length(body_digest) = 32))",
    },
    "links": {
        "links_pkey": "PRIMARY KEY (id)",
        "links_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "links_of_email_change": "FOREIGN KEY (email_change_id) REFERENCES email_changes(id)",
        "links_answer_a_change": """CHECK (((purpose = ANY (ARRAY['REFUSE', 'REVERT']))
            = (email_change_id IS NOT NULL)))""",
        "links_token_digest_unique": "UNIQUE (token_digest)",
        "links_token_digest_is_sha256": "CHECK ((octet_length(token_digest) = 32))",
    },
    "mails": {
        "mails_pkey": "PRIMARY KEY (id)",
        "mails_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "mails_of_email_change": "FOREIGN KEY (email_change_id) REFERENCES email_changes(id)",
        "mails_of_signup": "FOREIGN KEY (signup_id) REFERENCES signups(id) ON DELETE CASCADE",
        "mails_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
        "mails_have_one_cause": """CHECK ((num_nonnulls(account_id, signup_id, partner_id)
            = 1))""",
        "mails_settled_once": "CHECK (((state = 'QUEUED') = (settled_at IS NULL)))",
        "mails_sent_at_when_sent": "CHECK (((state = 'SENT') = (sent_at IS NOT NULL)))",
        "mails_keep_no_secrets": """CHECK (((state = 'QUEUED') OR (secrets IS NULL)
            OR (secrets = '{}'::jsonb)))""",
        "mails_claimed_while_queued": "CHECK (((state = 'QUEUED') OR (claimed_at IS NULL)))",
        "mails_dropped_when_dead": """CHECK (((dropped_at IS NULL)
            OR (state = ANY (ARRAY['BOUNCED', 'ABANDONED']))))""",
    },
    "nic_handles": {"nic_handles_pkey": "PRIMARY KEY (handle)"},
    "sessions": {
        "sessions_pkey": "PRIMARY KEY (id)",
        "sessions_account_id_fkey": """FOREIGN KEY (account_id) REFERENCES accounts(id)
            ON DELETE CASCADE""",
        "sessions_of_device": """FOREIGN KEY (device_id) REFERENCES devices(id)
            ON DELETE SET NULL""",
        "sessions_token_digest_unique": "UNIQUE (token_digest)",
        "sessions_token_digest_is_sha256": "CHECK ((octet_length(token_digest) = 32))",
    },
    "signups": {
        "signups_pkey": "PRIMARY KEY (id)",
        "signups_nic_handle_key": "UNIQUE (nic_handle)",
        "signups_nic_handle_given_out": "FOREIGN KEY (nic_handle) REFERENCES nic_handles(handle)",
    },
} | of_partners.CONSTRAINTS
INDEXES = {
    "activities_by_account": "activities (account_id, at DESC, id DESC)",
    "failed_logins_by_minute": "failed_logins (minute)",
    "challenges_one_proof_per_account": """UNIQUE challenges (account_id, purpose)
        WHERE (purpose = ANY (ARRAY['EMAIL_PROOF', 'SPARE_PROOF']))""",
    "challenges_by_account": "challenges (account_id)",
    "challenges_by_age": "challenges (expires_at)",
    "challenges_by_signup": "challenges (signup_id)",
    "devices_by_age": "devices (last_used_at)",
    "email_changes_one_pending_per_account": """UNIQUE email_changes (account_id)
        WHERE (state = 'PENDING')""",
    "email_changes_by_account": "email_changes (account_id, requested_at DESC, id DESC)",
    "email_changes_due": "email_changes (auto_accept_at) WHERE (state = 'PENDING')",
    "email_changes_reserving": (
        "email_changes (former_last_proven_email_key) WHERE (state = 'DONE')"
    ),
    "idempotency_keys_by_age": "idempotency_keys (created_at)",
    "links_by_account": "links (account_id, issued_at)",
    "links_by_age": "links (expires_at)",
    "links_by_email_change": "links (email_change_id)",
    "mails_by_account": "mails (account_id, queued_at DESC, id DESC)",
    "mails_by_email_change": "mails (email_change_id)",
    "mails_by_signup": "mails (signup_id)",
    "mails_due": "mails (due_at) WHERE (state = 'QUEUED')",
    "mails_dead": """mails (settled_at) WHERE ((state = ANY (ARRAY['BOUNCED', 'ABANDONED']))
        AND (dropped_at IS NULL))""",
    "sessions_of_account": "sessions (account_id)",
    "sessions_by_device": "sessions (device_id)",
    "signups_by_age": "signups (created_at)",
    "signups_by_email_key": "signups (email_key)",
} | of_partners.INDEXES
CHOICES = {
    "accounts_state_known": ("state", AccountState),
    "accounts_legal_form_known": ("legal_form", LegalForm),
    "accounts_language_known": ("language", Language),
    "challenges_purpose_known": ("purpose", Purpose),
    "activities_kind_known": ("kind", ActivityKind),
    "email_changes_state_known": ("state", EmailChangeState),
    "email_changes_accepted_by_known": ("accepted_by", EmailChangeAcceptance),
    "email_changes_abort_reason_known": ("abort_reason", EmailChangeAbortReason),
    "links_purpose_known": ("purpose", LinkPurpose),
    "mails_state_known": ("state", MailState),
    "mails_language_known": ("language", Language),
} | of_partners.CHOICES
# What breaks which invariant, in a world of Alice, who waits for an answer, and Bob, who has moved.
ALICE, BOB = "email_key = 'alice@example.org'", "email_key = 'new@example.org'"
ALICES = f"account_id = (SELECT id FROM accounts WHERE {ALICE})"
BOBS = f"account_id = (SELECT id FROM accounts WHERE {BOB})"
# One more row of a log, which takes no UPDATE: id, account; number, kind, at, count; the rest.
ANOTHER = "INSERT INTO activities SELECT gen_random_uuid(), account_id,"
THE_REST = "about, request_id, origin_digest, digest"
PENDING, DONE = "state = 'PENDING'", "state = 'DONE'"
VIOLATIONS = [
    (f"UPDATE accounts SET email_key = 'new@example.org' WHERE {ALICE}", "accounts_email_key_key"),
    (
        f"""UPDATE accounts SET last_proven_email_key =
            (SELECT last_proven_email_key FROM accounts WHERE {BOB}) WHERE {ALICE}""",
        "accounts_last_proven_email_key_key",
    ),
    (
        f"""UPDATE accounts SET nic_handle = (SELECT nic_handle FROM accounts WHERE {BOB})
            WHERE {ALICE}""",
        "accounts_nic_handle_key",
    ),
    (
        f"UPDATE accounts SET nic_handle = 'xx000000-OVH' WHERE {ALICE}",
        "accounts_nic_handle_given_out",
    ),
    (
        f"UPDATE accounts SET last_proven_email_key = 'bob@example.org' WHERE {ALICE}",
        "accounts_last_proven_email_key_key",
    ),
    (f"UPDATE accounts SET state = 'OPEN' WHERE {ALICE}", "accounts_state_known"),
    (
        f"UPDATE accounts SET unfreezes_through_key = email_key WHERE {ALICE}",
        "accounts_unfreeze_when_frozen",
    ),
    (f"UPDATE accounts SET spare_email = NULL WHERE {ALICE}", "accounts_spare_email_whole"),
    (f"UPDATE accounts SET spare_email_key = NULL WHERE {ALICE}", "accounts_spare_email_whole"),
    (f"UPDATE accounts SET spare_email_proven = true WHERE {BOB}", "accounts_spare_email_whole"),
    (
        f"UPDATE accounts SET spare_email_key = email_key WHERE {ALICE}",
        "accounts_spare_email_differs",
    ),
    ("COPY activities", "activities_number_once"),
    (f"{ANOTHER} 0, kind, at, 1, {THE_REST} FROM activities", "activities_number_from_one"),
    (f"{ANOTHER} 99, kind, at, 0, {THE_REST} FROM activities", "activities_count_from_one"),
    (
        f"{ANOTHER} 99, kind, at, 1, {THE_REST} || '\\x00' FROM activities",
        "activities_digest_is_sha256",
    ),
    (f"{ANOTHER} 99, 'ELSE', at, 1, {THE_REST} FROM activities", "activities_kind_known"),
    (f"UPDATE failed_logins SET count = 0 WHERE {ALICES}", "failed_logins_count_from_one"),
    ("COPY failed_logins", "failed_logins_one_a_minute"),
    (
        "UPDATE signups SET nic_handle = 'xx000000-OVH'",
        "signups_nic_handle_given_out",
    ),
    ("COPY signups", "signups_nic_handle_key"),
    (
        "UPDATE sessions SET token_digest = (SELECT token_digest FROM sessions ORDER BY 1 LIMIT 1)",
        "sessions_token_digest_unique",
    ),
    (
        f"UPDATE sessions SET token_digest = '\\x00' WHERE {ALICES}",
        "sessions_token_digest_is_sha256",
    ),
    ("COPY challenges", "challenges_one_proof_per_account"),
    ("UPDATE challenges SET attempts_left = -1", "challenges_attempts_bounded"),
    ("UPDATE challenges SET attempts_left = 6", "challenges_attempts_bounded"),
    (
        f"UPDATE challenges SET account_id = gen_random_uuid() WHERE {BOBS}",
        "challenges_of_account",
    ),
    ("COPY email_changes", "email_changes_one_pending_per_account"),
    (
        f"UPDATE email_changes SET attempts_left = -1 WHERE {PENDING}",
        "email_changes_attempts_bounded",
    ),
    (f"UPDATE email_changes SET attempts_left = 1 WHERE {DONE}", "email_changes_no_attempts_after"),
    ("UPDATE email_changes SET auto_accept_after = 0", "email_changes_delay_positive"),
    (
        f"UPDATE email_changes SET code_digest = NULL WHERE {PENDING}",
        "email_changes_code_while_pending",
    ),
    (
        f"UPDATE email_changes SET code_digest = 'x' WHERE {DONE}",
        "email_changes_code_while_pending",
    ),
    (f"UPDATE email_changes SET settled_at = now() WHERE {PENDING}", "email_changes_settled_once"),
    (f"UPDATE email_changes SET settled_at = NULL WHERE {DONE}", "email_changes_settled_once"),
    (
        f"UPDATE email_changes SET accepted_by = NULL WHERE {DONE}",
        "email_changes_accepted_by_something",
    ),
    (
        f"UPDATE email_changes SET accepted_by = 'CODE' WHERE {PENDING}",
        "email_changes_accepted_by_something",
    ),
    (
        f"UPDATE email_changes SET abort_reason = 'CANCELLED' WHERE {DONE}",
        "email_changes_aborted_for_a_reason",
    ),
    (
        f"UPDATE email_changes SET revertible_until = NULL WHERE {DONE}",
        "email_changes_revertible_when_done",
    ),
    (
        f"UPDATE email_changes SET reverted_at = now() WHERE {DONE}",
        "email_changes_reverted_in_time",
    ),
    (
        f"UPDATE email_changes SET settled_at = auto_accept_at - interval '1 ms' WHERE {DONE}",
        "email_changes_silence_after_deadline",
    ),
    (
        f"UPDATE email_changes SET auto_accept_at = NULL WHERE {DONE}",
        "email_changes_silence_after_deadline",
    ),
    (
        "UPDATE email_changes SET account_id = gen_random_uuid()",
        "email_changes_of_account",
    ),
    ("COPY devices", "devices_digest_unique"),
    ("UPDATE devices SET digest = '\\x00'", "devices_digest_is_sha256"),
    ("COPY links", "links_token_digest_unique"),
    (f"UPDATE links SET token_digest = '\\x00' WHERE {ALICES}", "links_token_digest_is_sha256"),
    ("UPDATE links SET email_change_id = NULL WHERE purpose = 'REFUSE'", "links_answer_a_change"),
    (
        """UPDATE links SET email_change_id = (SELECT min(id::text)::uuid FROM email_changes)
            WHERE purpose = 'REPORT'""",
        "links_answer_a_change",
    ),
    ("UPDATE links SET purpose = 'LOGIN' WHERE purpose = 'REPORT'", "links_purpose_known"),
    (f"UPDATE links SET account_id = gen_random_uuid() WHERE {ALICES}", "links_of_account"),
    (
        "UPDATE links SET email_change_id = gen_random_uuid() WHERE purpose = 'REFUSE'",
        "links_of_email_change",
    ),
    (
        "UPDATE mails SET signup_id = (SELECT id FROM signups) WHERE account_id IS NOT NULL",
        "mails_have_one_cause",
    ),
    ("UPDATE mails SET account_id = NULL WHERE signup_id IS NULL", "mails_have_one_cause"),
    ("UPDATE mails SET settled_at = now() WHERE state = 'QUEUED'", "mails_settled_once"),
    ("UPDATE mails SET sent_at = now() WHERE state = 'QUEUED'", "mails_sent_at_when_sent"),
    ("UPDATE mails SET sent_at = NULL WHERE state = 'SENT'", "mails_sent_at_when_sent"),
    (
        """UPDATE mails SET state = 'SENT', sent_at = now(), settled_at = now()
            WHERE state = 'QUEUED'""",
        "mails_keep_no_secrets",
    ),
    ("""UPDATE mails SET secrets = '{"a": ""}' WHERE state = 'SENT'""", "mails_keep_no_secrets"),
    ("UPDATE mails SET claimed_at = now() WHERE state = 'SENT'", "mails_claimed_while_queued"),
    ("UPDATE mails SET dropped_at = now() WHERE state = 'QUEUED'", "mails_dropped_when_dead"),
    (
        "INSERT INTO idempotency_keys VALUES ('', '\\x00', '', now())",
        "idempotency_keys_body_digest_is_sha256",
    ),
    ("INSERT INTO counters VALUES ('deliveries:sent', -1)", "counters_only_grow_from_zero"),
    *of_partners.VIOLATIONS,
]


@pytest.fixture
async def world(tables):
    """Alice waits for an answer, Bob has moved by silence, Carol has not confirmed yet.

    A partner waits for Alice, too.
    """
    alice = await factories.signed_up("alice@example.org", spare_email="spare@example.org")
    bob = await factories.signed_up("bob@example.org")
    await factories.requested_change(alice, "other@example.org")
    await factories.accepted_by_silence(bob, "new@example.org")
    await factories.requested_signup("carol@example.org")
    await of_partners.let_in(alice)
    failed_logins.note(alice.account.id)
    await failed_logins.save()


async def test_has_the_constraints_of_the_migration(tables):
    """Each constraint is there, under its name, and says what it should."""
    found = {
        key: plain(definition)
        for key, definition in (await constraints()).items()
        if key[0] not in ELSEWHERE and key[1] not in CHOICES
    }

    assert found == {
        (table, name): plain(definition)
        for table, listed in CONSTRAINTS.items()
        for name, definition in listed.items()
    }


async def test_has_the_indexes_of_the_migration(tables):
    """Partial unique indexes are invariants too; lists and workers stand on the others."""
    of_constraints = {name for listed in CONSTRAINTS.values() for name in listed}

    found = {
        name: definition
        for (table, name), definition in (await indexes()).items()
        if name not in of_constraints and table not in ELSEWHERE
    }

    assert found == {name: plain(definition) for name, definition in INDEXES.items()}


@pytest.mark.parametrize("name", CHOICES)
async def test_knows_the_choices_of_the_models(tables, name):
    """A column with choices takes those of its enum, no more and no less."""
    column, choices = CHOICES[name]

    found = {key[1]: definition for key, definition in (await constraints()).items()}[name]

    assert re.search(rf"\({column}\)", found)
    assert re.findall("'([A-Za-z_.]+)'", found) == [choice.value for choice in choices]


@pytest.mark.parametrize("table", sorted(set(CONSTRAINTS) - {"nic_handles"}))
async def test_refuses_what_breaks_an_invariant(world, table):
    """PostgreSQL refuses the row, whoever writes it, and nothing is changed."""
    violations = [pair for pair in VIOLATIONS if pair[1].startswith(f"{table}_")]
    before = await factories.everything()

    refused = [(statement, await refusal(statement)) for statement, _ in violations]

    assert refused == violations
    assert await factories.everything() == before


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM nic_handles",
        "UPDATE nic_handles SET handle = 'xx' || substr(handle, 3)",
        "UPDATE nic_handles SET allocated_at = now()",
    ],
)
async def test_never_gives_a_handle_back(world, statement):
    """The table of handles only grows."""
    before = await factories.everything()

    with pytest.raises(asyncpg.RaiseError, match="never changed and never reused"):
        await run(statement)

    assert await factories.everything() == before


def test_tries_every_constraint():
    """Whoever adds a constraint adds a row that breaks it."""
    tried = {constraint for _, constraint in VIOLATIONS}

    listed = {
        name
        for definitions in (*CONSTRAINTS.values(), INDEXES)
        for name, definition in definitions.items()
        if definition.startswith(("CHECK", "UNIQUE"))
    }
    assert listed - tried == set()
