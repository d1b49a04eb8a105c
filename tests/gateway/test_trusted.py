"""Trusted documents: named by their SHA-256, by the names that clients know; and nothing else."""

import json
from hashlib import sha256
from pathlib import Path

import factories
import pytest

from gateway import trusted
from models import sessions
from models.settings import Settings, SettingsError

ME = "query Me { me { email } }"
NAME = sha256(ME.encode()).hexdigest()
OTHER = "{ me { id } }"
WAYS = {
    "documentId": {"documentId": f"sha256:{NAME}"},
    "documentId without its algorithm": {"documentId": NAME.upper()},
    "the extension": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": NAME}}},
    "the extension beside the document": {
        "query": ME,
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": NAME}},
    },
}


@pytest.fixture
def manifest(tmp_path):
    """A manifest with one document."""
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({NAME: ME}))
    return file


async def asked(client, body, **headers):
    response = await client.post("/graphql", json=body, headers=headers)
    return response.status_code, response.json()


@pytest.mark.parametrize("way", WAYS)
async def test_executes_what_is_named(serve, manifest, way):
    """Whoever knows the name need not send the text."""
    async with serve(trusted_documents=manifest, trusted_only=True) as client:
        alice = await factories.signed_up("alice@example.org")
        found = await asked(client, WAYS[way], authorization=f"Bearer {alice.token}")

    assert found == (200, {"data": {"me": {"email": "alice@example.org"}}})


async def test_executes_what_is_named_by_get(serve, manifest):
    """Queries may be cached by their address."""
    async with serve(trusted_documents=manifest) as client:
        response = await client.get("/graphql", params={"documentId": f"sha256:{NAME}"})

    assert response.json() == {"data": {"me": None}}


async def test_says_which_name_it_does_not_know(serve, manifest):
    """In the words that make a client send the whole document."""
    body = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    async with serve(trusted_documents=manifest) as client:
        status, answer = await asked(client, body)

    assert status == 400
    assert answer["errors"][0]["message"] == "PersistedQueryNotFound"
    assert answer["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_learns_no_document_from_a_client(serve, manifest):
    """A name beside a document registers nothing: the manifest is the operator's."""
    name = sha256(OTHER.encode()).hexdigest()
    async with serve(trusted_documents=manifest) as client:
        both = await asked(client, {"query": OTHER, "documentId": name})
        alone = await asked(client, {"documentId": name})

    assert both == (200, {"data": {"me": None}})
    assert alone[1]["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_refuses_all_others_if_told_to(serve, manifest):
    """Not even one that differs by a space; and nothing of it is done."""
    async with serve(trusted_documents=manifest, trusted_only=True) as client:
        alice = await factories.signed_up("alice@example.org")
        known = await asked(client, {"query": ME})
        unknown = await asked(client, {"query": ME + " "})
        bearer = f"Bearer {alice.token}"
        changing = await asked(client, {"query": "mutation { logout }"}, authorization=bearer)
        still = await sessions.find(alice.token)

    assert changing[1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert still is not None
    assert known == (200, {"data": {"me": None}})
    assert unknown[0] == 400
    assert unknown[1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "beside",
    [
        {"documentId": None},
        {"documentId": "a name of another system"},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": None}},
        {"extensions": None},
    ],
    ids=str,
)
async def test_executes_what_is_sent_whatever_stands_beside_it(serve, beside):
    """Who sends the document need not name it; nor by a name of ours."""
    async with serve() as client:
        assert await asked(client, {"query": ME} | beside) == (200, {"data": {"me": None}})


@pytest.mark.parametrize(
    "body",
    [
        {"query": ME, "documentId": "0" * 64},
        {"documentId": 7},
        {"documentId": ""},
        {"extensions": {"persistedQuery": "x"}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": []}},
    ],
    ids=str,
)
async def test_refuses_a_name_that_is_none(serve, manifest, body):
    """What is no digest, or another document's, is the client's fault."""
    async with serve(trusted_documents=manifest) as client:
        status, answer = await asked(client, body)

    assert status == 400
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "null", '{"a": 1}', json.dumps({"0" * 64: ME}), "\udcff"], ids=str
)
def test_refuses_a_manifest_that_is_none(tmp_path, text):
    """A start with a wrong one ends in a line that names the variable."""
    file = tmp_path / "documents.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(SettingsError, match="NICGATE_TRUSTED_DOCUMENTS must be a JSON file"):
        trusted.documents(settings(file))


def test_reads_the_names_of_newer_generators(tmp_path):
    """They write the algorithm before the digest."""
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({f"sha256:{NAME}": ME}))

    assert trusted.documents(settings(file))[NAME] == ME


def test_refuses_a_manifest_that_is_not_there(tmp_path):
    """As one that cannot be read."""
    with pytest.raises(SettingsError, match="NICGATE_TRUSTED_DOCUMENTS"):
        trusted.documents(settings(tmp_path / "nothing.json"))


def settings(file: Path) -> Settings:
    return Settings(
        database_url="postgresql://localhost/x",
        redis_url="redis://localhost",
        smtp_url="smtp://localhost",
        secret_key="a key for tests only",
        trusted_documents=file,
    )
