"""No secret in what a stack writes: its output, its logs, the files of Valkey, the tables."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx2
import secrecy
import stacks

from gateway.embedded.postgres import Cluster
from models import database

NEXT = "Lantern-Orchard-77-grey"
WRONG = "Crowbar-Midnight-13-red"


async def dump(folder):
    """Every row of every table, as text."""
    cluster = Cluster(folder / "postgres", log=folder / "none")
    connection = await asyncpg.connect(**database.credentials(cluster.url))
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [await connection.fetch(f"SELECT t::text FROM {table[0]} t") for table in tables]
    await connection.close()
    return "\n".join(row[0] for found in rows for row in found)


def written(stack):
    """All that was written, by where it stands."""
    return secrecy.files(stack.folder) | {"tables": asyncio.run(dump(stack.folder))}


def log_in_under_a_key(stack, customer):
    """Sign in under a key, by which the answer is kept, and be answered again."""
    given = {"identifier": customer.nic_handle, "password": customer.password}
    body = {"query": stacks.LOGIN, "variables": {"input": given | {"transport": "TOKEN"}}}
    key = uuid4().hex
    answers = [
        httpx2.post(f"{stack.url}/graphql", json=body, headers={"idempotency-key": key}, timeout=10)
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    stack.secrets |= {key, answers[0].json()["data"]["login"]["token"]}


def everything_with_a_secret(stack):
    """Use every kind of password, code and token, right ones and wrong ones."""
    customer = stack.newcomer()
    home, away = customer.email, customer.email.replace("@", "-new@")
    customer.set_spare(home.replace("@", "-spare@"))
    customer.request_change(away)
    customer.do("confirmEmailChange", code="WRNG-KLMN")
    customer.do("confirmEmailChange", code=customer.code("Change of your e-mail address").lower())
    proof = customer.code("This address is now that", at=away)
    customer.do("proveEmail", code=proof.replace("-", " "))
    changed = customer.do("changePassword", currentPassword=customer.password, newPassword=NEXT)
    assert changed["__typename"] == "PasswordChanged"
    customer.password = WRONG
    customer.try_to_log_in(home)
    customer.password = NEXT
    customer.log_in(customer.nic_handle)
    for kind, box, about in [
        ("refuse", home, "Change of your e-mail address"),
        ("report", away, "Your password has changed"),
        ("revert", home, "Your e-mail address has changed"),
    ]:
        stack.press(stack.link(kind, box, about=about))
    customer.reset(at=home, new_password=stacks.PASSWORD[::-1])
    customer.password = stacks.PASSWORD[::-1]
    customer.log_in_by_cookie(home)
    log_in_under_a_key(stack, customer)
    # A client that puts them where they do not belong.
    httpx2.post(f"{stack.url}/graphql", content=f'{{"query": "{{ {NEXT}'.encode(), timeout=10)
    httpx2.get(f"{stack.url}/graphql", params={"query": f'{{ a(b: "{proof}") }}'}, timeout=10)
    return customer


def test_no_secret_is_kept(embedded):
    """Neither by these calls nor by all the journeys that this stack has seen before."""
    customer = everything_with_a_secret(embedded)
    secrets = embedded.secrets | {NEXT, WRONG}
    unsettled = "SELECT count(*) FROM mails WHERE state = 'QUEUED'"

    async def waiting():
        cluster = Cluster(embedded.folder / "postgres", log=embedded.folder / "none")
        connection = await asyncpg.connect(**database.credentials(cluster.url))
        count = await connection.fetchval(unsettled)
        await connection.close()
        return count

    stacks.until(lambda: asyncio.run(waiting()) == 0, 20, "an empty outbox")
    places = written(embedded)

    assert len(secrets) >= 12
    assert customer.nic_handle in places["tables"]
    assert any("valkey" in place for place in places)
    assert secrecy.found(secrets, places) == []
