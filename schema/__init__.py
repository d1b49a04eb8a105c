"""The GraphQL schema, assembled from the concepts: words and shapes, no rules."""

import re
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache
from strawberry.schema.config import StrawberryConfig

from schema.accounts import AccountMutation, AccountQuery
from schema.compromises import CompromiseMutation
from schema.email_changes import EmailChangeMutation
from schema.errors import REFUSALS
from schema.extensions import OneOperation, WakeWorkers
from schema.limits import Length
from schema.passwords import PasswordMutation
from schema.profile_rules import ProfileRuleQuery
from schema.proofs import ProofMutation
from schema.scalars import SCALARS
from schema.sessions import SessionMutation
from schema.signups import SignupMutation
from schema.spare_emails import SpareEmailMutation
from schema.validation import DOCUMENTS_KEPT, DiscreetValidation, Validation

_SUGGESTION = re.compile(r"\s*Did you mean .*", re.DOTALL)


@strawberry.type
class Query(AccountQuery, ProfileRuleQuery):
    pass


@strawberry.type
class Mutation(
    SignupMutation,
    SessionMutation,
    AccountMutation,
    EmailChangeMutation,
    ProofMutation,
    SpareEmailMutation,
    PasswordMutation,
    CompromiseMutation,
):
    pass


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], _context: Any = None) -> None:
        """Log nothing here: strawberry would log the whole document with its values.

        Where names are not to be seen none is suggested, not even for what a variable holds, which
        strawberry gives no way to tell graphql-core.
        """
        if self.config.disable_field_suggestions:
            for error in errors:
                error.message = _SUGGESTION.sub("", error.message)


@cache
def build(*, introspection: bool) -> strawberry.Schema:
    """Build the schema; without introspection it neither shows nor suggests its names."""
    return _Schema(
        query=Query,
        mutation=Mutation,
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not introspection),
        exception_handlers=REFUSALS,
        extensions=[
            Length,
            lambda: ParserCache(maxsize=DOCUMENTS_KEPT),
            Validation if introspection else DiscreetValidation,
            OneOperation,
            WakeWorkers,
        ],
    )


schema = build(introspection=True)
