"""HTTP to servers that others name: only outside, only to what was checked, TLS that counts."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import certificates
import pytest
import receivers

from models.webhooks import AttemptError
from workers import outbound
from workers.outbound import Client, NameNotFoundError

NAME = "hooks.example.org"


def to(*answers):
    """A resolver that gives these lists of addresses, one for each time it is asked."""
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        found = answers[min(len(asked), len(answers)) - 1]
        if not found:
            raise NameNotFoundError
        return found

    resolve.asked = asked
    return resolve


@pytest.fixture
async def post():
    """Post something to a URL, by a client made for it."""
    clients = []

    async def post(url, **client):
        clients.append(Client(**client))
        return await clients[-1].post(url, b"{}", {"webhook-id": "1"})

    yield post
    for client in clients:
        await client.close()


def named(receiver):
    """The URL of a server by a name that only a resolver of the test knows."""
    return receiver.url.replace("127.0.0.1", NAME)


def port_of(receiver):
    return int(receiver.url.rpartition(":")[2].partition("/")[0])


async def test_connects_to_the_address_that_it_has_checked(post):
    """A name that leads elsewhere the second time it is asked for is asked for once."""
    resolve = to(["127.0.0.1"], ["127.0.0.2"])
    async with (
        receivers.receiving() as checked,
        receivers.receiving(host="127.0.0.2", port=port_of(checked)) as other,
    ):
        answer = await post(named(checked), loopback=True, resolve=resolve)

    assert answer.status == 204
    assert [request.address for request in checked.received] == ["127.0.0.1"]
    assert checked.received[0].headers["host"] == f"{NAME}:{port_of(checked)}"
    assert (resolve.asked, other.connections) == ([(NAME, port_of(checked))], 0)


async def test_looks_again_for_each_message(post):
    """No connection is kept, and no name: good the first time says nothing of the second."""
    resolve = to(["127.0.0.1"], ["10.0.0.7"])
    async with receivers.receiving() as receiver:
        client = Client(loopback=True, resolve=resolve)
        answers = [await client.post(named(receiver), b"{}", {}) for _ in range(2)]
        await client.close()

    assert [answer.status for answer in answers] == [204, None]
    assert answers[1].error is AttemptError.ADDRESS_REFUSED
    assert receiver.connections == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fe80::1"])
async def test_connects_to_nobody_inside(post, address):
    """Without the setting for tests this machine is inside, too."""
    async with receivers.receiving() as receiver:
        answer = await post(named(receiver), resolve=to([address]))

    assert answer.error is AttemptError.ADDRESS_REFUSED
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "localhost", "127.0.0.1"])
async def test_knows_this_machine_by_all_its_names(post, host):
    """What the system makes of a name is what is judged."""
    async with receivers.receiving() as receiver:
        answer = await post(f"https://{host}:{port_of(receiver)}/in")

    assert answer.error is AttemptError.ADDRESS_REFUSED
    assert receiver.connections == 0


async def test_refuses_a_name_with_any_address_inside(post):
    """Whoever mixes them hopes for the one or the other."""
    async with receivers.receiving() as receiver:
        mixed = to(["127.0.0.1", "192.168.1.1"])
        answer = await post(named(receiver), loopback=True, resolve=mixed)

    assert answer.error is AttemptError.ADDRESS_REFUSED
    assert receiver.connections == 0


async def test_tries_the_next_address_of_a_name(post):
    """A host whose first address does not answer is reached by the second."""
    async with receivers.receiving() as receiver:
        both = to(["127.0.0.3", "127.0.0.1"])
        answer = await post(named(receiver), loopback=True, resolve=both)

    assert answer.status == 204


async def test_does_not_find_every_name(post):
    """`.invalid` is nobody's, by RFC 2606."""
    answer = await post("https://hooks.invalid/in")

    assert answer.error is AttemptError.NAME_NOT_FOUND


async def test_waits_for_a_name_no_longer_than_for_the_rest(post):
    """One deadline for the whole exchange."""

    async def never(_host, _port):
        await asyncio.sleep(3600)

    answer = await post(f"https://{NAME}/in", resolve=never, deadline=0.2)

    assert answer.error is AttemptError.TIMED_OUT
    assert 200 <= answer.duration < 2000


async def test_trusts_a_certificate_of_the_name(post, tmp_path):
    """The name of the URL is what counts, not the address that was connected to."""
    serving, trusting = certificates.server(tmp_path, NAME)
    async with receivers.receiving(tls=serving) as receiver:
        known = {"loopback": True, "resolve": to(["127.0.0.1"])}
        answer = await post(named(receiver), tls=trusting, **known)

    assert (answer.status, len(receiver.received)) == (204, 1)


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_sends_nothing_without_a_certificate_that_counts(post, tmp_path, wrong):
    """Signed by nobody whom this machine knows, or made out to another name."""
    name = "other.example.org" if wrong == "name" else NAME
    serving, trusting = certificates.server(tmp_path, name)
    async with receivers.receiving(tls=serving) as receiver:
        tls = None if wrong == "authority" else trusting
        answer = await post(named(receiver), loopback=True, resolve=to(["127.0.0.1"]), tls=tls)

    assert (answer.status, answer.error) == (None, AttemptError.TLS_FAILED)
    assert receiver.received == []


async def test_takes_no_proxy_from_the_environment(post, monkeypatch):
    """A proxy would connect to what nobody has checked."""
    async with receivers.receiving() as proxy, receivers.receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        answer = await post(receiver.url, loopback=True)

    assert (answer.status, proxy.connections) == (204, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
        ("9" * 400, 999_999_999_999),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_reads_retry_after(text, seconds):
    """Seconds that lie ahead, or nothing."""
    found = outbound.retry_after(text)

    assert found == (seconds and min(timedelta(seconds=seconds), timedelta(seconds=10**9)))


@pytest.mark.parametrize("usegmt", [True, False])
def test_reads_a_date_as_retry_after(usegmt):
    """The other form that RFC 9110 has."""
    at = datetime.now(UTC) + timedelta(hours=2)

    found = outbound.retry_after(format_datetime(at, usegmt=usegmt))

    assert timedelta(minutes=119) < found <= timedelta(hours=2)
