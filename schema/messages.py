"""The sentences of every refusal, for the account's holder, in French and English."""

from models.profiles import Language

FR, EN = Language.FR, Language.EN

REFUSALS: dict[str, dict[Language, str]] = {
    "InvalidInputError": {
        FR: "Certains champs ne sont pas valides.",
        EN: "Some fields are not valid.",
    },
    "InvalidCredentialsError": {
        FR: "L’identifiant ou le mot de passe est incorrect.",
        EN: "The identifier or the password is wrong.",
    },
    "InvalidCodeError": {
        FR: "Ce code n’est pas valide. Vérifiez-le, ou demandez-en un nouveau.",
        EN: "This code is not valid. Check it, or ask for a new one.",
    },
    "AddressTakenError": {
        FR: "Cette adresse e-mail appartient déjà à un autre compte.",
        EN: "This e-mail address already belongs to another account.",
    },
    "NotFoundError": {
        FR: "Cet élément n’existe pas ou plus.",
        EN: "This does not exist, or no longer.",
    },
    "NothingPendingError": {
        FR: "Il n’y a rien à confirmer pour le moment.",
        EN: "There is nothing to confirm at the moment.",
    },
    "StaleRevisionError": {
        FR: "Le profil a été modifié entre-temps. Rechargez-le avant d’enregistrer.",
        EN: "The profile has been changed meanwhile. Reload it before you save.",
    },
    "TooManyRequestsError": {
        FR: "Trop de demandes. Réessayez plus tard.",
        EN: "Too many requests. Try again later.",
    },
    "TooManyWebhooksError": {
        FR: "Le nombre maximal de webhooks est atteint. Supprimez-en un d’abord.",
        EN: "There are as many webhooks as there may be. Remove one first.",
    },
    "WebhookDisabledError": {
        FR: "Ce webhook est désactivé. Réactivez-le d’abord.",
        EN: "This webhook is disabled. Enable it first.",
    },
}

WRONG_PASSWORD = {
    FR: "Le mot de passe est incorrect.",
    EN: "The password is wrong.",
}

# `{limit}` is the length that was passed.
FAULTS: dict[str, dict[Language, str]] = {
    "REQUIRED": {FR: "Ce champ est obligatoire.", EN: "This field is required."},
    "INVALID": {FR: "Cette valeur n’est pas valide.", EN: "This value is not valid."},
    "TOO_SHORT": {
        FR: "Au moins {limit} caractères sont nécessaires.",
        EN: "At least {limit} characters are needed.",
    },
    "TOO_LONG": {
        FR: "Au plus {limit} caractères sont possibles.",
        EN: "At most {limit} characters are possible.",
    },
    "TOO_COMMON": {
        FR: "Ce mot de passe est trop facile à deviner.",
        EN: "This password is too easy to guess.",
    },
    "TOO_SIMILAR": {
        FR: "Ce mot de passe ressemble trop à vos données.",
        EN: "This password is too much like your own data.",
    },
    "SAME_AS_CURRENT": {
        FR: "Cette adresse est déjà celle du compte.",
        EN: "This address is already the account’s.",
    },
}

# Where a password is what is wrong.
PASSWORDS: dict[str, dict[Language, str]] = {
    "TOO_LONG": {
        FR: "Ce mot de passe dépasse {limit} octets ; les lettres accentuées en prennent deux.",
        EN: "This password exceeds {limit} bytes; accented letters take two.",
    },
    "SAME_AS_CURRENT": {
        FR: "Ce mot de passe est déjà celui du compte.",
        EN: "This password is already the account’s.",
    },
}

TOP_LEVEL: dict[str, dict[Language, str]] = {
    "UNAUTHENTICATED": {
        FR: "Vous n’êtes pas connecté.",
        EN: "You are not signed in.",
    },
    "FORBIDDEN": {
        FR: "Il faut pour cela l’autorisation {scope}.",
        EN: "This needs the scope {scope}.",
    },
    "HOLDERS_ALONE": {
        FR: "Seul le titulaire du compte peut lire ceci.",
        EN: "Only the holder of the account may read this.",
    },
    "FIRST_PARTY": {
        FR: "Ce partenaire de la maison n’a besoin d’aucune autorisation.",
        EN: "A first-party partner needs no consent.",
    },
    "RATE_LIMITED": {
        FR: "Trop de demandes. Réessayez dans quelques instants.",
        EN: "Too many requests. Try again in a moment.",
    },
    "first": {
        FR: "`first` doit être compris entre 1 et 100.",
        EN: "`first` must be from 1 to 100.",
    },
    "after": {
        FR: "`after` n’est pas un curseur de cette liste.",
        EN: "`after` is not a cursor of this list.",
    },
}
