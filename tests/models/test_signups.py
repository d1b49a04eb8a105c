"""Sign-up: the answer tells nothing, the mail everything."""

import factories
from factories import CLIENT, POLICY

from models import signups
from models.accounts import Account
from models.challenges import InvalidCodeError
from models.mails import Template


async def test_confirms_with_the_mailed_code(tables):
    """The code of the creation mail opens the account and a session; the address is proven."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")

    opened = await signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY)

    account = await Account.get(email_key="alice@example.org")
    assert opened.account.id == account.id
    assert account.email_proven
    assert account.nic_handle.startswith("am")


async def test_counts_wrong_codes(tables):
    """Five wrong codes end a challenge; even the right one opens nothing then."""
    challenge = await factories.requested_signup("alice@example.org")
    code = await factories.mailed_code(Template.CREATION, to="alice@example.org")
    wrong = "BBBB-BBBB"

    left = [
        (await signups.confirm(challenge.id, wrong, client=CLIENT, policy=POLICY)).attempts_left
        for _ in range(5)
    ]

    assert left == [4, 3, 2, 1, None]
    try:
        await signups.confirm(challenge.id, code, client=CLIENT, policy=POLICY)
    except InvalidCodeError:
        pass
    assert await Account.all().count() == 0
