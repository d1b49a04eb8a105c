"""Trusted documents: those of the operator's manifest, and those of the customer space."""

from pathlib import Path

import orjson

from gateway import space
from models.settings import PREFIX, Settings, SettingsError
from schema.documents import digest

_ALGORITHM = "sha256:"  # newer editions of graphql-codegen write it before the digest


def documents(settings: Settings) -> dict[str, str]:
    """Return all trusted documents by their SHA-256. Raises SettingsError.

    The manifest is a JSON object of documents by their SHA-256 in hexadecimal, as graphql-codegen
    writes it.
    """
    own = {digest(text): text for text in space.documents().values()}
    return own | (_manifest(settings.trusted_documents) if settings.trusted_documents else {})


def _manifest(file: Path) -> dict[str, str]:
    try:
        texts = orjson.loads(file.read_bytes())
        known = {digest(text): text for text in texts.values()}
        texts = {name.removeprefix(_ALGORITHM): text for name, text in texts.items()}
    except (OSError, ValueError, AttributeError):
        known, texts = {}, None
    if known != texts:
        meaning = Settings.model_fields["trusted_documents"].description
        raise SettingsError(f"{PREFIX}TRUSTED_DOCUMENTS must be {meaning}.")
    return known
