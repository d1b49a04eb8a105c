"""Sign in, read the account and change it: quickstart.py URL EMAIL PASSWORD."""

import sys
from typing import assert_never

from nicgate_client import Client, LoginInput, SessionTransport, UpdateProfileInput
from pydantic import ValidationError


def signed_in(url: str, email: str, password: str) -> Client:
    given = LoginInput(identifier=email, password=password, transport=SessionTransport.TOKEN)
    result = Client(f"{url}/graphql").log_in(given).login
    if result is None or result.typename__ != "OpenedSession":
        sys.exit(result.message if result else "not signed in")
    return Client(f"{url}/graphql", headers={"Authorization": f"Bearer {result.token}"})


def updated(client: Client, change: UpdateProfileInput) -> str:
    try:
        result = client.update_profile(change).update_profile
    except ValidationError:  # a refusal or a code that the gateway has learned since
        return "This client is too old for the answer: generate it anew."
    if result is None:
        return "Nothing was changed."
    if result.typename__ == "Account":
        return f"The phone is {result.phone}, the revision {result.revision}."
    if result.typename__ == "InvalidInputError":
        return ", ".join(f"{fault.field} is {fault.code.value}" for fault in result.fields) + "."
    if result.typename__ == "StaleRevisionError":
        return f"The profile has moved on to revision {result.revision}."
    if result.typename__ == "NotFoundError":
        return result.message  # only partners name an account
    assert_never(result)  # mypy fails here when a refusal is forgotten


def main(url: str, email: str, password: str) -> None:
    client = signed_in(url, email, password)
    me = client.me().me
    assert me
    print(f"Signed in as {me.nic_handle}.")
    seen = me.revision
    print(updated(client, UpdateProfileInput(phone="03 20 12 34 56", expected_revision=seen)))
    print(updated(client, UpdateProfileInput(phone="none", first_name=None)))
    print(updated(client, UpdateProfileInput(phone=None, expected_revision=seen)))


main(*sys.argv[1:])
