"""The change of the primary address against a model of its rules, in sequences nobody thought of.

`make test` plays some hundred steps, `pytest --hypothesis-profile=long` many thousands.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import factories
import pytest
from factories import CLIENT, DELAY, PASSWORD, POLICY, WRONG_CODE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models import deliveries, email_changes
from models.accounts import Account
from models.deliveries import Attempt, Outcome
from models.email_changes import EmailChange
from models.errors import DomainError
from models.mails import Mail, MailState, Template
from models.sessions import Session

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LINK_LIFETIME, REVERTIBLE = DELAY + 14 * DAY, 14 * DAY
WAITS = [MINUTE, timedelta(hours=1), DELAY - MINUTE, DELAY, 3 * DAY, 14 * DAY]
NOTHING, BUSY, INVALID = "NothingPendingError", "TooManyRequestsError", "InvalidCodeError"


@dataclass
class Model:
    """What should become of one account's changes; each method returns the answer."""

    email: str
    state: str = ""
    asked: list[datetime] = field(default_factory=list)
    taken: bool = False
    deadline: datetime | None = None

    def request(self, at: datetime) -> str:
        if len([it for it in self.asked if it > at - DAY]) == 3:
            return BUSY
        self.asked, self.state, self.taken = [*self.asked, at], "PENDING", False
        self.attempts, self.codes, self.deadline = 5, 1, None
        self.coded, self.waits, self.refused = at, True, False
        self._ask(at)
        return self.state

    def resend(self, at: datetime) -> str:
        if self.state != "PENDING":
            return NOTHING
        if self.codes > 3 or at < self.coded + MINUTE:
            return BUSY
        self.codes, self.coded, self.waits = self.codes + 1, at, True
        self._ask(at)
        return self.state

    def confirm(self, at: datetime, new_email: str, *, right: bool) -> str:
        if self.state != "PENDING":
            return NOTHING
        if right:
            return self._accept(at, new_email)
        self.attempts -= 1
        self.state = self.state if self.attempts else "ABORTED"
        return INVALID

    def refuse(self, at: datetime) -> str:
        if at >= self.link_until or self.refused:
            return INVALID
        if self.state != "PENDING":
            return NOTHING
        self.state, self.refused = "REFUSED", True
        return self.state

    def settle(self, outcome: Outcome, at: datetime) -> str:
        if self.state != "PENDING" or not self.waits:
            return ""
        if outcome is not Outcome.FAILED:
            self.waits, self.deadline = False, self.deadline or at + DELAY
        elif at >= self.noticed + 3 * DAY:
            self.waits = False
            self.state = self.state if self.deadline else "ABORTED"
        return self.state

    def silence(self, at: datetime, new_email: str) -> str:
        if self.state == "PENDING" and self.deadline and at >= self.deadline:
            return self._accept(at, new_email)
        return self.state

    def cancel(self) -> str:
        if self.state != "PENDING":
            return NOTHING
        self.state = "ABORTED"
        return self.state

    def _ask(self, at: datetime) -> None:
        self.noticed, self.link_until = at, at + LINK_LIFETIME

    def _accept(self, at: datetime, new_email: str) -> str:
        if self.taken:
            self.state = "ABORTED"
        else:  # what the former mailbox holds may act for as long as the change can be reverted
            self.state, self.email = "DONE", new_email
            self.link_until = min(self.link_until, at + REVERTIBLE)
        return self.state


