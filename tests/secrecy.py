"""Where secrets must not be: what the processes of a stack have written."""

import base64
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote


def writings(secret: str) -> set[str]:
    """A secret as somebody may have written it: as it is, without dashes, in other letters ..."""
    plain = [secret, secret.replace("-", "")]
    texts = [*plain, *(text.lower() for text in plain), *(text.upper() for text in plain)]
    encoded = [base64.b64encode(text.encode()).decode().rstrip("=") for text in texts]
    return {*texts, *encoded, *(quote(text, safe="") for text in texts)} | {
        text.encode().hex() for text in texts
    }


def files(folder: Path) -> dict[str, str]:
    """The output of each process and what Valkey keeps; mails lie in the mailbox, as they may."""
    found = [folder.parent / "up.out", *(folder / "logs").glob("*")]
    found += [path for path in (folder / "valkey").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder.parent)): path.read_bytes().decode("latin-1")
        for path in found
        if path.exists()
    }


def found(secrets: Collection[str], places: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the secrets that stand somewhere, with the place."""
    return [
        (place, secret)
        for secret in secrets
        for text in writings(secret)
        for place, content in places.items()
        if text in content
    ]
