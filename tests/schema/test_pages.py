"""Connections: newest first, paged forwards, stable while new rows arrive at the head."""

import base64
from datetime import timedelta
from uuid import UUID

import factories
import pytest

from models import clock, mails
from models.mails import Recipient, Template
from models.policy import DAY

PAGE = """query ($first: Int! = 20, $after: String) { me { mails(first: $first, after: $after) {
  edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
} } }"""
CHANGES = "query ($after: String) { me { emailChanges(after: $after) { edges { cursor } } } }"


async def queued(account, count, *, later=timedelta()):
    """The ids of so many new mails of one instant: their order is by id alone."""
    at = await clock.now() + later
    return [
        str((await mails.queue(Template.CREATION, Recipient.of(account), at=at, lifetime=DAY)).id)
        for _ in range(count)
    ]


@pytest.fixture
def page(ask, alice):
    """One page of Alice's mails: the ids on it, and where it stands."""

    async def page(**variables):
        answer = await ask(PAGE, caller=alice, variables=variables)
        connection = answer.result["mails"]
        return [edge["node"]["id"] for edge in connection["edges"]], connection["pageInfo"]

    return page


async def test_walks_through_every_row_once(page, alice):
    """Pages join without gap or overlap, rows of one instant included."""
    oldest, _ = await page()
    new = await queued(alice.account, 6)

    first, one = await page(first=3)
    second, two = await page(first=3, after=one["endCursor"])
    third, three = await page(first=3, after=two["endCursor"])

    assert first + second + third == sorted(new, reverse=True) + oldest
    assert [info["hasNextPage"] for info in (one, two, three)] == [True, True, False]
    assert [info["hasPreviousPage"] for info in (one, two, three)] == [False, True, True]


async def test_marks_a_page_by_its_first_and_last_cursor(ask, alice):
    """`startCursor` and `endCursor` are those of the edges."""
    await queued(alice.account, 3)

    answer = await ask(PAGE, caller=alice, variables={"first": 2})

    connection = answer.result["mails"]
    cursors = [edge["cursor"] for edge in connection["edges"]]
    info = connection["pageInfo"]
    assert [info["startCursor"], info["endCursor"]] == cursors


async def test_stands_still_while_rows_arrive(page, alice):
    """A cursor names a row: what comes in at the head moves nothing behind it."""
    await queued(alice.account, 4)
    first, one = await page(first=2)
    rest, _ = await page(after=one["endCursor"])

    await queued(alice.account, 3, later=timedelta(seconds=1))

    again, two = await page(after=one["endCursor"])
    assert again == rest
    assert not set(again) & set(first)
    assert two["hasPreviousPage"] is True


async def test_says_that_there_is_more_before_a_page(page, alice):
    """The page that was the first stands behind another once rows have arrived."""
    rows = await queued(alice.account, 2)
    _, before = await page(first=2)
    new = await queued(alice.account, 1, later=timedelta(seconds=1))

    ids, head = await page(first=1)
    next_ids, following = await page(first=2, after=head["endCursor"])

    assert before["hasPreviousPage"] is False
    assert (ids, head["hasPreviousPage"]) == (new, False)
    assert (next_ids, following["hasPreviousPage"]) == (sorted(rows, reverse=True), True)


async def test_ends_with_an_empty_page(page):
    """Behind the last row there is nothing, and nothing to mark it with."""
    ids, info = await page()

    behind, end = await page(after=info["endCursor"])

    assert len(ids) == 1
    assert behind == []
    assert end == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }


async def test_takes_null_for_no_cursor(page):
    """`after: null` means absent."""
    assert await page(after=None) == await page()


async def test_gives_the_longest_page_that_may_be_asked_for(page, alice):
    """1 and 100 are in; twenty are given unless told."""
    await queued(alice.account, 101)

    pages = [await page(first=1), await page(first=100), await page()]

    assert [len(ids) for ids, _ in pages] == [1, 100, 20]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1, -(2**31)])
async def test_refuses_a_page_of_another_length(ask, alice, first):
    """BAD_REQUEST beside the one field; the rest of the answer stands."""
    answer = await ask(
        "query ($first: Int!) { me { email mails(first: $first) { edges { cursor } } } }",
        caller=alice,
        variables={"first": first},
    )

    assert answer.data == {"me": {"email": "alice@example.org", "mails": None}}
    (error,) = answer.errors
    assert error["message"] == "`first` must be from 1 to 100."
    assert error["path"] == ["me", "mails"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}


def encoded(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "",
        "no cursor",
        "é",
        "\0",
        "A" * 10_000,
        encoded(b"short"),
        encoded(UUID(int=7).bytes),
        "====",
    ],
)
async def test_refuses_an_unknown_cursor(ask, alice, after):
    """A text that is no cursor and one that names no row: BAD_REQUEST, `mails` null."""
    answer = await ask(
        "query ($after: String) { me { email mails(after: $after) { edges { cursor } } } }",
        caller=alice,
        variables={"after": after},
    )

    assert answer.data == {"me": {"email": "alice@example.org", "mails": None}}
    (error,) = answer.errors
    assert error["message"] == "`after` is not a cursor of this list."
    assert error["extensions"] == {"code": "BAD_REQUEST"}


async def test_refuses_the_cursor_of_another_account(ask, alice, page):
    """Another's row is as unknown as one that never was."""
    bob = await factories.signed_up("bob@example.org")
    theirs = await ask(PAGE, caller=bob)
    cursor = theirs.result["mails"]["pageInfo"]["endCursor"]

    answer = await ask(PAGE, caller=alice, variables={"after": cursor})

    assert answer.data == {"me": {"mails": None}}
    assert answer.codes == ["BAD_REQUEST"]


async def test_refuses_the_cursor_of_another_list(ask, alice):
    """A mail is no change."""
    mail = await ask(PAGE, caller=alice)
    cursor = mail.result["mails"]["pageInfo"]["endCursor"]

    answer = await ask(CHANGES, caller=alice, variables={"after": cursor})

    assert answer.data == {"me": {"emailChanges": None}}
    assert answer.codes == ["BAD_REQUEST"]


async def test_refuses_in_the_accounts_language(ask):
    """Top-level errors that a person can act on are in their language, too."""
    chloe = await factories.signed_up("chloe@example.org", language="FR")

    answer = await ask(PAGE, caller=chloe, variables={"first": 0})

    assert answer.errors[0]["message"] == "`first` doit être compris entre 1 et 100."
