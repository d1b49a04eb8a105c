"""E-mail addresses: what is kept, what they are compared by, what is refused."""

import pytest

from models import email_addresses
from models.email_addresses import BadAddressError, EmailAddress
from models.errors import FaultCode

LABEL = "a" * 63


@pytest.mark.parametrize(
    ("text", "kept", "key"),
    [
        ("dm@example.org", "dm@example.org", "dm@example.org"),
        ("  dm@example.org\r\n", "dm@example.org", "dm@example.org"),
        ("D.Martin@Example.ORG", "D.Martin@Example.ORG", "d.martin@example.org"),
        ("dm+shop@example.org", "dm+shop@example.org", "dm+shop@example.org"),
        ("o'hara@example.org", "o'hara@example.org", "o'hara@example.org"),
        ("dm@münchen.de", "dm@münchen.de", "dm@xn--mnchen-3ya.de"),
        ("dm@MÜNCHEN.de", "dm@MÜNCHEN.de", "dm@xn--mnchen-3ya.de"),
        ("dm@mu\u0308nchen.de", "dm@münchen.de", "dm@xn--mnchen-3ya.de"),
        ("dm@XN--mnchen-3ya.de", "dm@XN--mnchen-3ya.de", "dm@xn--mnchen-3ya.de"),
        ("dm@faß.de", "dm@faß.de", "dm@xn--fa-hia.de"),
        ("dm@例え.jp", "dm@例え.jp", "dm@xn--r8jz45g.jp"),
        ("dm@example。org", "dm@example。org", "dm@example.org"),
        ("\u212aelvin@example.org", "Kelvin@example.org", "kelvin@example.org"),
    ],
)
def test_keeps_what_was_typed_and_makes_a_key(text, kept, key):
    """The text is trimmed and composed; the key folds case and writes the domain in ASCII."""
    address = email_addresses.parse(text)

    assert address == EmailAddress(kept, key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dm@example.org", "dm+1@example.org"),
        ("d.m@example.org", "dm@example.org"),
        ("dm@example.org", "dm@mail.example.org"),
        ("dm@fass.de", "dm@faß.de"),
    ],
)
def test_tells_different_addresses_apart(one, other):
    """Only case and the writing of the domain are set aside; no provider's habits are."""
    keys = {email_addresses.parse(text).key for text in (one, other)}

    assert len(keys) == 2


def test_takes_the_longest_address():
    """An address of 254 characters is still one."""
    text = f"{'x' * 60}@{LABEL}.{LABEL}.{'a' * 62}.de"

    address = email_addresses.parse(text)

    assert len(text) == 254
    assert address.key == text


@pytest.mark.parametrize(
    ("text", "code", "limit"),
    [
        pytest.param("", FaultCode.REQUIRED, None, id="empty"),
        pytest.param(" \t\u00a0\n", FaultCode.REQUIRED, None, id="blank"),
        pytest.param(
            f"{'x' * 61}@{LABEL}.{LABEL}.{'a' * 62}.de", FaultCode.TOO_LONG, 254, id="255"
        ),
        pytest.param(f"{'x' * 288}@example.org", FaultCode.TOO_LONG, 254, id="300"),
        pytest.param("\0" * 10_000, FaultCode.TOO_LONG, 254, id="10,000"),
        pytest.param(f"dm@{'ä' * 60}.org", FaultCode.INVALID, None, id="long label in ASCII"),
        pytest.param(
            "dm@" + "ä.ö.ü.ß." * 25 + "org", FaultCode.INVALID, None, id="long domain in ASCII"
        ),
        pytest.param("dm", FaultCode.INVALID, None, id="no at"),
        pytest.param("dm@", FaultCode.INVALID, None, id="no domain"),
        pytest.param("@example.org", FaultCode.INVALID, None, id="no local part"),
        pytest.param("d@m@example.org", FaultCode.INVALID, None, id="two ats"),
        pytest.param("d m@example.org", FaultCode.INVALID, None, id="blank inside"),
        pytest.param("d..m@example.org", FaultCode.INVALID, None, id="two dots"),
        pytest.param("dm@example.org.", FaultCode.INVALID, None, id="dot at the end"),
        pytest.param("dm@-example.org", FaultCode.INVALID, None, id="dash at the start"),
        pytest.param("dm@localhost", FaultCode.INVALID, None, id="no top level"),
        pytest.param("dm@[192.0.2.1]", FaultCode.INVALID, None, id="address literal"),
        pytest.param('"d m"@example.org', FaultCode.INVALID, None, id="quoted"),
        pytest.param("D M <dm@example.org>", FaultCode.INVALID, None, id="display name"),
        pytest.param("a@example.org,b@example.org", FaultCode.INVALID, None, id="two addresses"),
        pytest.param("élodie@example.org", FaultCode.INVALID, None, id="non-ASCII local part"),
        pytest.param("d\u043c@example.org", FaultCode.INVALID, None, id="Cyrillic local part"),
        pytest.param("dm@example.org\r\nBcc: x@y.de", FaultCode.INVALID, None, id="header"),
        pytest.param("dm\n@example.org", FaultCode.INVALID, None, id="line feed"),
        pytest.param("dm\0@example.org", FaultCode.INVALID, None, id="NUL"),
        pytest.param("dm@exa\0mple.org", FaultCode.INVALID, None, id="NUL in the domain"),
        pytest.param("\ud800@example.org", FaultCode.INVALID, None, id="lone surrogate"),
        pytest.param("dm@\udfff.org", FaultCode.INVALID, None, id="surrogate in the domain"),
        pytest.param("dm@exa\u202emple.org", FaultCode.INVALID, None, id="direction override"),
        pytest.param("dm@exa\u200bmple.org", FaultCode.INVALID, None, id="zero-width space"),
        pytest.param("dm@exa\u00admple.org", FaultCode.INVALID, None, id="soft hyphen"),
    ],
)
def test_refuses_what_mail_cannot_be_sent_to(text, code, limit):
    """A refusal names one fault, and the length if that is what was passed."""
    with pytest.raises(BadAddressError) as refused:
        email_addresses.parse(text)

    assert (refused.value.code, refused.value.limit) == (code, limit)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("dm@example.org", "d***@example.org"),
        ("d@example.org", "d***@example.org"),
        (" DM@Example.org ", "D***@Example.org"),
        ("a@b@example.org", "a***@example.org"),
        ("dm429850-OVH", "***"),
        ("@example.org", "***"),
        ("", "***"),
        pytest.param(f"{'x' * 288}@example.org", "***", id="300 characters"),
        pytest.param("\ud800@example.org", "***", id="lone surrogate"),
        pytest.param("dm@\udfff.org", "***", id="surrogate in the domain"),
    ],
)
def test_masks_what_was_typed(text, masked):
    """Of an address its first letter and domain are shown, of anything else nothing."""
    shown = email_addresses.mask(text)

    assert shown == masked


@pytest.mark.parametrize(
    ("text", "wired"),
    [
        ("D.Martin@Example.org", "D.Martin@example.org"),
        ("dm@MÜNCHEN.de", "dm@xn--mnchen-3ya.de"),
    ],
)
def test_writes_the_domain_for_servers(text, wired):
    """On the wire the local part is as typed, since its server may mind; the domain is ASCII."""
    address = email_addresses.wire(text)

    assert address == wired
