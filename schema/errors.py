"""Refusals as data: the error types, and the bridge from the domain's exceptions to them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import strawberry
from strawberry.types.field import StrawberryField

from models import accounts, challenges, credentials, errors, webhooks
from models.errors import DomainError, Fault, FaultCode
from models.profiles import Language
from schema import messages
from schema.context import Info

Done = TypeVar("Done")

strawberry.enum(FaultCode, name="FieldErrorCode", description="What is wrong with a field.")


@strawberry.interface(description="A refusal that the account's holder can act on.")
class UserError:
    message: str = strawberry.field(
        description="For the account's holder, in the caller's language."
    )


@strawberry.type(description="One fault of one input field.")
class FieldError:
    field: str = strawberry.field(
        description="The input field, with dots for nesting: address.zip."
    )
    code: FaultCode
    message: str


@strawberry.type(description="Every fault of the input at once; nothing was changed.")
class InvalidInputError(UserError):
    fields: list[FieldError]


@strawberry.type(description="Unknown identifier or wrong password; which of the two is not said.")
class InvalidCredentialsError(UserError):
    pass


@strawberry.type(description="Wrong, spent or expired code; which of the three is not said.")
class InvalidCodeError(UserError):
    attempts_left: int | None = strawberry.field(
        description="Null when the code can no longer be used at all."
    )


@strawberry.type(description="The address belongs to another account.")
class AddressTakenError(UserError):
    pass


@strawberry.type(description="There is none, or it is somebody else's; which is not said.")
class NotFoundError(UserError):
    pass


@strawberry.type(description="There is nothing that this could be an answer to.")
class NothingPendingError(UserError):
    pass


@strawberry.type(description="The profile has moved on since it was read.")
class StaleRevisionError(UserError):
    revision: int


@strawberry.type(description="The partner has as many webhooks as it may.")
class TooManyWebhooksError(UserError):
    pass


@strawberry.type(description="Nothing is sent to this webhook until it is enabled.")
class WebhookDisabledError(UserError):
    pass


@strawberry.type(description="A rule of the product allows no more for now.")
class TooManyRequestsError(UserError):
    retry_at: datetime


class Refusal(strawberry.ExceptionHandler):  # type: ignore[type-arg]
    """Turn one kind of domain exception into its error type, where a union lists it."""

    def __init__(
        self,
        exception_type: type[DomainError],
        error_type: type[UserError],
        payload: Callable[[Any, Language], dict[str, Any]] = lambda _refusal, _language: {},
    ) -> None:
        self.exception_type = exception_type
        self.error_type = error_type
        self.payload = payload

    def handle(self, exception: DomainError, *, field: StrawberryField, info: Info) -> UserError:  # noqa: ARG002
        language = info.context.language
        sentences = messages.REFUSALS[self.error_type.__name__]
        if self.error_type is InvalidCredentialsError and info.field_name != "login":
            sentences = messages.WRONG_PASSWORD  # no identifier was asked for
        return self.error_type(
            message=sentences[language],
            **self.payload(exception, language),
        )


def _field_error(fault: Fault, language: Language) -> FieldError:
    sentences = messages.FAULTS[fault.code]
    if "password" in fault.field.lower():
        sentences = messages.PASSWORDS.get(fault.code, sentences)
    message = sentences[language].format(limit=fault.limit)
    return FieldError(field=fault.field, code=fault.code, message=message)


# The first that matches wins: a subclass stands before its base.
REFUSALS = [
    Refusal(
        errors.InvalidInputError,
        InvalidInputError,
        lambda refusal, language: {
            "fields": [_field_error(fault, language) for fault in refusal.faults]
        },
    ),
    Refusal(credentials.InvalidCredentialsError, InvalidCredentialsError),
    Refusal(
        challenges.InvalidCodeError,
        InvalidCodeError,
        lambda refusal, _: {"attempts_left": refusal.attempts_left},
    ),
    Refusal(accounts.AddressTakenError, AddressTakenError),
    Refusal(errors.NotFoundError, NotFoundError),
    Refusal(errors.NothingPendingError, NothingPendingError),
    Refusal(
        accounts.StaleRevisionError,
        StaleRevisionError,
        lambda refusal, _: {"revision": refusal.revision},
    ),
    Refusal(
        errors.TooManyRequestsError,
        TooManyRequestsError,
        lambda refusal, _: {"retry_at": refusal.retry_at},
    ),
    Refusal(webhooks.TooManyWebhooksError, TooManyWebhooksError),
    Refusal(webhooks.WebhookDisabledError, WebhookDisabledError),
]


def done(result: Done | DomainError) -> Done:
    """Return what an operation did; raise the refusal that it kept, now that it is recorded."""
    if isinstance(result, DomainError):
        raise result
    return result
