"""The pages behind the links in mails: one sentence, one button that POSTs the mutation.

Mail scanners open links, so opening one changes nothing. The token stands in the fragment, which
never reaches a server, a log or a Referer; a script of ours reads it when the button is pressed.
"""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from gateway.authentication import language_of
from models.profiles import Language

_TEMPLATES = Path(__file__).with_name("templates")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
FR, EN = Language.FR, Language.EN


@dataclass(frozen=True, slots=True)
class _Words:
    """What one page says in one language."""

    title: str
    sentence: str
    button: str
    done: str


_PAGES = {
    "refuse": {
        FR: _Words(
            "Refuser le changement d’adresse",
            "L’adresse e-mail principale de votre compte restera celle qu’elle est, et la demande"
            " de changement sera close.",
            "Refuser le changement",
            "C’est fait : le changement est refusé, votre adresse reste la même.",
        ),
        EN: _Words(
            "Refuse the change of address",
            "The primary e-mail address of your account will stay what it is, and the request to"
            " change it will be closed.",
            "Refuse the change",
            "Done: the change is refused, your address stays the same.",
        ),
    },
    "revert": {
        FR: _Words(
            "Reprendre mon compte",
            "Votre compte reviendra à l’adresse e-mail qui a reçu ce lien, toutes ses sessions"
            " seront fermées, et il sera bloqué jusqu’à ce que vous choisissiez un nouveau mot de"
            " passe.",
            "Reprendre mon compte",
            "C’est fait : le compte est revenu à l’adresse qui a reçu ce lien. Choisissez"
            " maintenant un nouveau mot de passe avec « mot de passe perdu » ; le code arrivera à"
            " cette adresse.",
        ),
        EN: _Words(
            "Take my account back",
            "Your account will return to the e-mail address that received this link, all its"
            " sessions will be closed, and it will be blocked until you choose a new password.",
            "Take my account back",
            "Done: the account is back at the address that received this link. Now choose a new"
            " password with “lost password”; the code will come to that address.",
        ),
    },
    "report": {
        FR: _Words(
            "Ce n’était pas moi",
            "Toutes les sessions de votre compte seront fermées, ce dont l’e-mail vous informe et"
            " tout ce qui a suivi sera annulé, et le compte sera bloqué jusqu’à ce que vous"
            " choisissiez un nouveau mot de passe.",
            "Bloquer mon compte",
            "C’est fait : le compte est bloqué. Choisissez maintenant un nouveau mot de passe avec"
            " « mot de passe perdu ».",
        ),
        EN: _Words(
            "This was not me",
            "All sessions of your account will be closed, what the e-mail tells you of and all"
            " that followed will be undone, and the account will be blocked until you choose a new"
            " password.",
            "Block my account",
            "Done: the account is blocked. Now choose a new password with “lost password”.",
        ),
    },
}
_OUTCOMES = {
    "spent": {
        FR: "Ce lien a déjà servi, ou il n’est plus valable. Rien n’a été changé.",
        EN: "This link has been used, or is no longer valid. Nothing was changed.",
    },
    "settled": {
        FR: "Ce changement n’attend plus de réponse. Rien n’a été changé.",
        EN: "This change no longer awaits an answer. Nothing was changed.",
    },
    "incomplete": {
        FR: "Ce lien est incomplet. Copiez-le en entier depuis l’e-mail.",
        EN: "This link is incomplete. Copy the whole of it from the e-mail.",
    },
    "failed": {
        FR: "Cela n’a pas fonctionné. Réessayez dans un instant.",
        EN: "That did not work. Try again in a moment.",
    },
}
_NO_SCRIPT = {
    FR: "Cette page a besoin de JavaScript pour envoyer votre réponse.",
    EN: "This page needs JavaScript to send your answer.",
}


def routes() -> list[Route]:
    """Return the routes of the pages and of what they load."""
    template = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True).get_template(
        "links.html"
    )

    async def page(request: Request) -> Response:
        kind, language = request.path_params["kind"], language_of(request) or EN
        if kind not in _PAGES:
            return HTMLResponse("", 404, _HEADERS)
        content = _written(template, kind, language)
        return HTMLResponse(content, headers=_HEADERS | {"Vary": "Accept-Language"})

    async def script(_request: Request) -> Response:
        return FileResponse(_TEMPLATES / "links.js", headers=_HEADERS)

    async def style(_request: Request) -> Response:
        return FileResponse(_TEMPLATES / "links.css", headers=_HEADERS)

    return [
        Route("/links/links.js", script),
        Route("/links/links.css", style),
        Route("/links/{kind}", page),
    ]


def _written(template: Template, kind: str, language: Language) -> str:
    return template.render(
        kind=kind,
        language=language.lower(),
        words=_PAGES[kind][language],
        outcomes={name: said[language] for name, said in _OUTCOMES.items()},
        no_script=_NO_SCRIPT[language],
    )