@dataclass
class Play:
    """One account in the database, and the model beside it; every step compares the two."""

    session: Session
    model: Model
    name: str
    time: Any
    change: EmailChange | None = None
    code: str = WRONG_CODE
    link: str = ""
    steps: int = 0

    async def request(self) -> None:
        self.steps += 1
        new = f"new{self.steps}@{self.name}.example"
        asking = email_changes.request(self.session, new, PASSWORD, client=CLIENT, policy=POLICY)
        await self.agree(asking, self.model.request(self.time.at))
        self.change = await EmailChange.filter(new_email=new).first() or self.change
        await self.read_mail()

    async def resend(self) -> None:
        resending = email_changes.resend(self.session, policy=POLICY)
        await self.agree(resending, self.model.resend(self.time.at))
        await self.read_mail()

    async def confirm(self) -> None:
        await self._confirm(self.code)

    async def guess(self) -> None:
        await self._confirm(WRONG_CODE)

    async def _confirm(self, code: str) -> None:
        confirming = email_changes.confirm(self.session, code, policy=POLICY)
        await self.agree(
            confirming, self.model.confirm(self.time.at, self.new_email, right=code != WRONG_CODE)
        )

    async def refuse(self) -> None:
        if self.change is not None:
            change_id, _, token = self.link.partition(".")
            assert change_id == str(self.change.id)
            refusing = email_changes.refuse(self.change.id, token)
            await self.agree(refusing, self.model.refuse(self.time.at))

    async def cancel(self) -> None:
        await self.agree(email_changes.cancel(self.session), self.model.cancel())

    async def silence(self) -> None:
        if self.change is not None:
            await email_changes.auto_accept(self.change.id, policy=POLICY)
            self.model.silence(self.time.at, self.new_email)

    async def leave(self) -> None:
        await self._settle(Outcome.LEFT)

    async def bounce(self) -> None:
        await self._settle(Outcome.BOUNCED)

    async def fail(self) -> None:
        await self._settle(Outcome.FAILED)

    async def _settle(self, outcome: Outcome) -> None:
        mail = await self.notice()
        if mail is not None and mail.state is MailState.QUEUED:
            await deliveries.settle(Attempt(mail.id, mail.attempts, outcome))
        self.model.settle(outcome, self.time.at)

    async def be_late(self) -> None:
        """Somebody else proves the address that was asked for."""
        if self.change is not None and self.model.state == "PENDING" and not self.model.taken:
            await factories.signed_up(self.new_email)
            self.model.taken = True

    @property
    def new_email(self) -> str:
        return self.change.new_email if self.change else ""

    async def notice(self) -> Mail | None:
        if self.change is None:
            return None
        asked = Mail.filter(
            email_change_id=self.change.id, template=Template.EMAIL_CHANGE_VALIDATION
        )
        return await asked.order_by("-queued_at", "state").first()

    async def read_mail(self) -> None:
        """Note what the newest notice carries; whoever reads it does so at once."""
        mail = await self.notice()
        if mail is not None and mail.secrets:
            self.code, self.link = mail.secrets["code"], mail.secrets["refuse"]

    async def agree(self, doing: Coroutine[Any, Any, Any], expected: str) -> None:
        try:
            answer = await doing
        except DomainError as refusal:
            answer = refusal
        found = answer.state if isinstance(answer, EmailChange) else type(answer).__name__
        assert found == expected

    async def compare(self) -> None:
        """Row and model say the same, whatever was answered."""
        account = await Account.get(id=self.session.account_id)
        assert account.email == self.model.email
        if self.change is not None:
            await self.change.refresh_from_db()
            assert self.change.state == self.model.state
            assert self.change.auto_accept_at == self.model.deadline
        pending = await EmailChange.filter(account_id=account.id, state="PENDING").count()
        assert pending == (self.model.state == "PENDING")


Step = Callable[[Play], Coroutine[Any, Any, None]]
# What ends a change is rare, or few would live long enough for what is worth a look.
GOING_ON: list[Step] = [Play.request, Play.leave, Play.bounce, Play.fail, Play.resend, Play.silence]
ENDING: list[Step] = [Play.guess, Play.confirm, Play.refuse, Play.cancel, Play.be_late]
step = st.tuples(
    st.sampled_from([*WAITS[:4], *WAITS]),
    st.sampled_from([*GOING_ON, *GOING_ON, Play.resend, Play.leave, Play.guess, *ENDING]),
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, min_size=10, max_size=30))
@example(steps=[(MINUTE, Play.confirm), (REVERTIBLE, Play.refuse)])  # the last moment of a link
async def test_every_sequence_goes_as_the_model_says(tables, time, *, steps):
    """Whatever is done in whatever order: the answer, the row and the account are the model's."""
    name = f"n{uuid4().hex[:12]}"
    opened = await factories.signed_up(f"old@{name}.example")
    play = Play(await factories.session_of(opened), Model(f"old@{name}.example"), name, time)

    for wait, act in [(MINUTE, Play.request), *steps]:
        time.advance(wait)
        await act(play)
        await play.compare()


@pytest.mark.parametrize("wait", [DELAY - timedelta(seconds=2), DELAY])
async def test_plays_its_story(tables, time, wait):
    """The model is no mirror: one sequence, said in plain words."""
    opened = await factories.signed_up("old@story.example")
    play = Play(await factories.session_of(opened), Model("old@story.example"), "story", time)
    await play.request()
    await play.leave()
    time.advance(wait)

    await play.silence()

    await play.compare()
    assert play.model.email == ("new1" if wait == DELAY else "old") + "@story.example"
