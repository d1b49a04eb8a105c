"""The same with gql, without generated code: with_gql.py URL EMAIL PASSWORD."""

import sys
from pathlib import Path
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.httpx import HTTPXTransport

HERE = Path(__file__).parent
# A document that does not fit the schema is refused here, before it is sent.
SCHEMA = (HERE / "schema.graphql").read_text()
DOCUMENTS = (HERE.parent / "operations" / "quickstart.graphql").read_text()


class Gateway:
    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = HTTPXTransport(f"{url}/graphql", headers=headers)
        self._client = Client(schema=SCHEMA, transport=transport)

    def ask(self, operation: str, **values: object) -> dict[str, Any]:
        request = GraphQLRequest(DOCUMENTS, variable_values=values, operation_name=operation)
        answer: dict[str, Any] = self._client.execute(request)
        return answer


def updated(gateway: Gateway, **change: object) -> str:
    match gateway.ask("UpdateProfile", input=change)["updateProfile"]:
        case {"__typename": "Account", "phone": phone, "revision": revision}:
            return f"The phone is {phone}, the revision {revision}."
        case {"__typename": "InvalidInputError", "fields": faults}:
            return ", ".join(f"{fault['field']} is {fault['code']}" for fault in faults) + "."
        case {"__typename": "StaleRevisionError", "revision": revision}:
            return f"The profile has moved on to revision {revision}."
        case {"message": message}:  # a refusal that the gateway has learned since
            return str(message)
    return "Nothing was changed."


def main(url: str, email: str, password: str) -> None:
    given = {"identifier": email, "password": password, "transport": "TOKEN"}
    result = Gateway(url).ask("LogIn", input=given)["login"]
    if result["__typename"] != "OpenedSession":
        sys.exit(result["message"])
    gateway = Gateway(url, result["token"])
    me = gateway.ask("Me")["me"]
    print(f"Signed in as {me['nicHandle']}.")
    seen = me["revision"]
    print(updated(gateway, phone="03 20 12 34 56", expectedRevision=seen))
    print(updated(gateway, phone="none", firstName=None))
    print(updated(gateway, phone=None, expectedRevision=seen))


main(*sys.argv[1:])
