"""The customer space as the gateway serves it: its own routes, its files, and a policy for both."""

import gzip
import json
import re
from pathlib import Path

import pytest
from graphql import parse, validate

from gateway import space
from models.countries import CODES
from schema import schema

SCHEMA = schema._schema  # noqa: SLF001 -- graphql-core validates against its own kind
SOURCES = Path(space.__file__).parent / "space" / "src"
PAGES = {
    "en": '<!doctype html><html lang="en">Hello',
    "fr": '<!doctype html><html lang="fr">Bonjour',
}
SCRIPT = b"console.log('nicgate')"
GZIPPED = gzip.compress(SCRIPT, mtime=0)
FIRST = "query First { me { id } }"
TAKEN = ("/graphql", "/graphql/", "/schema.graphql", "/healthz", "/readyz", "/metrics", "/mailbox")
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.fixture
def built(tmp_path, monkeypatch):
    """What a build leaves, in short."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    for language, text in PAGES.items():
        (folder / f"{language}.html").write_text(text)
    for coding, content in (("", SCRIPT), (".gz", GZIPPED), (".br", b"brotli")):
        (folder / "assets" / f"main-1a2b.js{coding}").write_bytes(content)
    (folder / "assets" / "main-3c4d.css").write_text("p {}")
    routes = (SOURCES / "routes.json").read_bytes()
    (folder / "routes.json").write_bytes(routes)
    (folder / "documents.json").write_text(json.dumps({"sha256:whatever": FIRST}))
    monkeypatch.setattr(space, "BUILT", folder)
    return folder


@pytest.fixture
def unbuilt(tmp_path, monkeypatch):
    monkeypatch.setattr(space, "BUILT", tmp_path / "nothing")


def paths():
    return json.loads((SOURCES / "routes.json").read_text())


def directives(response):
    policy = response.headers["content-security-policy"]
    return dict(directive.strip().split(" ", 1) for directive in policy.split(";"))


async def test_serves_one_page_at_all_of_its_routes(built, serve):
    """Whoever reloads, or comes by a link, gets the page; its router does the rest."""
    async with serve() as client:
        answers = [await client.get(path) for path in paths().values()]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.text for answer in answers} == {PAGES["en"]}
    assert all(answer.headers["content-type"].startswith("text/html") for answer in answers)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/account/nothing", "/links/unknown", "/assets/", "/assets/no.js", "/en.html"],
)
async def test_serves_nothing_else(built, serve, path):
    """An address that is none is told so, also to a machine."""
    async with serve() as client:
        response = await client.get(path)

    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/nothing", "/links/unknown"])
async def test_tells_a_person_that_a_page_is_none(built, serve, path):
    """A browser gets the space, whose router says so in the reader's language."""
    headers = {"accept": "text/html,*/*;q=0.8", "accept-language": "fr"}
    async with serve() as client:
        response = await client.get(path, headers=headers)
        posted = await client.post(path, headers=headers)

    assert (response.status_code, response.text) == (404, PAGES["fr"])
    assert (posted.status_code, posted.text) == (404, "Not Found")


async def test_shadows_nothing(built, serve, tmp_path):
    """What was there before answers as it did."""
    async with serve(mailbox_file=tmp_path / "mails") as client:
        answers = {path: await client.get(path) for path in TAKEN}

    assert not set(paths().values()) & set(TAKEN)
    assert [path for path, answer in answers.items() if "<html lang=" in answer.text] == [
        "/mailbox"
    ]
    assert "Mailbox of nicgate" in answers["/mailbox"].text


async def test_a_page_runs_what_is_ours_and_nothing_inline(built, serve):
    """The policy of every page; a page is asked for anew each time, and not sent if it is known."""
    async with serve() as client:
        first = await client.get("/account")
        again = await client.get("/account", headers={"if-none-match": first.headers["etag"]})
        other = await client.get(
            "/account", headers={"if-none-match": first.headers["etag"], "accept-language": "fr"}
        )

    assert directives(first) == POLICY
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["referrer-policy"] == "no-referrer"
    assert (again.status_code, again.text) == (304, "")
    assert directives(again) == POLICY
    assert (other.status_code, other.text) == (200, PAGES["fr"])


