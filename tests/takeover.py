"""The players of the takeover game: who reads which mailbox, who knows what, and what they can do.

They act through the operations alone; what they know comes from their own mailboxes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from factories import CLIENT, DELAY, POLICY

from models import (
    compromises,
    deliveries,
    email_changes,
    passwords,
    proofs,
    sessions,
    spare_emails,
)
from models.accounts import Account
from models.deliveries import Attempt, Outcome
from models.errors import DomainError
from models.mails import Mail, MailState, Template
from models.passwords import MailDestination
from models.sessions import Session

SECOND = timedelta(seconds=1)
PROOFS = {Template.PROOF_CODE, Template.EMAIL_CHANGE_ACCEPTED_NEW}


@dataclass
class Letter:
    """A mail as it lies in a mailbox."""

    at: datetime
    to: str
    template: Template
    secrets: dict[str, str]


@dataclass
class World:
    """Time, the post, and the one account that the game is about."""

    time: Any
    name: str
    account_id: UUID
    handle: str
    letters: list[Letter] = field(default_factory=list)
    posted: set[UUID] = field(default_factory=set)

    def address(self, box: str) -> str:
        return f"{box}@{self.name}.example"

    async def account(self) -> Account:
        return await Account.get(id=self.account_id)

    async def post(self) -> None:
        """Every mail leaves at once; its secrets are in the mailbox from then on."""
        queued = Mail.filter(account_id=self.account_id, state=MailState.QUEUED)
        for mail in await queued.exclude(id__in=self.posted).order_by("queued_at"):
            self.posted.add(mail.id)
            template = Template(mail.template)
            letter = Letter(mail.queued_at, mail.recipient, template, mail.secrets or {})
            self.letters.append(letter)
            if template is Template.EMAIL_CHANGE_VALIDATION:
                await deliveries.settle(Attempt(mail.id, mail.attempts, Outcome.LEFT))

    async def night(self) -> None:
        """A day without an answer passes."""
        self.time.advance(DELAY + SECOND)
        if pending := await email_changes.pending(self.account_id):
            await email_changes.auto_accept(pending.id, policy=POLICY)
        await self.post()


@dataclass
class Player:
    """Somebody with mailboxes, and what they have come to know."""

    world: World
    boxes: list[str]
    pace: timedelta
    tokens: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    challenges: list[UUID] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)

    def letters(self, *templates: Template) -> list[Letter]:
        """What lies in the own mailboxes, oldest first."""
        mine = [letter for letter in self.world.letters if self.reads(letter.to)]
        return [letter for letter in mine if not templates or letter.template in templates]

    def codes(self, *templates: Template) -> list[str]:
        """The codes of such letters that were not typed yet."""
        found = [letter.secrets.get("code", "") for letter in self.letters(*templates)]
        return [code for code in found if code and code not in self.typed]

    def reads(self, address: str | None) -> bool:
        return address in {self.world.address(box) for box in self.boxes}

    async def tries(self, attempt: Awaitable[Any]) -> Any:
        """Whatever came of it, time passes and mails leave; a refusal is None."""
        self.world.time.advance(self.pace)
        try:
            result = await attempt
        except DomainError:
            result = None
        await self.world.post()
        return None if isinstance(result, DomainError) else result

    async def session(self) -> Session | None:
        for token in reversed(self.tokens):
            if session := await sessions.find(token):
                return session
        return None

    async def in_session(self, act: Callable[[Session], Awaitable[Any]]) -> Any:
        session = await self.session() or await self.log_in()
        return await self.tries(act(session)) if session else None

    async def knowing(self, act: Callable[[Session, str], Awaitable[Any]]) -> Any:
        """In a session, for what the password is asked again for: the newest one known."""
        session = await self.session() or await self.log_in()
        if session and self.passwords:
            return await self.tries(act(session, self.passwords[-1]))
        return None

    async def log_in(self) -> Session | None:
        for password in reversed(self.passwords):
            attempt = sessions.login(self.world.handle, password, client=CLIENT, policy=POLICY)
            if opened := await self.tries(attempt):
                self.tokens.append(opened.token)
                return await self.session()
        return None

    async def ask(self, box: str) -> None:
        to = self.world.address(box)
        await self.knowing(
            lambda session, password: email_changes.request(
                session, to, password, client=CLIENT, policy=POLICY
            )
        )

    async def confirm(self) -> None:
        if codes := self.codes(Template.EMAIL_CHANGE_VALIDATION):
            await self.in_session(
                lambda session: email_changes.confirm(session, codes[-1], policy=POLICY)
            )

    async def cancel(self) -> None:
        await self.in_session(email_changes.cancel)

    async def resend_code(self) -> None:
        await self.in_session(lambda session: email_changes.resend(session, policy=POLICY))

    async def resend_proof(self) -> None:
        await self.in_session(lambda session: proofs.resend(session, policy=POLICY))

    async def prove(self) -> None:
        """Type the newest proof codes there are, of the primary address and of the spare one."""
        if codes := self.codes(*PROOFS):
            self.typed.update(codes)
            await self.in_session(lambda session: proofs.prove(session, codes[-1], policy=POLICY))
        if spares := self.codes(Template.SPARE_EMAIL_PROOF):
            self.typed.update(spares)
            await self.in_session(
                lambda session: spare_emails.prove(session, spares[-1], policy=POLICY)
            )

    async def set_spare(self, box: str) -> None:
        to = self.world.address(box)
        await self.knowing(
            lambda session, password: spare_emails.set_to(session, to, password, policy=POLICY)
        )

    async def remove_spare(self) -> None:
        await self.knowing(
            lambda session, password: spare_emails.remove(session, password, policy=POLICY)
        )

    async def change_password(self) -> None:
        new = self.new_password()
        if await self.knowing(
            lambda session, password: passwords.change(session, password, new, policy=POLICY)
        ):
            self.passwords.append(new)

    async def ask_reset(self, deliver_to: MailDestination) -> str | None:
        """Ask for a reset code; return it if it came to a mailbox of one's own."""
        before = len(self.letters(Template.PASSWORD_RESET))
        challenge = await self.tries(
            passwords.request_reset(
                self.world.handle, deliver_to=deliver_to, client=CLIENT, policy=POLICY
            )
        )
        received = self.letters(Template.PASSWORD_RESET)[before:]
        if not received:
            return None
        self.challenges.append(challenge.id)
        return received[-1].secrets["code"]

    async def reset(self, code: str, *, drop_spare: bool) -> Any:
        new = self.new_password()
        challenge_id = self.challenges[-1]
        attempt = passwords.reset(
            challenge_id, code, new, remove_spare_email=drop_spare, policy=POLICY
        )
        if changed := await self.tries(attempt):
            self.passwords.append(new)
        return changed

    async def recover(self, deliver_to: MailDestination, *, drop_spare: bool = False) -> None:
        """Reset the password through a mailbox of one's own, and log in."""
        account = await self.world.account()
        spare = account.spare_email if account.spare_email_proven else None
        to = account.last_proven_email if deliver_to is MailDestination.PRIMARY else spare
        if self.reads(to) and (code := await self.ask_reset(deliver_to)):
            await self.reset(code, drop_spare=drop_spare)
            await self.log_in()

    async def press(self, letter: Letter) -> Any:
        """Press the strongest link of a letter that works."""
        if secret := letter.secrets.get("revert"):
            change_id, _, token = secret.partition(".")
            if reverted := await self.tries(email_changes.revert(UUID(change_id), token)):
                return reverted
        if secret := letter.secrets.get("report"):
            return await self.tries(compromises.report(secret.partition(".")[2]))
        return None

    async def press_first(self, found: list[Letter]) -> None:
        """Press one link after the other until one does something."""
        for letter in found:
            if await self.press(letter):
                return

    async def refuse(self) -> None:
        for letter in self.letters(Template.EMAIL_CHANGE_VALIDATION)[-1:]:
            change_id, _, token = letter.secrets["refuse"].partition(".")
            await self.tries(email_changes.refuse(UUID(change_id), token))

    def new_password(self) -> str:
        return f"{uuid4().hex[:12]}-Lantern-ox"
