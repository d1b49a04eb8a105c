"""The mails of an account, as its holder reads them later: whole, but for their secrets."""

import factories
from fakes import MemoryTransport

from models.mails import Mail, Template
from workers.mails import Post

MAILS = """{ me { mails { edges { node {
  template to subject text state attempts sentAt
} } } } }"""
WAITING = ["code", "code", "report", "revert"]


def nodes(answer):
    return [edge["node"] for edge in answer.result["mails"]["edges"]]


async def test_masks_the_code_of_a_mail_that_left(ask, alice):
    """The text is as sent, with `****` in the place of the code and of each link."""
    await factories.requested_change(alice, "new@example.org")
    mail = await Mail.get(template=Template.EMAIL_CHANGE_VALIDATION)
    transport = MemoryTransport()
    await Post(transport, "no-reply@example.org", "https://account.example.org").deliver(mail.id)

    answer = await ask(MAILS, caller=alice)

    shown = next(node for node in nodes(answer) if node["template"] == mail.template)
    sent = transport.messages[0].get_body(("plain",)).get_content()
    sent = sent.replace("\r\n", "\n").replace(" \n", "\n")  # as it is before it may flow
    code, links = mail.secrets["code"], "https://account.example.org/links"
    hidden = [code, *(f"{links}/{kind}#{mail.secrets[kind]}" for kind in ("refuse", "report"))]
    assert [sent.count(secret) for secret in hidden] == [1, 1, 1]
    for secret in hidden:
        sent = sent.replace(secret, "****")
    assert shown["text"] == sent.rstrip("\n")
    assert shown["subject"] == transport.messages[0]["Subject"]
    assert (shown["to"], shown["state"], shown["attempts"]) == ("alice@example.org", "SENT", 1)
    assert shown["sentAt"] is not None


async def test_shows_no_secret_of_a_mail_that_waits(ask, alice):
    """Nothing of the answer holds a code or a link, whatever state the mail is in."""
    await factories.accepted_by_code(alice, "new@example.org")
    waiting = [mail.secrets for mail in await Mail.all() if mail.secrets]
    secrets = [secret for kinds in waiting for secret in kinds.values()]
    assert sorted(kind for kinds in waiting for kind in kinds) == WAITING

    answer = await ask(MAILS, caller=alice)

    assert not [secret for secret in secrets if secret.rpartition(".")[2] in str(answer.data)]
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
