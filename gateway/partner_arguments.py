"""The arguments of `nicgate partners`, read without waiting for the models."""

import argparse
import ipaddress
from urllib.parse import urlsplit

from models.scopes import Scope, parse

_SCOPES = ", ".join(Scope)
_MAX_NAME = 60


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the five actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="create a partner, and print its first key")
    _name(create)
    create.add_argument("--first-party", action="store_true", help="needs nobody's consent")
    create.add_argument("--scopes", type=_scopes, default=[Scope.ACCOUNT_READ], metavar="A,B",
                        help=f"what it may hold at most, of {_SCOPES} [account:read]")  # fmt: skip
    create.add_argument("--origin", dest="origins", type=_origin, action="append", default=[],
                        metavar="URL",
                        help="where it may send holders back to")  # fmt: skip
    create.add_argument("--contact", metavar="ADDRESS", help="who is told when its webhooks fail")
    _terms(create)
    actions.add_parser("list", help="list the partners and their keys")
    rotate = actions.add_parser("rotate", help="print another key; only the youngest stays beside")
    _name(rotate)
    _terms(rotate)
    revoke = actions.add_parser("revoke", help="revoke a partner for good, or one of its keys")
    _name(revoke)
    revoke.add_argument("--key", metavar="ID", help="only this key: nck_ID_...")
    scopes = actions.add_parser("scopes", help="show what a partner may hold, or set it")
    _name(scopes)
    scopes.add_argument("scopes", nargs="?", type=_scopes, metavar="A,B", help=f"of {_SCOPES}")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=_partner, metavar="NAME", help="the name that holders see")


def _terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_days, help="how long the key lives [until it is revoked]")
    parser.add_argument("--from", dest="networks", type=_network, action="append", default=[],
                        metavar="NETWORK", help="whence it may be used [everywhere]")  # fmt: skip


def _partner(text: str) -> str:
    # Holders read it in mails: no line breaks, and nothing that could be taken for markup.
    if not 1 <= len(text.strip()) <= _MAX_NAME or not text.isprintable() or set(text) & set("<>"):
        raise argparse.ArgumentTypeError(f"a name of 1 to {_MAX_NAME} printable characters")
    return text.strip()


def _scopes(text: str) -> list[Scope]:
    found = parse([word.strip() for word in text.split(",") if word.strip()])
    if found is None:
        raise argparse.ArgumentTypeError(f"scopes, comma-separated, of {_SCOPES}")
    return found


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError("a number of days from 1 to 3650")
    return int(text)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise argparse.ArgumentTypeError("a network such as 192.0.2.0/24, or an address") from None


def _origin(text: str) -> str:
    parts = urlsplit(text)
    local = parts.hostname in {"localhost", "127.0.0.1"}
    if parts.scheme not in {"https", "http" if local else "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("an origin: https://panel.example")
    if text != f"{parts.scheme}://{parts.netloc}" or parts.username is not None:
        raise argparse.ArgumentTypeError("an origin without a path: https://panel.example")
    return text
