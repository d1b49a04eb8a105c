"""/healthz and /readyz, and what is answered while PostgreSQL or Redis is away."""

import asyncio
import os
import subprocess
import sys
import time

import asyncpg
import factories
import pytest
from factories import PASSWORD

from models import database
from models.mails import Mail, MailState, Template
from models.settings import DatabaseSettings

ME = "{ me { email } }"
SIGNUP = """mutation ($input: SignupInput!) { signup(input: $input) { __typename } }"""
FORM = {
    "input": {
        "email": "dana@example.org",
        "password": PASSWORD,
        "firstName": "Dana",
        "lastName": "Moreau",
        "country": "FR",
    }
}


@pytest.fixture
async def bare(databases):
    """A database without a single table."""
    return await databases.make()


async def hang_up(settings):
    """End every other connection to a database, as a restart of PostgreSQL does."""
    credentials = database.credentials(settings.database_url.get_secret_value())
    connection = await asyncpg.connect(**credentials)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


def unavailable(response):
    """Check the answer of an outage: 503, when to come back, and not a word of why."""
    assert response.status_code == 503
    assert 0 < int(response.headers["retry-after"]) <= 60
    answer = response.json()
    (error,) = answer.pop("errors")
    assert answer == {}
    assert error["message"] == "The service is not available; try again in a moment."
    assert error["extensions"] == {
        "code": "INTERNAL",
        "requestId": response.headers["x-request-id"],
    }
    return True


async def test_is_alive_and_ready(client):
    """Both say so in a word; nobody may keep the answer."""
    alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "missing": []})
    assert alive.headers["cache-control"] == ready.headers["cache-control"] == "no-store"


async def test_names_a_database_that_is_not_there(serve, folder):
    """A start without PostgreSQL: alive, not ready, and 503 to every operation."""
    url = f"postgresql://nobody@/nothing?host={folder}"
    async with serve(database_url=url, is_ready=False) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")
        query = await client.graphql("{ __typename }")
        mutation = await client.graphql(SIGNUP, FORM)

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "missing": ["database"]})
    assert unavailable(query)
    assert unavailable(mutation)


async def test_a_migration_waits_for_the_database(postgres, tables):
    """As long as it was told: both may be started at once."""
    postgres.cut()
    waiting = asyncio.create_task(
        database.migrate(DatabaseSettings(database_url=postgres.url), patience=20)
    )
    await asyncio.sleep(0.2)
    early = waiting.done()
    postgres.mend()

    await waiting

    assert not early


async def test_waits_for_the_newest_migration(serve, bare):
    """It never migrates by itself, says what is missing, and goes on once it is there."""
    async with serve(database_url=bare.database_url, is_ready=False) as client:
        before = await client.get("/readyz")
        early = await client.graphql("{ __typename }")
        url = {"NICGATE_DATABASE_URL": bare.database_url.get_secret_value()}
        command = [sys.executable, "-m", "gateway", "migrate"]
        await asyncio.to_thread(subprocess.run, command, env=os.environ | url, check=True)
        after = await client.get("/readyz")
        async with asyncio.timeout(5):
            while (late := await client.graphql("{ __typename }")).is_server_error:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    assert (before.status_code, before.json()["missing"]) == (503, ["migrations"])
    assert unavailable(early)
    assert (after.status_code, after.json()["missing"]) == (200, [])
    assert late.json() == {"data": {"__typename": "Query"}}


async def test_names_a_queue_that_is_not_there(serve, folder):
    """Without Redis nothing is lost, but somebody should look."""
    async with serve(redis_url=f"unix://{folder}/valkey.sock") as client:
        ready = await client.get("/readyz")
        query = await client.graphql("{ __typename }")

    assert (ready.status_code, ready.json()) == (503, {"ready": False, "missing": ["queue"]})
    assert query.status_code == 200


async def test_names_all_that_is_missing(serve, folder):
    """One look tells everything."""
    urls = {
        "database_url": f"postgresql://nobody@/nothing?host={folder}",
        "redis_url": f"unix://{folder}/valkey.sock",
    }
    async with serve(**urls, is_ready=False) as client:
        ready = await client.get("/readyz")

    assert ready.json() == {"ready": False, "missing": ["database", "queue"]}


