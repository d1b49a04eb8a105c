"""Documents executed as the gateway does, with a Context made by hand."""

from dataclasses import dataclass
from typing import Any

import pytest
from factories import CLIENT, POLICY

from models import sessions
from models.policy import Policy
from models.profiles import Language
from models.sessions import Opened
from schema import faults, schema
from schema.context import Context

# Valid on every union, and all that a client can read of a refusal.
REFUSAL = """
fragment Refusal on UserError {
  message
  ... on InvalidInputError { fields { field code message } }
  ... on InvalidCodeError { attemptsLeft }
  ... on StaleRevisionError { revision }
  ... on TooManyRequestsError { retryAt }
}
"""


@dataclass
class Answer:
    """What a client would get, and what the operation left in its Context."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]
    context: Context
    wake_ups: int

    @property
    def result(self) -> Any:
        """The value of the only field that was asked for."""
        assert self.errors == []
        assert self.data is not None
        (value,) = self.data.values()
        return value

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


class Ask:
    """Execute documents as one caller or another; `session` is found by its token each time."""

    async def __call__(
        self,
        document: str,
        *,
        caller: Opened | None = None,
        accepted: Language | None = None,
        policy: Policy = POLICY,
        variables: dict[str, Any] | None = None,
    ) -> Answer:
        woken: list[None] = []
        context = Context(
            session=await sessions.find(caller.token) if caller else None,
            client=CLIENT,
            accepted_language=accepted,
            request_id="request-1",
            policy=policy,
            wake_workers=lambda: woken.append(None),
        )
        result = await schema.execute(document, variable_values=variables, context_value=context)
        errors = [
            faults.shown(error, language=context.language, request_id="request-1").formatted
            for error in result.errors or []
        ]
        return Answer(result.data, errors, context, len(woken))

    async def mutate(
        self,
        name: str,
        values: Any,
        select: str = "",
        **more: Any,
    ) -> Answer:
        """Execute one mutation with its input, and select its refusals whole beside `select`."""
        kind = f"{name[0].upper()}{name[1:]}Input!"
        document = (
            f"mutation ($input: {kind}) {{"
            f" {name}(input: $input) {{ __typename ...Refusal {select} }} }} {REFUSAL}"
        )
        return await self(document, variables={"input": values}, **more)


@pytest.fixture
def ask(tables) -> Ask:
    return Ask()
