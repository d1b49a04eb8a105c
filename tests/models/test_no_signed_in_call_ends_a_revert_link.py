"""Whoever has a session may be the thief: nothing that a session can do ends a live revert link.

The caller is as strong as can be: they know the password and read every mailbox, the former one
included, so that every code is theirs to type.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import factories
from factories import CLIENT, PASSWORD, POLICY
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models import accounts, email_changes, passwords, proofs, sessions, spare_emails
from models.accounts import Account, AccountState
from models.email_changes import EmailChangeState
from models.errors import DomainError
from models.mails import Mail, Template
from models.sessions import Opened, Session

NEW_PASSWORDS = ["Window-Violin-77-green", PASSWORD]
LONGEST_PACE = timedelta(hours=8)  # eight calls stay within the 72 hours of the shortest window


@dataclass
class Caller:
    """Somebody in a session of the account, who asks for whatever there is to ask for."""

    opened: Opened
    name: str
    password: str = PASSWORD
    refused: list[str] = field(default_factory=list)

    def address(self, box: str) -> str:
        return f"{box}@{self.name}.example"

    async def session(self) -> Session:
        return await factories.session_of(self.opened)

    async def code(self, *templates: Template) -> str:
        """The newest code of these kinds, in whatever mailbox."""
        found = Mail.filter(account_id=self.opened.account.id, template__in=templates)
        coded = [mail for mail in await found.order_by("queued_at") if mail.secrets]
        return coded[-1].secrets["code"] if coded else "BBBB-BBBB"

    async def ask(self, box: str) -> None:
        session, to = await self.session(), self.address(box)
        await email_changes.request(session, to, self.password, client=CLIENT, policy=POLICY)

    async def confirm(self, _: str) -> None:
        code = await self.code(Template.EMAIL_CHANGE_VALIDATION)
        await email_changes.confirm(await self.session(), code, policy=POLICY)

    async def cancel(self, _: str) -> None:
        await email_changes.cancel(await self.session())

    async def resend(self, _: str) -> None:
        await email_changes.resend(await self.session(), policy=POLICY)

    async def prove(self, _: str) -> None:
        code = await self.code(Template.PROOF_CODE, Template.EMAIL_CHANGE_ACCEPTED_NEW)
        await proofs.prove(await self.session(), code, policy=POLICY)

    async def resend_proof(self, _: str) -> None:
        await proofs.resend(await self.session(), policy=POLICY)

    async def set_spare(self, box: str) -> None:
        session, to = await self.session(), self.address(box)
        await spare_emails.set_to(session, to, self.password, policy=POLICY)

    async def prove_spare(self, _: str) -> None:
        code = await self.code(Template.SPARE_EMAIL_PROOF)
        await spare_emails.prove(await self.session(), code, policy=POLICY)

    async def remove_spare(self, _: str) -> None:
        await spare_emails.remove(await self.session(), self.password, policy=POLICY)

    async def change_password(self, _: str) -> None:
        new = NEW_PASSWORDS[self.password == NEW_PASSWORDS[0]]
        await passwords.change(await self.session(), self.password, new, policy=POLICY)
        self.password = new

    async def update_profile(self, box: str) -> None:
        session = await self.session()
        await accounts.update_profile(session.account_id, {"lastName": box}, expected_revision=None)

    async def log_in_again(self, _: str) -> None:
        session = await self.session()
        await sessions.sign_out(session)
        handle = session.account.nic_handle
        self.opened = await sessions.login(handle, self.password, client=CLIENT, policy=POLICY)


Call = tuple[Callable[[Caller, str], Coroutine[Any, Any, None]], str]
BOXES = ["former", "new", "third", "spare"]
CALLS: list[Call] = [
    *((Caller.ask, box) for box in BOXES),
    *((Caller.set_spare, box) for box in BOXES),
    *(
        (call, "")
        for call in (
            Caller.confirm,
            Caller.cancel,
            Caller.resend,
            Caller.prove,
            Caller.resend_proof,
            Caller.prove_spare,
            Caller.remove_spare,
            Caller.change_password,
            Caller.log_in_again,
        )
    ),
    (Caller.update_profile, "Dubois"),
]
THERE_AND_BACK = [
    (Caller.prove, ""),
    (Caller.ask, "former"),
    (Caller.confirm, ""),
    (Caller.prove, ""),
    (Caller.change_password, ""),
    (Caller.ask, "third"),
    (Caller.confirm, ""),
    (Caller.prove, ""),
]


async def moved(by_silence: bool, has_spare: bool, time: Any) -> Caller:  # noqa: FBT001
    """Somebody in a session of an account that has just left its former address."""
    name = f"n{uuid4().hex[:12]}"
    caller = Caller(await factories.signed_up(f"former@{name}.example"), name)
    if has_spare:
        await factories.with_spare(caller.opened, caller.address("spare"))
        time.advance(timedelta(minutes=1))
    if by_silence:
        await factories.accepted_by_silence(caller.opened, caller.address("new"), time)
    else:
        await factories.accepted_by_code(caller.opened, caller.address("new"))
    return caller


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    by_silence=st.booleans(),
    has_spare=st.booleans(),
    pace=st.sampled_from([timedelta(seconds=61), LONGEST_PACE]),
    calls=st.lists(st.sampled_from(CALLS), min_size=1, max_size=8),
)
@example(by_silence=False, has_spare=False, pace=LONGEST_PACE, calls=THERE_AND_BACK)
@example(by_silence=True, has_spare=True, pace=LONGEST_PACE, calls=THERE_AND_BACK)
async def test_no_sequence_of_calls_ends_a_live_revert_link(
    tables, time, *, by_silence, has_spare, pace, calls
):
    """In any order: the link gives back what was before, and closes the account to the caller."""
    caller = await moved(by_silence, has_spare, time)
    former = caller.address("former")
    revert = await factories.mailed_link(Template.EMAIL_CHANGE_ACCEPTED_FORMER, "revert", to=former)
    for call, box in calls:
        time.advance(pace)
        try:
            await call(caller, box)
        except DomainError as refusal:
            caller.refused.append(f"{call.__name__}: {refusal!r}")

    change = await email_changes.revert(*revert)

    account = await Account.get(id=caller.opened.account.id)
    spare = (caller.address("spare"), True) if has_spare else (None, False)
    assert change.state is EmailChangeState.REVERTED
    assert (account.email, account.last_proven_email) == (former, former)
    assert (account.spare_email, account.spare_email_proven) == spare
    assert (account.state, account.unfreezes_through_key) == (AccountState.FROZEN, former)
    assert await sessions.find(caller.opened.token) is None
