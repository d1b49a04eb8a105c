"""Let a session end without a write to the change that it asked for.

Whoever signs out holds no lock of the account; the write collided with answers to the change. An id
of a session that has ended names nobody.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_devices")]

    initial = False

    operations = [
        ops.RunSQL("ALTER TABLE email_changes DROP CONSTRAINT IF EXISTS email_changes_of_session"),
        ops.RunSQL("DROP INDEX IF EXISTS email_changes_by_session"),
    ]
