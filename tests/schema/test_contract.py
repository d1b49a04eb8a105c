"""The printed schema against the contract that clients were promised, and against the code."""

from pathlib import Path

from graphql import GraphQLInterfaceType, GraphQLObjectType, build_schema
from graphql.utilities import find_schema_changes

import schema
from gateway.__main__ import main

CONTRACT = Path(__file__).with_name("contract.graphql")
PRINTED = Path(schema.__file__).with_name("schema.graphql")

# The schema may hold more than the contract; a new union member is looked at by a test of its own.
MORE = {
    "TYPE_ADDED",
    "FIELD_ADDED",
    "OPTIONAL_ARG_ADDED",
    "OPTIONAL_INPUT_FIELD_ADDED",
    "TYPE_ADDED_TO_UNION",
    "VALUE_ADDED_TO_ENUM",
    "IMPLEMENTED_INTERFACE_ADDED",
    "DIRECTIVE_ADDED",
    "DESCRIPTION_CHANGED",
}


def changes():
    """What was done to the contract on the way to the schema."""
    return find_schema_changes(
        build_schema(CONTRACT.read_text("utf-8")), build_schema(schema.schema.as_str())
    )


def test_lacks_nothing():
    """Names, types, nullability, defaults and members are the contract's."""
    different = {change.description for change in changes() if change.type.name not in MORE}

    assert different == set()


def test_gives_unions_no_second_success():
    """A member that a union has beyond the contract is a refusal: clients show its message."""
    printed = build_schema(schema.schema.as_str())
    refusal = printed.get_type("UserError")
    assert isinstance(refusal, GraphQLInterfaceType)

    added = [
        change.description.partition(" ")[0]
        for change in changes()
        if change.type.name == "TYPE_ADDED_TO_UNION"
    ]

    for name in added:
        member = printed.get_type(name)
        assert isinstance(member, GraphQLObjectType)
        assert refusal in member.interfaces


def test_is_committed_as_printed(capsys):
    """`nicgate schema` prints what stands in schema/schema.graphql, to the byte."""
    status = main(["schema"])

    assert status == 0
    assert capsys.readouterr().out == PRINTED.read_text("utf-8")
