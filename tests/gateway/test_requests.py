"""What every request gets: an id, a line in the log, and a masked answer to a fault of ours."""

import re

import factories
import pytest
from factories import PASSWORD

from gateway.requests import Envelope
from models import email_changes, sessions

REQUEST_CHANGE = """mutation PlantedName ($input: RequestEmailChangeInput!) {
  requestEmailChange(input: $input) { __typename }
}"""
VALUES = {"input": {"newEmail": "planted@example.org", "password": PASSWORD}}


@pytest.fixture
def broken(monkeypatch):
    """Plant a fault in an operation; its text is what no client may read."""

    async def fail(*_arguments, **_options):
        raise RuntimeError("SELECT a secret FROM somewhere")

    def plant(*place):
        monkeypatch.setattr(*place, fail)

    return plant


def masked(error, response):
    """Check an error of ours as the client sees it."""
    assert error["message"] == "Internal error."
    assert error["extensions"] == {
        "code": "INTERNAL",
        "requestId": response.headers["x-request-id"],
    }
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    return True


def faults(lines):
    return [line for line in lines if line["level"] == "error"]


async def test_keeps_nothing_of_a_request():
    """What leads from a request to its answer and back would live until all is looked through."""

    async def app(scope, receive, send):
        assert "answer" in scope["state"]
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def send(message):
        sent.append(message)

    sent, scope = [], {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Envelope(app, headers={"x-one": "1"})(scope, None, send)

    assert scope["state"].keys() == {"request_id"}
    assert sent[0]["headers"][-1] == (b"x-one", b"1")


async def test_takes_the_first_of_several_ids(client):
    """As of any other header that may stand there once."""
    headers = [("x-request-id", "one"), ("x-request-id", "two")]

    response = await client.get("/healthz", headers=headers)

    assert response.headers["x-request-id"] == "one"


async def test_gives_every_request_an_id(client):
    """Whatever the answer is; no two are alike."""
    responses = [
        await client.graphql("{ __typename }"),
        await client.graphql("{"),
        await client.get("/healthz"),
        await client.get("/nothing"),
        await client.delete("/graphql"),
    ]

    ids = {response.headers["x-request-id"] for response in responses}
    assert len(ids) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


@pytest.mark.parametrize("given", ["abc", "A-1_b.c", "x" * 64])
async def test_takes_the_callers_id(client, given):
    """A harmless one goes through, so that a proxy's log and ours can be laid side by side."""
    response = await client.get("/healthz", headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given",
    [b"", b" ", b"x" * 65, b"a b", b"<script>", b'"', b"\xc3\xa9", b"a\tb", b"${jndi:x}", b"a;b"],
)
async def test_makes_its_own_in_the_place_of_a_hostile_id(client, given):
    """What could break a log line or a header is not repeated."""
    response = await client.get("/healthz", headers={"x-request-id": given})

    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_writes_one_line_for_each_request(client, journal):
    """JSON with the id; the path without its query, which may hold variables."""
    response = await client.get("/graphql?query={__typename}&variables={}")

    (line,) = [line for line in journal() if line.get("path") == "/graphql"]
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["milliseconds"] >= 0
    assert "__typename" not in str(line)


async def test_writes_nothing_to_standard_output(client, capsys):
    """The log goes to one place: standard error."""
    await client.get("/healthz")

    assert capsys.readouterr().out == ""


async def test_masks_a_fault_inside_an_operation(client, journal, broken):
    """The log has the fault under the request's id, and nothing of what the client sent."""
    alice = await factories.signed_up("alice@example.org")
    broken(email_changes, "request")

    response = await client.graphql(REQUEST_CHANGE, VALUES, authorization=f"Bearer {alice.token}")

    answer, lines = response.json(), journal()
    (fault,) = faults(lines)
    assert response.status_code == 200
    assert answer["data"] == {"requestEmailChange": None}
    assert masked(answer["errors"][0], response)
    assert fault["request_id"] == response.headers["x-request-id"]
    assert "SELECT a secret" in fault["exception"]
    for sent in (PASSWORD, "planted@example.org", "PlantedName", alice.token, "__typename"):
        assert sent not in str(lines)


async def test_masks_a_fault_outside_of_operations(client, journal, broken):
    """500, the only one there is, and the same words."""
    broken(sessions, "find")

    response = await client.graphql(REQUEST_CHANGE, VALUES, authorization="Bearer planted-token")

    lines = journal()
    (fault,) = faults(lines)
    assert response.status_code == 500
    assert masked(response.json()["errors"][0], response)
    assert fault["request_id"] == response.headers["x-request-id"]
    assert "SELECT a secret" in fault["exception"]
    for sent in (PASSWORD, "planted@example.org", "PlantedName", "planted-token"):
        assert sent not in str(lines)


async def test_forgets_a_request_before_the_next(client, journal, broken):
    """A line carries the id of its own request."""
    broken(sessions, "find")

    for given in ("first", "second"):
        await client.graphql("{ me { id } }", authorization="Bearer x", x_request_id=given)

    assert [fault["request_id"] for fault in faults(journal())] == ["first", "second"]


@pytest.mark.parametrize("body", [b"", b'{"query": '])
async def test_takes_no_blame_for_a_client_that_hangs_up(client, journal, body):
    """A body that ends in the middle is no fault of ours, and no traceback in the log."""
    messages = [{"type": "http.request", "body": body, "more_body": True}] if body else []
    messages.append({"type": "http.disconnect"})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"host", b"gateway.test")],
        "client": ("192.0.2.7", 1),
        "server": ("gateway.test", 80),
    }

    async def receive():
        return messages.pop(0)

    async def send(_message):
        pass

    await client.app(scope, receive, send)

    assert faults(journal()) == []


async def test_leads_from_the_address_with_a_slash(client):
    """Whoever adds one is sent on, with the method and the body."""
    response = await client.post("/graphql/", json={"query": "{ me { id } }"})
    followed = await client.post(
        "/graphql/", json={"query": "{ me { id } }"}, follow_redirects=True
    )

    assert (response.status_code, response.headers["location"]) == (
        307,
        "http://gateway.test/graphql",
    )
    assert followed.json() == {"data": {"me": None}}
