"""What PostgreSQL says of its constraints, and which of them refuses a statement."""

import re

from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError


async def run(statement):
    """Run a statement; COPY adds the rows of a table once more, under other ids."""
    if statement.startswith("COPY "):
        table = statement.removeprefix("COPY ")
        statement = (
            f"INSERT INTO {table} SELECT (jsonb_populate_record(old, jsonb_build_object("
            f"'id', gen_random_uuid()))).* FROM {table} AS old"
        )
    await get_connection("default").execute_query(statement)


async def refusal(statement):
    """Which constraint refuses a statement; None when it runs."""
    try:
        await run(statement)
    except IntegrityError as fault:
        return fault.__cause__.constraint_name


def plain(definition):
    """Drop casts, what only encloses one of them, and line breaks: they say nothing of the rule."""
    text = re.sub(r"\((\w+)\)::text", r"\1", " ".join(definition.split()))
    text = re.sub(r"::(?:text|character varying)(?:\[\])?", "", text)
    return re.sub(r"\(\((ARRAY\[.*?\])\)\)", r"(\1)", text)


async def in_catalog(query):
    rows = await get_connection("default").execute_query_dict(query)
    return {(row["of"], row["name"]): row["definition"] for row in rows}


async def constraints():
    return await in_catalog(
        'SELECT conrelid::regclass::text AS "of", conname AS name,'
        " pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
    )


async def indexes():
    """Every index by its table and name, without the words that all of them have."""
    found = await in_catalog(
        "SELECT tablename AS of, indexname AS name, indexdef AS definition FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations'"
    )
    words = r"CREATE (UNIQUE )?INDEX \S+ ON public\.(\S+) USING btree"
    return {key: plain(re.sub(words, r"\1\2", text)) for key, text in found.items()}
