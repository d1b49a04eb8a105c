"""What PostgreSQL itself refuses of partners, consents and events, for `test_invariants`."""

import factories
from factories import Opened

from models import consents, partners
from models.consents import ConsentState
from models.events import EventType
from models.partners import KeyTerms
from models.scopes import Scope

CONSTRAINTS = {
    "partners": {
        "partners_pkey": "PRIMARY KEY (id)",
        "partners_name_key": "UNIQUE (name)",
    },
    "partner_keys": {
        "partner_keys_pkey": "PRIMARY KEY (id)",
        "partner_keys_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
        "partner_keys_two_places": "CHECK ((place = ANY (ARRAY[1, 2])))",
        "partner_keys_digest_is_sha256": "CHECK ((octet_length(digest) = 32))",
    },
    "consents": {
        "consents_pkey": "PRIMARY KEY (id)",
        "consents_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
        "consents_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "consents_answered_once": "CHECK (((state = 'PENDING') = (answered_at IS NULL)))",
        "consents_answered_in_time": """CHECK (((state <> ALL (ARRAY['GRANTED', 'REFUSED',
            'REVOKED'])) OR (answered_at < expires_at)))""",
        "consents_silence_after_deadline": """CHECK (((state <> 'EXPIRED')
            OR (answered_at >= expires_at)))""",
        "consents_ended_after_grant": """CHECK ( CASE state WHEN 'REVOKED'
            THEN (ended_at IS NOT NULL) WHEN 'REPLACED' THEN true ELSE (ended_at IS NULL) END)""",
        "consents_granted_by_somebody": """CHECK (((account_id IS NOT NULL)
            OR (state = ANY (ARRAY['PENDING', 'EXPIRED', 'REPLACED']))))""",
    },
    "events": {
        "events_pkey": "PRIMARY KEY (number)",
        "events_id_key": "UNIQUE (id)",
        "events_of_account": "FOREIGN KEY (account_id) REFERENCES accounts(id)",
        "events_of_partner": "FOREIGN KEY (partner_id) REFERENCES partners(id)",
    },
}
INDEXES = {
    "partner_keys_two_at_most": """UNIQUE partner_keys (partner_id, place)
        WHERE (revoked_at IS NULL)""",
    "consents_one_granted": """UNIQUE consents (account_id, partner_id)
        WHERE (state = 'GRANTED')""",
    "consents_one_pending": """UNIQUE consents (partner_id, nic_handle)
        WHERE (state = 'PENDING')""",
    "consents_by_account": "consents (account_id, requested_at DESC, id DESC)",
    "consents_by_partner": "consents (partner_id, nic_handle, requested_at)",
    "consents_due": "consents (expires_at) WHERE (state = 'PENDING')",
    "consents_of_nobody": "consents (expires_at) WHERE (account_id IS NULL)",
    "events_unpublished": "events (number) WHERE (published_at IS NULL)",
}
CHOICES = {
    "consents_state_known": ("state", ConsentState),
    "events_type_known": ("type", EventType),
}
GRANTED, PENDING = "state = 'GRANTED'", "state = 'PENDING' AND account_id IS NOT NULL"
NOBODYS, REVOKED = "state = 'PENDING' AND account_id IS NULL", "state = 'REVOKED'"
_ANOTHER = "INSERT INTO partner_keys (id, partner_id, place, digest, networks, created_at)"
VIOLATIONS = [
    ("COPY partners", "partners_name_key"),
    ("UPDATE partner_keys SET place = 3 WHERE place = 1", "partner_keys_two_places"),
    ("UPDATE partner_keys SET digest = '\\x00'", "partner_keys_digest_is_sha256"),
    ("UPDATE partner_keys SET partner_id = gen_random_uuid()", "partner_keys_of_partner"),
    (
        f"{_ANOTHER} SELECT 'third', partner_id, place, digest, networks, now() FROM partner_keys",
        "partner_keys_two_at_most",
    ),
    (f"UPDATE consents SET partner_id = gen_random_uuid() WHERE {NOBODYS}", "consents_of_partner"),
    (f"UPDATE consents SET account_id = gen_random_uuid() WHERE {GRANTED}", "consents_of_account"),
    (f"UPDATE consents SET state = 'ASKED' WHERE {GRANTED}", "consents_state_known"),
    (f"UPDATE consents SET answered_at = now() WHERE {PENDING}", "consents_answered_once"),
    (
        f"UPDATE consents SET state = 'REFUSED', answered_at = NULL WHERE {PENDING}",
        "consents_answered_once",
    ),
    (f"UPDATE consents SET expires_at = answered_at WHERE {GRANTED}", "consents_answered_in_time"),
    (
        f"""UPDATE consents SET state = 'REFUSED', answered_at = expires_at
            WHERE {PENDING}""",
        "consents_answered_in_time",
    ),
    (
        f"""UPDATE consents SET state = 'EXPIRED',
            answered_at = expires_at - interval '1 ms' WHERE {PENDING}""",
        "consents_silence_after_deadline",
    ),
    (f"UPDATE consents SET ended_at = now() WHERE {GRANTED}", "consents_ended_after_grant"),
    (f"UPDATE consents SET ended_at = NULL WHERE {REVOKED}", "consents_ended_after_grant"),
    (
        f"UPDATE consents SET state = 'GRANTED', answered_at = now() WHERE {NOBODYS}",
        "consents_granted_by_somebody",
    ),
    (
        f"UPDATE consents SET state = 'GRANTED', ended_at = NULL WHERE {REVOKED}",
        "consents_one_granted",
    ),
    (
        f"""INSERT INTO consents SELECT (jsonb_populate_record(old, jsonb_build_object(
            'id', gen_random_uuid()))).* FROM consents AS old WHERE {NOBODYS}""",
        "consents_one_pending",
    ),
    ("UPDATE events SET id = gen_random_uuid(), account_id = id", "events_of_account"),
    ("UPDATE events SET partner_id = gen_random_uuid()", "events_of_partner"),
    ("UPDATE events SET type = 'account.read'", "events_type_known"),
    ("UPDATE events SET id = (SELECT id FROM events ORDER BY number LIMIT 1)", "events_id_key"),
]


async def let_in(opened: Opened) -> None:
    """A partner with two keys, by one holder revoked, then let in, then asking; and in vain."""
    access = await factories.admitted(await factories.partner())
    await partners.rotate("Panel", KeyTerms())
    handle = opened.account.nic_handle
    revoked = await factories.consented(opened, access)
    await consents.revoke(await factories.session_of(opened), revoked.id)
    await factories.consented(opened, access)
    await factories.asked_consent(access, handle, Scope.ACCOUNT_READ)
    await factories.asked_consent(access, "zz000000-OVH")
