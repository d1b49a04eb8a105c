"""GraphQL over HTTP: what a request must be, and under which name its answer leaves."""

from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from gateway.incoming import Incoming
from models.profiles import Language
from schema import messages

MAX_BODY = 128 * 1024
LEGACY = "application/json"
GRAPHQL = "application/graphql-response+json"
METHODS = {"GET", "HEAD", "POST"}
_PREFIX = "sha256:"


class RequestError(Exception):
    """The request cannot become an operation; the message tells a person what to change."""

    def __init__(
        self, status: int, message: str, code: str = "BAD_REQUEST", **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Asked(NamedTuple):
    """What a client wants executed: a document, or the SHA-256 of one that is trusted."""

    query: str
    digest: str
    name: str | None
    variables: dict[str, Any] | None


def media_type(accept: str | None) -> str:
    if accept is None:
        return LEGACY
    # Quality values beyond presence and order are more than any GraphQL client sends.
    offers = [offer.partition(";")[0].strip().lower() for offer in accept.split(",")]
    for offer in offers:
        if offer == GRAPHQL:
            return GRAPHQL
        if offer in {LEGACY, "application/*", "*/*"}:
            return LEGACY
    raise RequestError(406, f"The answer is {GRAPHQL} or {LEGACY}; accept one of them.")


async def asked(request: Incoming) -> Asked:
    """Read a request. Raises RequestError."""
    if request.method not in METHODS:
        raise not_allowed("Queries go by GET or POST, mutations by POST.", "GET, POST")
    parameters = await _body(request) if request.method == "POST" else _query(request)
    name, variables = parameters.get("operationName"), parameters.get("variables")
    if name is not None and not isinstance(name, str):
        raise RequestError(400, "`operationName` must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise RequestError(400, "`variables` must be an object.")
    digest = _digest(parameters)
    query = parameters.get("query")
    if query is None and digest:
        query = ""
    if not isinstance(query, str):
        raise RequestError(400, "`query` must be a string with a GraphQL document.")
    if not query and not digest:
        raise RequestError(400, "The request has no query.")
    return Asked(query, digest, name, variables)


def _digest(parameters: dict[str, Any]) -> str:
    """Return the digest that a client names a document by; "" when it names none.

    As `documentId` (GraphQL over HTTP, persisted documents), or as Apollo and urql send it.
    """
    if "documentId" not in parameters and "extensions" not in parameters:
        return ""
    extensions = parameters.get("extensions")
    if not isinstance(extensions, dict | None):
        raise RequestError(400, "`extensions` must be an object.")
    named = parameters.get("documentId") or ""
    persisted = (extensions or {}).get("persistedQuery")
    if isinstance(persisted, dict):
        named = persisted.get("sha256Hash") or named
    if not isinstance(named, str):
        raise RequestError(400, "A document is named by its SHA-256 in hexadecimal.")
    return named.removeprefix(_PREFIX).lower()


def _query(request: Incoming) -> dict[str, Any]:
    return {
        name: _parsed(value.encode("utf-8", "surrogatepass"), f"`{name}`")
        if name in {"variables", "extensions"}
        else value
        for name, value in request.query_params.items()
    }


async def _body(request: Incoming) -> dict[str, Any]:
    if not _is_json(request.header(b"content-type") or ""):
        raise RequestError(415, f"Send the request as {LEGACY} in UTF-8.")
    body = await request.body_within(MAX_BODY)
    if body is None:
        raise RequestError(413, f"A request may have {MAX_BODY} bytes.", connection="close")
    request.raw = body
    parameters = _parsed(body, "The body")
    if isinstance(parameters, list):
        raise RequestError(400, "Send one operation a request; batches are refused.")
    if not isinstance(parameters, dict):
        raise RequestError(400, "The body must be a JSON object.")
    return parameters


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return media_type.strip().lower() == LEGACY and charset in {"", "charset=utf-8"}


def _parsed(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise RequestError(400, f"{what} must be JSON in UTF-8.") from None


def not_allowed(message: str, allow: str) -> RequestError:
    return RequestError(405, message, allow=allow)


def rate_limited(seconds: int, language: Language) -> RequestError:
    sentence = messages.TOP_LEVEL["RATE_LIMITED"][language]
    return RequestError(429, sentence, "RATE_LIMITED", retry_after=str(seconds))


def unavailable() -> RequestError:
    return RequestError(
        503, "The service is not available; try again in a moment.", "INTERNAL", retry_after="5"
    )
