"""GraphQL over HTTP: what is taken, what is answered; nothing a client sends is our fault."""

import asyncio
import gzip
import json
import threading
import time

import factories
import orjson
import pytest

from models import credentials, sessions
from models.sessions import Session

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
TYPENAME = b'{"query": "{ __typename }"}'
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { __typename ... on OpenedSession { token } }
}"""


async def send(client, body, content_type=JSON, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(
        "/graphql", content=body, headers={"content-type": content_type} | named
    )


def refused(response, status):
    """Check a refusal of the request: JSON with one error, and return its sentence."""
    assert response.status_code == status
    assert response.headers["content-type"] in {JSON, GRAPHQL}
    assert response.headers["x-request-id"]
    answer = response.json()
    assert answer.keys() == {"errors"}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_REQUEST"}
    return answer["errors"][0]["message"]


async def test_answers_a_query(client):
    """200 and JSON that nobody may keep."""
    response = await client.graphql(
        "query ($x: Boolean!) { __typename @skip(if: $x) }", {"x": False}
    )

    assert response.status_code == 200
    assert response.json() == {"data": {"__typename": "Query"}}
    assert response.headers["cache-control"] == "no-store"


async def test_answers_the_head_of_a_query(client):
    """HEAD is GET without the body."""
    response = await client.head("/graphql?query={__typename}")

    assert response.status_code == 200
    assert response.headers["content-type"] == GRAPHQL


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("application/*", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL};charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"text/event-stream, {GRAPHQL}, {JSON}", GRAPHQL),
        (f"text/html, {JSON}", JSON),
        ("TEXT/HTML, APPLICATION/JSON", JSON),
    ],
)
async def test_answers_in_the_media_type_that_is_accepted(client, accept, media_type):
    """GraphQL's own when it is accepted, plain JSON for older clients."""
    del client.headers["accept"]
    headers = {"accept": accept} if accept else {}

    response = await send(client, TYPENAME, **headers)

    assert response.status_code == 200
    assert response.headers["content-type"] == media_type


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "application/xml, image/*"])
async def test_refuses_what_it_cannot_answer_in(client, accept):
    """406 names what there is."""
    response = await send(client, TYPENAME, accept=accept)

    assert GRAPHQL in refused(response, 406)


@pytest.mark.parametrize("accept", [JSON, "*/*"])
@pytest.mark.parametrize("query", ["{", "{ nothing }", "query ($n: Int!) { __typename }"])
async def test_answers_older_clients_with_200(client, query, accept):
    """A document that cannot be executed is well-formed JSON: their status tells of that only."""
    response = await send(client, orjson.dumps({"query": query}), accept=accept)

    assert refused(response, 200)
    assert response.headers["content-type"] == JSON


@pytest.mark.parametrize("body", [b'{"query": "{ nothing }"}', b"{}", b"null"])
async def test_refuses_in_the_media_type_that_is_accepted(client, body):
    """A client that reads one type reads it of refusals, too."""
    response = await send(client, body, accept=GRAPHQL)

    assert refused(response, 400)
    assert response.headers["content-type"] == GRAPHQL


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/jsonp",
    ],
)
async def test_takes_json_in_utf_8_only(client, content_type):
    """415 for what a form of a foreign page could send, and for anything else."""
    response = await send(client, TYPENAME, content_type)

    assert refused(response, 415) == "Send the request as application/json in UTF-8."


@pytest.mark.parametrize(
    "content_type", [JSON, "APPLICATION/JSON", 'application/json;charset="UTF-8"']
)
async def test_takes_every_writing_of_json(client, content_type):
    """Media types and charsets are read without regard to case and quotes."""
    response = await send(client, TYPENAME, content_type)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"5",
        b"1.5",
        b'"text"',
        b"[]",
        b"{",
        b"{}",
        b"\xff\xfe",
        b'{"query": "\xff"}',
        b'{"query": "{ __typename }"} x',
        b"\xef\xbb\xbf" + TYPENAME,
        b"[" + TYPENAME + b"]",
        b"[" * 20_000 + b"]" * 20_000,
        b'{"query": "{ __typename }", "variables": ' + b'{"x":' * 5000 + b"1" + b"}" * 5001,
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b'{"query": "{ __typename }", "variables": {"x": "\\ud800"}}',
        b'{"query": "\\udc00 { __typename }"}',
        gzip.compress(TYPENAME, mtime=0),
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": "  "}',
        b'{"query": "# nothing"}',
        b'{"query": "\\u0000"}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "operationName": "Other"}',
        b'{"query": "{ __typename }", "operationName": ""}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "fragment A on Account { id }"}',
        b'{"query": "type A { b: Int }"}',
        b'{"query": "subscription { me { id } }"}',
        b'{"query": "{ me { mails(first: ' + b"9" * 5000 + b') { edges { cursor } } } }"}',
        b'{"query": "{ me { mails(first: 1e999) { edges { cursor } } } }"}',
        b'{"query": "' + b"{a" * 5000 + b'"}',
        b'{"query": "' + b"{ me { id } } " * 5000 + b'"}',
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_calls_a_malformed_request_a_bad_request(client, body):
    """4xx with a sentence, never 5xx, never a word of the interpreter's."""
    response = await send(client, body)

    sentence = refused(response, 400)
    assert not [
        word for word in ("Traceback", "Error:", "sys.", "None") if sentence.startswith(word)
    ]
    assert "operation type" not in sentence


