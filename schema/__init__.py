"""The GraphQL schema, assembled from the concepts: words and shapes, no rules."""

from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import (
    AddValidationRules,
    MaxTokensLimiter,
    ParserCache,
    ValidationCache,
)
from strawberry.schema.config import StrawberryConfig

from schema.accounts import AccountMutation, AccountQuery
from schema.compromises import CompromiseMutation
from schema.email_changes import EmailChangeMutation
from schema.errors import REFUSALS
from schema.extensions import OneOperation, OneSensitiveMutation, WakeWorkers
from schema.limits import Limits
from schema.passwords import PasswordMutation
from schema.profile_rules import ProfileRuleQuery
from schema.proofs import ProofMutation
from schema.scalars import SCALARS
from schema.sessions import SessionMutation
from schema.signups import SignupMutation
from schema.spare_emails import SpareEmailMutation

_DOCUMENTS_KEPT = 256
_LONGEST_DOCUMENT = 2000  # tokens


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
            lambda: MaxTokensLimiter(max_token_count=_LONGEST_DOCUMENT),
            _rules if introspection else _rules_without_introspection,
            lambda: ParserCache(maxsize=_DOCUMENTS_KEPT),
            lambda: ValidationCache(maxsize=_DOCUMENTS_KEPT),
            OneOperation,
            WakeWorkers,
        ],
    )


def _rules() -> AddValidationRules:
    return AddValidationRules([Limits, OneSensitiveMutation])


def _rules_without_introspection() -> AddValidationRules:
    return AddValidationRules([Limits, OneSensitiveMutation, NoSchemaIntrospectionCustomRule])


schema = build(introspection=True)
