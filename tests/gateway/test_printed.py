"""GET /schema.graphql: what clients are generated from, and how they learn that it has changed."""

import pytest

from schema import schema

PATH = "/schema.graphql"


async def test_hands_out_the_schema(client):
    """What `nicgate schema` prints, as text that a browser shows."""
    response = await client.get(PATH)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == schema.as_str() + "\n"


async def test_may_be_kept_but_is_asked_for_each_time(client):
    """A client sees a new version at once; of what it has already, it is told that alone."""
    first = await client.get(PATH)
    tag = first.headers["etag"]

    again = await client.get(PATH, headers={"if-none-match": f'"another", W/{tag}'})

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["cache-control"] == "no-cache"
    assert "content-type" not in again.headers


@pytest.mark.parametrize("tag", ['"another"', "", "é", '"' * 1000])
async def test_is_sent_to_whoever_has_another(client, tag):
    """What was kept of an older version, or is no tag at all."""
    response = await client.get(PATH, headers={"if-none-match": tag.encode()})

    assert response.status_code == 200
    assert response.text == schema.as_str() + "\n"


async def test_has_the_same_tag_in_every_process(serve):
    """Two processes behind one address do not make a client load it twice."""
    tags = set()
    for _ in range(2):
        async with serve() as client:
            tags.add((await client.head(PATH)).headers["etag"])

    assert len(tags) == 1
