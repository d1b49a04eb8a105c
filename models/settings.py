"""The environment of a process, read once at its entry and checked before anything starts."""

import os
import re
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "NICGATE_"
_SENDER = re.compile(r"[^<>@\s]+@[^<>@\s]+|[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>")
_LONGEST_WAIT = 604_800  # seconds: a week
_DEFAULT_PORTS = {"http": 80, "https": 443}


class SettingsError(Exception):
    """A variable is missing or wrong; the message is one line that names it and what it must be."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in schemes:
            raise ValueError(value)
        _ = parts.port  # raises ValueError when it is none
        return value

    return AfterValidator(check)


def _smtp(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    tls = parse_qs(parts.query).get("tls", ["never"])
    if not parts.hostname or tls[-1] not in {"required", "never"}:
        raise ValueError(value)
    return value


def _origin(value: str) -> str:
    """Write an origin as browsers do: lower case, without the port that goes without saying."""
    if not value:
        return value
    if not re.fullmatch(r"https?://[^/?#\s]+", value):  # urlsplit drops line feeds
        raise ValueError(value)
    parts = urlsplit(value)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise ValueError(value)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    said = parts.port in {None, _DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{host}" + ("" if said else f":{parts.port}")


def _origins(value: str) -> str:
    """Check a list of origins; `*` is none."""
    for origin in filter(None, value.split(",")):
        _origin(origin.strip())
    return value


def _waits(value: str) -> str:
    """Check a list of seconds."""
    for word in value.split(","):
        if not re.fullmatch(r"\s*[0-9]{1,6}\s*", word) or int(word) > _LONGEST_WAIT:
            raise ValueError(value)
    return value


def _keys(value: SecretStr) -> SecretStr:
    keys = value.get_secret_value().split(",")
    if any(len(key.strip()) < 16 for key in keys):
        raise ValueError(value)
    return value


def _sender(value: str) -> str:
    if value and not _SENDER.fullmatch(value):
        raise ValueError(value)
    return value


DatabaseUrl = Annotated[SecretStr, _url("postgres", "postgresql")]
RedisUrl = Annotated[SecretStr, _url("redis", "rediss", "unix")]
SmtpUrl = Annotated[SecretStr, _url("smtp", "smtps"), AfterValidator(_smtp)]
SecretKeys = Annotated[SecretStr, AfterValidator(_keys)]

# Each description completes the sentence "NICGATE_X must be ..." that stops a start.
_DATABASE = "a PostgreSQL URL: postgresql://user:password@host:5432/database"
_REDIS = "a Redis or Valkey URL: redis://host:6379/0"
_SMTP = "an SMTP URL: smtp://user:password@host:587 or smtps://..."
_SECRETS = "one or more secrets of at least 16 characters, comma-separated"


def _refuse_bytes() -> None:
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise SettingsError(f"{name} must be text in UTF-8.") from None


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        description="debug, info, warning or error",
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises SettingsError."""
        try:
            _refuse_bytes()
            return cls()
        except ValidationError as fault:
            name = str(fault.errors()[0]["loc"][0])
            meaning = cls.model_fields[name].description
            raise SettingsError(f"{PREFIX}{name.upper()} must be {meaning}.") from None


class DatabaseSettings(_Environment):
    """What `nicgate migrate` needs."""

    database_url: DatabaseUrl = Field(description=_DATABASE)
    pool_size: int = Field(
        default=10, ge=2, le=1000, description="a number of connections from 2 to 1000"
    )


class _Face(_Environment):
    """Where the gateway listens, and under which origin the world knows it."""

    host: str = Field(default="127.0.0.1", description="an address of this machine")
    port: int = Field(default=8000, ge=1, le=65535, description="a port from 1 to 65535")
    public_url: Annotated[str, AfterValidator(_origin)] = Field(
        default="", description="an origin without a path: https://account.example.org"
    )

    @cached_property
    def origin(self) -> str:
        """The origin of links and cookies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


class Settings(_Face, DatabaseSettings):
    """What the gateway and the workers need."""

    redis_url: RedisUrl = Field(description=_REDIS)
    smtp_url: SmtpUrl = Field(description=_SMTP)
    smtp_connections: int = Field(
        default=8, ge=1, le=100, description="a number of SMTP connections from 1 to 100"
    )
    secret_key: SecretKeys = Field(description=_SECRETS)
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        default="", description="a sender: Accounts <no-reply@example.org>"
    )
    nic_suffix: str = Field(
        default="OVH",
        pattern="^[A-Z][A-Z0-9]{0,9}$",
        description="1 to 10 upper-case letters and digits",
    )
    auto_accept_after: int = Field(
        default=86400,
        ge=1,
        le=2_592_000,
        description="a number of seconds from 1 to 2592000 (30 days)",
    )
    consent_lifetime: int = Field(
        default=604_800,
        ge=1,
        le=2_592_000,
        description="a number of seconds from 1 to 2592000 (30 days)",
    )
    bcrypt_cost: int = Field(default=12, ge=4, le=16, description="a bcrypt cost from 4 to 16")
    trusted_proxies: int = Field(
        default=0, ge=0, le=10, description="a number of proxies from 0 to 10"
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="origins, comma-separated: https://panel.example.org"
    )
    introspection: bool = Field(default=False, description="true or false")
    trusted_documents: Path | None = Field(
        default=None, description="a JSON file of GraphQL documents by their SHA-256"
    )
    trusted_only: bool = Field(default=False, description="true or false")
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="a number of processes of `serve` from 1 to 64",
    )
    partner_budget: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="a number of points from 1 to 1000000",
    )
    webhook_schedule: Annotated[str, AfterValidator(_waits)] = Field(
        default="0,5,300,1800,7200,18000,36000,50400,72000,86400",
        description="waits in seconds, comma-separated",
    )
    webhook_loopback: bool = Field(default=False, description="true or false")
    mailbox_file: Path | None = Field(
        default=None, description="the file that the mail catcher of the embedded run writes"
    )

    @cached_property
    def secret_keys(self) -> tuple[bytes, ...]:
        """The keys that codes are digested under; the first signs, all are accepted."""
        return tuple(key.strip().encode() for key in self.secret_key.get_secret_value().split(","))

    @cached_property
    def webhook_waits(self) -> tuple[timedelta, ...]:
        """How long each attempt to deliver an event waits for."""
        return tuple(timedelta(seconds=int(word)) for word in self.webhook_schedule.split(","))

    @cached_property
    def friendly_origins(self) -> tuple[str, ...]:
        """The other origins whose pages may call."""
        origins = (origin.strip() for origin in self.cors_origins.split(","))
        return tuple(_origin(origin) for origin in origins if origin)

    @cached_property
    def sender(self) -> str:
        """The From address of every mail."""
        host = urlsplit(self.origin).hostname or "localhost"
        # An IP address stands in brackets in mail, and many servers refuse it even so.
        named = host if re.search(r"[a-zA-Z]", host) and ":" not in host else "localhost"
        return self.mail_from or f"no-reply@{named}"


class EmbeddedSettings(_Face):
    """What `nicgate up` needs; a URL replaces the embedded part of its name."""

    database_url: DatabaseUrl | None = Field(default=None, description=_DATABASE)
    redis_url: RedisUrl | None = Field(default=None, description=_REDIS)
    smtp_url: SmtpUrl | None = Field(default=None, description=_SMTP)
    secret_key: SecretKeys | None = Field(default=None, description=_SECRETS)
    data_dir: Path = Field(default=Path("var"), description="a folder that may be written")
