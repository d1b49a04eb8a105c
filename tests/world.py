"""Thousands of customers, cloned by SQL from one whom the operations have made."""

import factories
from tortoise.connection import get_connection

# Accounts `first` to `last`, at addresses that begin with `name`.
ACCOUNTS = """
INSERT INTO nic_handles SELECT 'cl' || lpad(n::text, 6, '0') || '-OVH', now()
  FROM generate_series({first}, {last}) n;
INSERT INTO accounts
  SELECT (jsonb_populate_record(a, jsonb_build_object(
    'id', md5('account' || n), 'nic_handle', 'cl' || lpad(n::text, 6, '0') || '-OVH',
    'email', '{name}' || n || '@example.org', 'email_key', '{name}' || n || '@example.org',
    'last_proven_email', '{name}' || n || '@example.org',
    'last_proven_email_key', '{name}' || n || '@example.org'))).*
  FROM accounts a, generate_series({first}, {last}) n WHERE a.email = 'model@example.org';
"""
_CHANGES = """
INSERT INTO email_changes
  SELECT (jsonb_populate_record(c, jsonb_build_object(
    'id', md5('change' || n), 'account_id', md5('account' || n), 'session_id', null,
    'new_email', 'new' || n || '@example.org', 'new_email_key', 'new' || n || '@example.org'))).*
  FROM email_changes c, generate_series(1, {count}) n
  WHERE c.new_email = 'other@example.org';
"""
_QUESTIONS = """
INSERT INTO mails
  SELECT (jsonb_populate_record(m, jsonb_build_object(
    'id', md5('mail' || n), 'account_id', md5('account' || n),
    'email_change_id', md5('change' || n), 'recipient', 'old' || n || '@example.org'))).*
  FROM mails m, generate_series(1, {count}) n WHERE m.template = 'email_change_validation';
"""
_CLEAN = """
DELETE FROM mails WHERE account_id = (SELECT id FROM accounts WHERE email = 'model@example.org');
DELETE FROM links; DELETE FROM email_changes WHERE new_email = 'other@example.org';
ANALYZE;
"""


async def waiting(count: int, *, with_questions: bool = False) -> None:
    """Fill an empty database with customers who have asked for a change, their mails unsent."""
    model = await factories.signed_up("model@example.org")
    await factories.requested_change(model, "other@example.org")
    accounts = ACCOUNTS.format(first=1, last=count, name="old")
    statements = _CHANGES + (_QUESTIONS if with_questions else "") + _CLEAN
    await get_connection("default").execute_script(accounts + statements.format(count=count))
