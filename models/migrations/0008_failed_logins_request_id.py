"""A failed login is told with the id of its request, as everything else in the log."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_VIEW = """
    CREATE OR REPLACE VIEW activity_log AS
      SELECT a.id, a.account_id, a.kind, a.at, a.count, a.about, a.request_id,
        o.ip_address, o.user_agent
      FROM activities a LEFT JOIN activity_origins o ON o.activity_id = a.id
      UNION ALL
      SELECT id, account_id, 'LOGIN_FAILED', at, count, '{}'::jsonb, request_id::varchar,
        ip_address, user_agent
      FROM failed_logins
"""


class Migration(migrations.Migration):
    dependencies = [("models", "0007_sessions_cheap_to_touch")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FailedLogin",
            name="request_id",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.RunSQL(_VIEW),
    ]