async def test_comes_back_with_the_database(serve, shared_database, postgres):
    """PostgreSQL away: 503, whoever asks for whatever; back again, nothing is left of it."""
    async with serve(database_url=postgres.url) as client:
        alice = await factories.signed_up("alice@example.org")
        bearer = f"Bearer {alice.token}"
        before = await factories.everything()
        postgres.cut()
        await hang_up(shared_database)

        signed_in = await client.graphql(ME, authorization=bearer)
        anonymous = await client.graphql(SIGNUP, FORM)
        needs_no_row = await client.graphql("{ __typename }")
        ready = await client.get("/readyz")
        postgres.mend()
        again = await client.graphql(ME, authorization=bearer)

        assert unavailable(signed_in)
        assert unavailable(anonymous)
        assert needs_no_row.status_code == 200
        assert (ready.status_code, ready.json()["missing"]) == (503, ["database"])
        assert again.json() == {"data": {"me": {"email": "alice@example.org"}}}
        assert await factories.everything() == before


async def test_keeps_what_was_done_before_an_outage(serve, shared_database, postgres):
    """A document whose second part meets the outage still hands over the first one's answer."""
    async with serve(database_url=postgres.url) as client:
        postgres.cut()
        await hang_up(shared_database)
        document = """mutation ($input: SignupInput!) {
          logout signup(input: $input) { __typename }
        }"""

        response = await client.graphql(document, FORM)

        answer = response.json()
        assert response.status_code == 200
        assert answer["data"] == {"logout": True, "signup": None}
        assert answer["errors"][0]["extensions"] == {
            "code": "INTERNAL",
            "requestId": response.headers["x-request-id"],
        }


async def test_outlives_a_restart_of_the_database(serve, shared_database):
    """Connections that PostgreSQL ended are replaced; no caller sees a fault of ours."""
    async with serve() as client:
        alice = await factories.signed_up("alice@example.org")
        statuses = set()

        for _ in range(25):
            await hang_up(shared_database)
            response = await client.graphql(ME, authorization=f"Bearer {alice.token}")
            statuses.add(response.status_code)
        response = await client.graphql(ME, authorization=f"Bearer {alice.token}")

        assert statuses <= {200, 503}
        assert response.json() == {"data": {"me": {"email": "alice@example.org"}}}


async def test_logs_an_outage_without_a_traceback(serve, shared_database, postgres, journal):
    """A line a request, as ever, and no fault of ours among them."""
    async with serve(database_url=postgres.url) as client:
        postgres.cut()
        await hang_up(shared_database)
        journal()

        response = await client.graphql(SIGNUP, FORM)

        lines = journal()
        assert response.status_code == 503
        assert [line["status"] for line in lines if line["event"] == "request"] == [503]
        assert [line for line in lines if line["level"] == "error"] == []


@pytest.mark.parametrize("when", ["from the start", "later"])
async def test_takes_mutations_while_the_queue_is_away(serve, redis, when):
    """Redis is only woken: the sign-up succeeds at once, and its mail waits in its row."""
    if when == "from the start":
        redis.cut()
    async with serve(redis_url=redis.url) as client:
        if when == "later":
            await client.graphql("mutation { logout }")
            redis.cut()
        started = time.perf_counter()

        answer = await client.graphql(SIGNUP, FORM)

        elapsed = time.perf_counter() - started
        mail = await Mail.get()
        assert answer.json() == {"data": {"signup": {"__typename": "Challenge"}}}
        assert elapsed < 1
        assert (mail.template, mail.state) == (Template.CREATION, MailState.QUEUED)


async def test_answers_its_first_request(serve):
    """A process that starts beside others must not refuse what they would have done."""
    async with serve(is_ready=False) as client:
        response = await client.graphql("{ me { id } }")

    assert (response.status_code, response.json()) == (200, {"data": {"me": None}})
