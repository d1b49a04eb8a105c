"""Documents executed as the gateway does, with a Context made by hand."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from factories import CLIENT, POLICY
from graphql import ExecutionResult

from models import sessions
from models.clients import Client
from models.partners import Access
from models.policy import Policy
from models.profiles import Language
from models.sessions import Opened
from schema import build, faults, schema
from schema.context import Context

# As two processes would have them: to be looked at, and not.
DOCUMENTS = {shown: build(introspection=shown) for shown in (True, False)}

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
class Purse:
    """Budgets without an end that remember what was charged to them, in which order."""

    charged: list[tuple[str, ...]] = field(default_factory=list)

    async def spend(self, *name: str) -> None:
        self.charged.append(("spend", *name))

    async def refund(self, *name: str) -> None:
        self.charged.append(("refund", *name))

    async def clear(self, *name: str) -> None:
        self.charged.append(("clear", *name))


@dataclass
class Calling:
    """Where a call comes from, and what it is charged to."""

    client: Client
    budgets: Any


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
        partner: Access | None = None,
        accepted: Language | None = None,
        policy: Policy = POLICY,
        variables: dict[str, Any] | None = None,
        budgets: Any = None,
        operation: str | None = None,
        introspection: bool = True,
    ) -> Answer:
        woken: list[None] = []
        context = Context(
            session=await sessions.find(caller.token) if caller else None,
            caller=Calling(CLIENT, budgets or Purse()),
            accepted_language=accepted,
            request_id="request-1",
            policy=policy,
            wake_workers=lambda: woken.append(None),
            partner=partner,
        )
        reading = DOCUMENTS[introspection]
        read = reading.read(document, operation)
        if isinstance(read, list):
            result = ExecutionResult(None, read)
        else:
            result = await reading.execute(read, variables=variables, context=context)
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
        """Execute one mutation with its input, and select its refusals whole beside `select`.

        `values` None stands for a mutation that takes no input.
        """
        refusal, fragment = ("...Refusal", REFUSAL) if can_refuse(name) else ("", "")
        selection = f"{{ __typename {refusal} {select} }}"
        if values is None:
            return await self(f"mutation {{ {name} {selection} }} {fragment}", **more)
        kind = input_type(name)
        document = f"mutation ($input: {kind}) {{ {name}(input: $input) {selection} }} {fragment}"
        return await self(document, variables={"input": values}, **more)


def input_type(mutation: str) -> str:
    """The type of a mutation's argument, as the printed schema names it."""
    field = schema._schema.mutation_type.fields[mutation]  # noqa: SLF001
    return str(field.args["input"].type)


def can_refuse(mutation: str) -> bool:
    """Whether a mutation's union has a refusal, so that a fragment on it is valid there."""
    printed = schema._schema  # noqa: SLF001
    refusal = printed.get_type("UserError")
    return any(
        refusal in member.interfaces for member in printed.mutation_type.fields[mutation].type.types
    )


@pytest.fixture
def ask(tables) -> Ask:
    return Ask()
