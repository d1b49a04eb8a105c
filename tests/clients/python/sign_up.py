"""Open an account, with the code from the mailbox of `make run`: sign_up.py URL EMAIL PASSWORD."""

import re
import sys
import time

import httpx
from nicgate_client import Client, ConfirmSignupInput, Language, SignupInput


def code(url: str, email: str) -> str:
    """Wait for the mail; a person would type what it says."""
    for _ in range(50):
        mails = httpx.get(f"{url}/mailbox/messages", params={"to": email}).json()
        found = re.search(r"\b[B-Z]{4}-[B-Z]{4}\b", mails[0]["text"] if mails else "")
        if found:
            return found[0]
        time.sleep(0.2)
    sys.exit(f"no mail came to {email}")


def main(url: str, email: str, password: str) -> None:
    client = Client(f"{url}/graphql")
    person = SignupInput(
        email=email,
        password=password,
        first_name="Bob",
        last_name="Durand",
        country="FR",
        language=Language.EN,
    )
    asked = client.sign_up(person).signup
    if asked is None or asked.typename__ != "Challenge":
        sys.exit(str(asked))
    answer = ConfirmSignupInput(challenge_id=asked.id, code=code(url, email))
    opened = client.confirm_sign_up(answer).confirm_signup
    if opened is None or opened.typename__ != "OpenedSession":
        sys.exit(str(opened))


main(*sys.argv[1:])
