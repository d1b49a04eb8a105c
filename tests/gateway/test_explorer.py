"""The explorer is served where introspection is, and all of it from here."""

import re

import pytest
from graphql import build_client_schema, print_schema
from starlette.routing import Route

from gateway import explorer, space
from schema import schema

PARTS = {
    "/explorer": "text/html; charset=utf-8",
    "/explorer/explorer.css": "text/css; charset=utf-8",
    "/explorer/explorer.js": "text/javascript; charset=utf-8",
    "/explorer/explorer_documentation.js": "text/javascript; charset=utf-8",
    "/explorer/explorer_schema.js": "text/javascript; charset=utf-8",
    "/explorer/schema.json": "application/json",
}


@pytest.mark.parametrize("path", PARTS)
async def test_is_served_with_introspection(client, path):
    """Each part with its type; none may be framed, or load anything from elsewhere."""
    response = await client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == PARTS[path]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.fixture
def spaceless(monkeypatch, tmp_path):
    """A gateway without the customer space, which lists what there is at /."""
    monkeypatch.setattr(space, "BUILT", tmp_path)


@pytest.mark.parametrize("path", PARTS)
async def test_is_not_there_without_introspection(spaceless, serve, path):
    """A deployment that hides its names shows no page about them."""
    async with serve(introspection=False) as client:
        response = await client.get(path)
        listed = (await client.get("/")).text.split()

    assert response.status_code == 404
    assert "/schema.graphql" in listed
    assert "/explorer" not in listed


async def test_is_listed(spaceless, serve):
    """Somebody who comes with a browser finds it."""
    async with serve(introspection=True) as client:
        assert "/explorer" in (await client.get("/")).text.split()


async def test_runs_our_own_scripts_alone(client):
    """No inline script or style, no other host, no markup put together from text."""
    page = await client.get("/explorer")
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in page.headers["content-security-policy"].split(";")
    )

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert re.findall(r"\b(?:style|on\w+)=|<style|<script(?![^>]*src=\")", page.text) == []


async def test_loads_what_is_there(client):
    """The page and its scripts name no part that is not served."""
    served = {path: (await client.get(path)).text for path in PARTS}
    named = {
        path
        for text in served.values()
        for path in re.findall(r'(?:"|fetch\(")(/explorer/[\w.]+)"', text)
        + [f"/explorer/{name}" for name in re.findall(r'from "\./([\w.]+)"', text)]
    }

    assert named == set(PARTS) - {"/explorer"}
    assert {
        route.path for route in explorer.routes(schema.as_str()) if isinstance(route, Route)
    } == (set(PARTS))


async def test_shows_the_whole_schema(client):
    """What it documents is what is served, descriptions and defaults included."""
    shown = (await client.get("/explorer/schema.json")).json()

    assert print_schema(build_client_schema(shown)) == schema.as_str()
