"""Scopes: what a partner may do with an account, by the words that its holder agreed to."""

from enum import StrEnum

from models.errors import DomainError
from models.profiles import Language

FR, EN = Language.FR, Language.EN


class Scope(StrEnum):
    """One thing that a partner may do."""

    ACCOUNT_READ = "account:read"
    ACCOUNT_CONTACT = "account:contact"
    ACCOUNT_ACTIVITY = "account:activity"
    PROFILE_WRITE = "profile:write"
    MAIL_SEND = "mail:send"


# What a holder reads of each, in the mail and on its page: what the partner asks to be allowed to.
IN_WORDS: dict[Scope, dict[Language, str]] = {
    Scope.ACCOUNT_READ: {
        FR: "lire qui vous êtes : vos nom et prénom, votre organisation, vos numéros de TVA et"
        " d’identification, votre langue et l’état de votre compte",
        EN: "read who you are: your names, organisation, VAT and identification numbers, language,"
        " and the state of your account",
    },
    Scope.ACCOUNT_CONTACT: {
        FR: "lire comment vous joindre : votre adresse postale, votre téléphone, votre adresse"
        " e-mail et les changements de celle-ci",
        EN: "read how to reach you: your postal address, phone number, e-mail address, and the"
        " changes of that",
    },
    Scope.ACCOUNT_ACTIVITY: {
        FR: "lire ce qui se passe sur votre compte : connexions et modifications, avec l’adresse IP"
        " et le navigateur",
        EN: "read what happens to your account: logins and changes, each with its IP address and"
        " browser",
    },
    Scope.PROFILE_WRITE: {
        FR: "modifier votre profil à votre place ; ni votre adresse e-mail, ni votre mot de passe",
        EN: "change your profile for you; not your e-mail address, and not your password",
    },
    Scope.MAIL_SEND: {
        FR: "vous faire envoyer par nous des confirmations de commande et de renouvellement",
        EN: "have us mail you confirmations of orders and renewals",
    },
}


class ForbiddenError(DomainError):
    """The caller is known, and may not; `scope` would allow it, None when no scope does."""

    def __init__(self, scope: Scope | None = None) -> None:
        super().__init__(scope)
        self.scope = scope


class NoConsentNeededError(ForbiddenError):
    """A first-party partner asks for what it has already."""


def parse(words: list[str]) -> list[Scope] | None:
    """Read scopes, each once, in the order of their table; None when a word is none."""
    known = {str(scope) for scope in Scope}
    if not set(words) <= known:
        return None
    return [scope for scope in Scope if scope in words]