@pytest.mark.parametrize(
    ("variables", "type_"),
    [
        ({"x": 10**40}, "Int"),
        ({"x": -(10**40)}, "Int"),
        ({"x": 2**31}, "Int"),
        ({"x": 1e300}, "Int"),
    ],
)
async def test_refuses_integers_that_are_too_large(client, variables, type_):
    """Int has 32 bits; what has more is the client's fault."""
    query = f"query ($x: {type_}!) {{ me {{ mails(first: $x) {{ edges {{ cursor }} }} }} }}"

    response = await send(client, json.dumps({"query": query, "variables": variables}).encode())

    assert refused(response, 400)


async def test_takes_an_integer_for_an_id(client):
    """An ID is a string or an integer in JSON; one that is no id of ours is not found."""
    query = (
        'mutation ($id: ID!) { confirmSignup(input: {challengeId: $id, code: "x"}) { __typename } }'
    )

    response = await client.graphql(query, {"id": 2**62})

    assert response.json() == {"data": {"confirmSignup": {"__typename": "InvalidCodeError"}}}


@pytest.mark.parametrize("fill", [b" ", b"x"])
async def test_refuses_a_body_of_more_than_128_kib(client, fill):
    """413 without reading on; 128 KiB to the byte are taken."""
    largest = TYPENAME + b" " * (128 * 1024 - len(TYPENAME))

    taken = await send(client, largest)
    response = await send(client, largest + fill)

    assert taken.status_code == 200
    assert refused(response, 413) == "A request may have 131072 bytes."
    assert response.headers["connection"] == "close"


async def test_reads_no_more_of_a_body_than_it_may(client):
    """An endless body ends at the limit."""
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 50 * 1024 * 1024:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    response = await client.post("/graphql", content=endless(), headers={"content-type": JSON})

    assert refused(response, 413)
    assert sent < 1024 * 1024


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b" " * 120_000, "text/plain", 415),
        (b"[" + b",".join([TYPENAME] * 4000) + b"]", JSON, 400),
        (b"\xff" * 120_000, JSON, 400),
        (b"[" * 60_000 + b"]" * 60_000, JSON, 400),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, JSON, 400),
        (b" " * 50 * 1024 * 1024, JSON, 413),
    ],
    ids=["type", "batch", "UTF-8", "deep lists", "deep objects", "size"],
)
async def test_refuses_within_100_milliseconds(client, body, content_type, status):
    """What cannot become an operation costs next to nothing, however much of it there is."""
    took = []
    for _ in range(3):
        started = time.perf_counter()
        response = await send(client, body, content_type)
        took.append(time.perf_counter() - started)

    assert refused(response, status)
    assert min(took) < 0.1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_refuses_other_methods(client, method):
    """405 names those that there are, in JSON as all refusals."""
    response = await client.request(method, "/graphql", content=TYPENAME)

    assert refused(response, 405)
    assert {"GET", "POST"} <= set(response.headers["allow"].replace(" ", "").split(","))


async def test_answers_queries_by_get(client):
    """Query, variables as JSON, and the name of the operation stand in the URL."""
    alice = await factories.signed_up("alice@example.org")
    parameters = {
        "query": "query A { __typename }"
        " query B ($h: NicHandle!) { account(nicHandle: $h) { email } }",
        "variables": orjson.dumps({"h": alice.account.nic_handle}).decode(),
        "operationName": "B",
    }
    bearer = {"authorization": f"Bearer {alice.token}"}

    response = await client.get("/graphql", params=parameters, headers=bearer)

    assert response.json() == {"data": {"account": {"email": "alice@example.org"}}}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{"},
        {"query": "{ __typename }", "variables": "[]"},
        {"query": "{ __typename }", "variables": "{"},
        {"query": "{ __typename }", "variables": ""},
        {"query": "{ __typename }", "extensions": "5"},
        {"query": "{ __typename }", "operationName": "Other"},
    ],
)
async def test_calls_a_malformed_get_a_bad_request(client, parameters):
    """As by POST."""
    response = await client.get("/graphql", params=parameters)

    assert refused(response, 400)


@pytest.mark.parametrize(
    "tail", ["query=%ED%A0%80", "query=%FF", "query={__typename}&variables=%FF"]
)
async def test_takes_no_broken_utf_8_in_a_url(client, tail):
    """Bytes that are no text are no query."""
    response = await client.get(f"/graphql?{tail}")

    assert refused(response, 400)