async def test_an_asset_is_kept_for_ever(built, serve):
    """Its name changes with its content."""
    async with serve() as client:
        response = await client.get("/assets/main-1a2b.js", headers={"accept-encoding": "identity"})

    assert response.content == SCRIPT
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br;q=0.0,gzip;q=0", None),
        ("identity", None),
        ("zstd", None),
    ],
)
async def test_an_asset_is_sent_in_the_coding_that_is_taken(built, serve, accepted, coding):
    """As it was compressed when it was built: the smallest of those that the browser reads."""
    headers = {"accept-encoding": accepted}
    async with (
        serve() as client,
        client.stream("GET", "/assets/main-1a2b.js", headers=headers) as response,
    ):
        sent = b"".join([part async for part in response.aiter_raw()])

    assert response.headers.get("content-encoding") == coding
    assert response.headers["vary"] == "Accept-Encoding"
    assert sent == {"br": b"brotli", "gzip": GZIPPED, None: SCRIPT}[coding]


@pytest.mark.parametrize(
    "name", ["main-1a2b.js.br", "main-1a2b.js.gz", "..%2froutes.json", "%2e%2e"]
)
async def test_no_file_but_an_asset_is_sent(built, serve, name):
    """Not the compressed ones by their names, and no way to other folders."""
    async with serve() as client:
        response = await client.get(f"/assets/{name}")

    assert response.status_code == 404


async def test_an_asset_without_its_codings_is_sent_as_it_is(built, serve):
    """A build by another tool works as well."""
    async with serve() as client:
        response = await client.get("/assets/main-3c4d.css", headers={"accept-encoding": "br"})

    assert (response.status_code, response.text) == (200, "p {}")


async def test_its_documents_are_trusted(built, serve):
    """Where nothing else is executed, the space still is."""
    async with serve(trusted_only=True) as client:
        own = await client.graphql(FIRST)
        other = await client.graphql(FIRST + " ")

    assert own.json() == {"data": {"me": None}}
    assert other.status_code == 400


async def test_without_the_built_files_the_gateway_says_so(unbuilt, serve):
    """It runs all the same; a link of a mail is told to come back."""
    async with serve() as client:
        start, link = await client.get("/"), await client.get("/links/refuse")
        answer = await client.graphql("{ me { id } }")

    addresses = {line for line in start.text.splitlines() if line.startswith("/")}
    assert start.status_code == 200
    assert addresses == {"/graphql", "/schema.graphql", "/explorer"}
    assert "`make space` builds it" in start.text
    assert (link.status_code, link.text.count("make space")) == (503, 1)
    assert answer.json() == {"data": {"me": None}}


def test_its_documents_fit_the_schema():
    """Every operation of the sources is valid, and so is every fragment in its place."""
    texts = [file.read_text() for file in sorted((SOURCES / "graphql").glob("*.graphql"))]

    faults = validate(SCHEMA, parse("\n".join(texts)))

    assert len(texts) >= 5
    assert faults == []


def test_it_offers_the_countries_that_the_server_knows():
    """A country that cannot be chosen is one whose people cannot sign up."""
    listed = (SOURCES / "data" / "countries.ts").read_text()

    assert set(re.findall(r"\b[A-Z]{2}\b", listed.partition("(")[2])) == CODES


def test_its_files_stay_small():
    """A file of some 300 lines can be read; what does not fit wants to be two things."""
    lines = {
        str(file.relative_to(SOURCES)): len(file.read_text().splitlines())
        for file in SOURCES.rglob("*.ts*")
        if "gql" not in file.parts
    }

    assert len(lines) > 30
    assert {name: count for name, count in lines.items() if count > 300} == {}


def test_it_types_everything():
    """No `any`, and no fault of the compiler silenced."""
    found = [
        f"{file.name}: {line.strip()}"
        for file in SOURCES.rglob("*.ts*")
        if "gql" not in file.parts
        for line in file.read_text().splitlines()
        if re.search(r"\bas any\b|: any\b|<any>|@ts-|dangerouslySetInnerHTML|eslint-disable", line)
    ]

    assert found == []
