"""The mails of an account, as its holder reads them later: whole, but for their secrets."""

import factories
from fakes import MemoryTransport

from models.mails import Mail, Template
from workers.mails import Post

MAILS = """{ me { mails { edges { node {
  template to subject text state attempts sentAt
} } } } }"""


def nodes(answer):
    return [edge["node"] for edge in answer.result["mails"]["edges"]]


async def test_masks_the_code_of_a_mail_that_left(ask, alice):
    """The text is as sent, with `****` in the place of the code."""
    await factories.requested_change(alice, "new@example.org")
    code = await factories.mailed_code(Template.EMAIL_CHANGE_VALIDATION, to="alice@example.org")
    mail = await Mail.get(template=Template.EMAIL_CHANGE_VALIDATION)
    transport = MemoryTransport()
    await Post(transport, "no-reply@example.org", "https://account.example.org").deliver(mail.id)

    answer = await ask(MAILS, caller=alice)

    shown = next(node for node in nodes(answer) if node["template"] == mail.template)
    sent = transport.messages[0].get_body(("plain",)).get_content()
    assert code in sent
    assert shown["text"] == sent.rstrip("\n").replace(code, "****")
    assert shown["subject"] == transport.messages[0]["Subject"]
    assert (shown["to"], shown["state"], shown["attempts"]) == ("alice@example.org", "SENT", 1)
    assert shown["sentAt"] is not None


async def test_shows_no_code_of_a_mail_that_waits(ask, alice):
    """Nothing of the answer holds a code, whatever state the mail is in."""
    await factories.changed_by_code(alice, "new@example.org")
    codes = [mail.secrets["code"] for mail in await Mail.all() if mail.secrets]
    assert len(codes) == 2

    answer = await ask(MAILS, caller=alice)

    assert not [code for code in codes if code in str(answer.data)]
    assert {node["state"] for node in nodes(answer)} == {"QUEUED", "ABANDONED"}
    assert all(node["sentAt"] is None for node in nodes(answer))


async def test_lists_newest_first_whatever_the_address(ask, alice):
    """Every mail sent to the account, its sign-up's and those to other addresses too."""
    await factories.requested_change(alice, "new@example.org")

    answer = await ask(MAILS, caller=alice)

    listed = [(node["template"], node["to"]) for node in nodes(answer)]
    assert sorted(listed[:2]) == [
        ("email_change_told_new", "new@example.org"),
        ("email_change_validation", "alice@example.org"),
    ]
    assert listed[2:] == [("creation", "alice@example.org")]


async def test_shows_no_mails_of_others(ask, alice):
    """The list holds the account's own rows."""
    await factories.signed_up("bob@example.org")

    answer = await ask(MAILS, caller=alice)

    assert [node["to"] for node in nodes(answer)] == ["alice@example.org"]
