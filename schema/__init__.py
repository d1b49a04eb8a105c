"""The GraphQL schema, assembled from the concepts: words and shapes, no rules."""

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
    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing here: strawberry would log the whole document with its values."""


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