async def test_refuses_mutations_by_get(client):
    """A link must not change anything: 405, and nothing happens."""
    alice = await factories.signed_up("alice@example.org")
    bearer = {"authorization": f"Bearer {alice.token}"}

    response = await client.get("/graphql", params={"query": "mutation { logout }"}, headers=bearer)

    assert refused(response, 405) == "Mutations go by POST."
    assert response.headers["allow"] == "POST"
    assert await sessions.find(alice.token) is not None


@pytest.mark.parametrize(
    "document",
    [
        "query A { a: __typename } query B { b: __typename }",
        "query A { __typename } mutation B { logout }",
        "mutation B { logout } query A { __typename }",
        "query { __typename } query { __typename }",
    ],
)
async def test_refuses_to_choose_among_operations(client, document):
    """Of several operations the client names one; none is executed by guess."""
    alice = await factories.signed_up("alice@example.org")

    response = await client.graphql(document, authorization=f"Bearer {alice.token}")

    assert refused(response, 400)
    assert await sessions.find(alice.token) is not None


async def test_executes_the_operation_that_is_named(client):
    """Whatever was asked of the same document before, and kept in a cache."""
    document = "query A { a: __typename } query B { b: __typename }"

    answers = [
        (await client.post("/graphql", json={"query": document, "operationName": name})).json()
        for name in ("B", "A", "C", "B")
    ]

    assert [answer.get("data") for answer in answers] == [
        {"b": "Query"},
        {"a": "Query"},
        None,
        {"b": "Query"},
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ('mutation { proveEmail(input: {code: ""}) { __typename } }', "UNAUTHENTICATED"),
        ("query ($n: Int) { me { mails(first: $n) { edges { cursor } } } }", None),
    ],
)
async def test_answers_200_once_an_operation_was_executed(client, document, code):
    """What happens inside an operation stands in `errors`, beside its data."""
    response = await client.graphql(document, {"n": None}, accept=GRAPHQL)

    answer = response.json()
    assert response.status_code == 200
    assert "data" in answer
    assert [error["extensions"]["code"] for error in answer.get("errors", [])] == (
        [code] if code else []
    )


@pytest.fixture
async def full_house():
    """The queue for hashing is full until the event that this gives is set."""
    over = threading.Event()
    waiting = []
    while not (waiting and waiting[-1].done()):
        hashing = credentials._pool().run(over.wait)  # noqa: SLF001 -- the real queue
        waiting.append(asyncio.create_task(hashing))
        await asyncio.sleep(0)
    yield over
    over.set()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_says_when_to_come_back(client, full_house):
    """A flood of logins is RATE_LIMITED with Retry-After; other calls do not notice it."""
    values = {"input": {"identifier": "nobody@example.org", "password": "wrong"}}

    login = await client.graphql(LOGIN, values)
    other = await client.graphql("{ me { id } }")
    full_house.set()
    await asyncio.sleep(0.1)
    later = await client.graphql(LOGIN, values)

    (error,) = login.json()["errors"]
    assert (login.status_code, login.headers["retry-after"]) == (200, "5")
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 5}
    assert other.json() == {"data": {"me": None}}
    assert later.json() == {"data": {"login": {"__typename": "InvalidCredentialsError"}}}


@pytest.mark.parametrize(
    ("accept_language", "message"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8", "Vous n’êtes pas connecté."),
        ("en-GB", "You are not signed in."),
        ("de, fr;q=0.5", "Vous n’êtes pas connecté."),
        ("de", "You are not signed in."),
        ("*", "You are not signed in."),
        ("", "You are not signed in."),
        ("fr;q=0.1, en", "You are not signed in."),
        (";;;,,,=", "You are not signed in."),
    ],
)
async def test_reads_the_language_of_the_browser(client, accept_language, message):
    """The one that is wanted most among those there are; else English."""
    response = await client.graphql(
        'mutation { proveEmail(input: {code: ""}) { __typename } }',
        accept_language=accept_language,
    )

    assert response.json()["errors"][0]["message"] == message


async def test_hides_the_schema_unless_told(serve):
    """Without introspection the names are neither listed nor suggested."""
    async with serve(introspection=False) as client:
        listed = await client.graphql("{ __schema { types { name } } }")
        guessed = await client.graphql("{ mee { id } }")
        known = await client.graphql("{ __typename }")

    assert refused(listed, 400)
    assert refused(guessed, 400) == "Cannot query field 'mee' on type 'Query'."
    assert known.json() == {"data": {"__typename": "Query"}}


async def test_notes_the_use_of_a_session(client):
    """`lastUsedAt` is written a moment after the answer, once it is a minute old."""
    alice = await factories.signed_up("alice@example.org")
    old = alice.session.last_used_at - factories.DELAY
    await Session.filter(id=alice.session.id).update(last_used_at=old)

    await client.graphql("{ me { id } }", authorization=f"Bearer {alice.token}")
    await sessions.save_uses()
    first = (await Session.get(id=alice.session.id)).last_used_at
    await client.graphql("{ me { id } }", authorization=f"Bearer {alice.token}")
    await sessions.save_uses()

    assert first > alice.session.last_used_at
    assert (await Session.get(id=alice.session.id)).last_used_at == first
