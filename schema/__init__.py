"""The GraphQL schema, assembled from the concepts: words and shapes, no rules."""

from collections.abc import Mapping

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.accounts import AccountMutation, AccountQuery
from schema.compromises import CompromiseMutation
from schema.consents import ConsentMutation
from schema.documents import Documents
from schema.email_changes import EmailChangeMutation
from schema.errors import REFUSALS
from schema.events import EventQuery
from schema.mails import MailMutation
from schema.partners import PartnerQuery
from schema.passwords import PasswordMutation
from schema.profile_rules import ProfileRuleQuery
from schema.proofs import ProofMutation
from schema.scalars import SCALARS
from schema.sessions import SessionMutation
from schema.signups import SignupMutation
from schema.spare_emails import SpareEmailMutation
from schema.webhooks import WebhookMutation


@strawberry.type
class Query(AccountQuery, ProfileRuleQuery, PartnerQuery, EventQuery):
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
    ConsentMutation,
    MailMutation,
    WebhookMutation,
):
    pass


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(scalar_map=SCALARS),
    exception_handlers=REFUSALS,
)


def build(
    *,
    introspection: bool,
    trusted: Mapping[str, str] | None = None,
    only_trusted: bool = False,
) -> Documents:
    """Return what reads and executes the documents of one process.

    Without introspection the schema neither shows nor suggests its names. `trusted` are documents
    by their SHA-256, which clients may name; with `only_trusted` no other is executed.
    """
    return Documents(
        schema._schema,  # noqa: SLF001 -- strawberry gives no other way to graphql-core's
        introspection=introspection,
        trusted=trusted or {},
        only_trusted=only_trusted,
    )
