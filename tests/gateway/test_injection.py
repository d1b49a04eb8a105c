"""What is typed into a name or an address stays text: in headers, in mails, in rows."""

import factories
import pytest
from factories import PASSWORD

from models.accounts import Account
from models.mails import Mail, Template
from models.signups import Signup
from workers import rendering

SIGNUP = {
    "email": "dana@example.org",
    "password": PASSWORD,
    "firstName": "Dana",
    "lastName": "Moreau",
    "country": "FR",
}


@pytest.mark.parametrize("field", ["email", "spareEmail", "firstName", "lastName", "organisation"])
async def test_lets_no_line_end_into_a_mail(client, field):
    """What stands behind a line end would be a header of ours: refused, or trimmed off."""
    values = SIGNUP | {"organisation": "Moreau"}
    value = (values | {"spareEmail": "spare@example.org"})[field]

    for end in ("\n", "\r\n", "\r", "\0", "\u2028", "\x0b", "\x85"):
        for text in (f"{value}{end}Bcc: eve@example.org", f"{end}{value}{end}"):
            await client.graphql(
                "mutation ($input: SignupInput!) { signup(input: $input) { __typename } }",
                {"input": values | {field: text}},
            )

    assert await Mail.all().count() > 0
    for mail in await Mail.all():
        letter = rendering.render(mail, origin="http://localhost")
        for header in (mail.recipient, letter.subject, mail.nic_handle):
            assert header.isprintable()
        assert "eve@example.org" not in mail.recipient + letter.subject + letter.text
    for signup in await Signup.all():
        stored = [signup.email, signup.spare_email, *signup.profile.values()]
        assert all(text is None or text.isprintable() for text in stored)


@pytest.mark.parametrize(
    ("name", "html"),
    [
        ("{{ secrets }}{% include 'x' %}", "{{ secrets }}{% include &#39;x&#39; %}"),
        ('" onload="x', "&#34; onload=&#34;x"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("O'Brien & Söhne", "O&#39;Brien &amp; Söhne"),
    ],
)
async def test_keeps_markup_in_names_inert(client, name, html):
    """Names that pass are text in every mail, not HTML, not a template."""
    alice = await factories.signed_up("alice@example.org")
    await client.graphql(
        "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { __typename } }",
        {"input": {"firstName": name}},
        authorization=f"Bearer {alice.token}",
    )
    await factories.requested_change(alice, "new@example.org")

    letter = rendering.render(
        await Mail.get(template=Template.EMAIL_CHANGE_VALIDATION), origin="http://localhost"
    )

    assert (await Account.get()).first_name == name
    assert f"Hello {name}," in letter.text
    assert f"Hello {html}," in letter.html
    assert "<b>" not in letter.html


async def test_escapes_what_an_older_rule_let_pass(client):
    """A row may hold what today's rules refuse: the mail is built from the row."""
    alice = await factories.signed_up("alice@example.org")
    await factories.requested_change(alice, "new@example.org")
    mail = await Mail.get(template=Template.EMAIL_CHANGE_VALIDATION)
    mail.params["first_name"] = "<script>alert(1)</script>"

    letter = rendering.render(mail, origin="http://localhost")

    assert "<script" not in letter.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in letter.html
