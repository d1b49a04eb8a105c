"""The use of a session is written in place: no index has the instant of its last use."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0006_activities")]

    initial = False

    operations = [
        # The strongest lock first: who waits for it holds nothing that others wait for.
        ops.RunSQL("DROP INDEX IF EXISTS sessions_by_account"),
        ops.RunSQL("DROP INDEX IF EXISTS sessions_by_age"),
        ops.RunSQL("CREATE INDEX IF NOT EXISTS sessions_of_account ON sessions (account_id)"),
        # Room on each page for a row's next version.
        ops.RunSQL("ALTER TABLE sessions SET (fillfactor = 80)"),
    ]
