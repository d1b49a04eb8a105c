"""Whoever has a session may be the thief: nothing that a session can do ends a live revert link.

The caller is as strong as can be: they know the password and read every mailbox, the former one
included, so that every code is theirs to type.
"""

import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import factories
import pytest
from factories import CLIENT, PASSWORD, POLICY
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models import accounts, consents, email_changes, passwords, proofs, sessions, spare_emails
from models.accounts import Account, AccountState
from models.email_changes import EmailChangeState
from models.errors import DomainError
from models.mails import Mail, Template
from models.partners import Access
from models.sessions import Opened, Session
from schema import schema

EXAMPLES = int(os.environ.get("NICGATE_TEST_GAMES", "25"))  # make games plays more
NEW_PASSWORDS = ["Window-Violin-77-green", PASSWORD]
LONGEST_PACE = timedelta(hours=8)  # eight calls stay within the 72 hours of the shortest window
SLOWEST_PACE = timedelta(hours=41)  # and within the 14 days that an acceptance by silence opens
# By silence, oldest link only, pace: a younger change may have been accepted by its code.
WAYS = [
    *product([False, True], [False, True], [timedelta(seconds=61), LONGEST_PACE]),
    *[(True, True, SLOWEST_PACE)] * 2,
]

BOXES = ["former", "new", "third", "spare"]
FORMER = Template.EMAIL_CHANGE_ACCEPTED_FORMER
Call = tuple[Callable[["Caller", str], Coroutine[Any, Any, Any]], str]


@dataclass
class Caller:
    """Somebody in a session of the account, who asks for whatever there is to ask for."""

    opened: Opened
    name: str
    password: str = PASSWORD
    accomplice: Access | None = None
    refused: list[str] = field(default_factory=list)

    def address(self, box: str) -> str:
        return f"{box}@{self.name}.example"

    async def session(self) -> Session:
        return await factories.session_of(self.opened)

    async def code(self, *templates: Template) -> str:
        """The newest code of these kinds, in whatever mailbox."""
        found = Mail.filter(account_id=self.opened.account.id, template__in=templates)
        secrets = [mail.secrets or {} for mail in await found.order_by("queued_at")]
        codes = [held["code"] for held in secrets if "code" in held]
        return codes[-1] if codes else "BBBB-BBBB"

    async def log_in(self) -> Opened:
        handle = (await Account.get(id=self.opened.account.id)).nic_handle
        return await sessions.login(handle, self.password, client=CLIENT, policy=POLICY)

    async def request_email_change(self, box: str) -> Any:
        session, to = await self.session(), self.address(box)
        return await email_changes.request(session, to, self.password, client=CLIENT, policy=POLICY)

    async def confirm_email_change(self, _: str) -> Any:
        code = await self.code(Template.EMAIL_CHANGE_VALIDATION)
        return await email_changes.confirm(await self.session(), code, policy=POLICY)

    async def cancel_email_change(self, _: str) -> Any:
        return await email_changes.cancel(await self.session())

    async def resend_email_change_code(self, _: str) -> Any:
        return await email_changes.resend(await self.session(), policy=POLICY)

    async def prove_email(self, _: str) -> Any:
        code = await self.code(Template.PROOF_CODE, Template.EMAIL_CHANGE_ACCEPTED_NEW)
        return await proofs.prove(await self.session(), code, policy=POLICY)

    async def resend_proof_code(self, _: str) -> Any:
        return await proofs.resend(await self.session(), policy=POLICY)

    async def set_spare_email(self, box: str) -> Any:
        session, to = await self.session(), self.address(box)
        return await spare_emails.set_to(session, to, self.password, policy=POLICY)

    async def prove_spare_email(self, _: str) -> Any:
        code = await self.code(Template.SPARE_EMAIL_PROOF)
        return await spare_emails.prove(await self.session(), code, policy=POLICY)

    async def remove_spare_email(self, _: str) -> Any:
        return await spare_emails.remove(await self.session(), self.password, policy=POLICY)

    async def change_password(self, _: str) -> Any:
        new = NEW_PASSWORDS[self.password == NEW_PASSWORDS[0]]
        changed = await passwords.change(await self.session(), self.password, new, policy=POLICY)
        self.password = new
        return changed

    async def update_profile(self, last_name: str) -> Any:
        account_id = (await self.session()).account_id
        changes = {"lastName": last_name}
        return await accounts.update_profile(account_id, changes, expected_revision=None)

    async def revoke_session(self, which: str) -> Any:
        former, again = self.opened, await self.log_in()
        ended, self.opened = (former, again) if which == "own" else (again, former)
        return await sessions.revoke(await factories.session_of(former), ended.session.id)

    async def revoke_other_sessions(self, _: str) -> Any:
        await self.log_in()
        return await sessions.revoke_others(await self.session())

    async def logout(self, _: str) -> None:
        await sessions.sign_out(await self.session())
        self.opened = await self.log_in()

    async def asked(self) -> UUID:
        """What a partner asks of the account, who is the caller's accomplice."""
        if self.accomplice is None:
            self.accomplice = await factories.admitted(await factories.partner(self.name))
        handle = self.opened.account.nic_handle
        return (await factories.asked_consent(self.accomplice, handle)).id

    async def grant_consent(self, _: str) -> Any:
        return await consents.grant(await self.session(), await self.asked())

    async def refuse_consent(self, _: str) -> Any:
        return await consents.refuse(await self.session(), await self.asked())

    async def revoke_consent(self, _: str) -> Any:
        granted = await self.grant_consent("")
        return await consents.revoke(await self.session(), granted.id)

    async def play(self, calls: Sequence[Call], *, pace: timedelta, time: Any) -> None:
        """Make one call after the other, and keep what was refused."""
        for call, detail in calls:
            time.advance(pace)
            try:
                result = await call(self, detail)
            except DomainError as refusal:
                result = refusal
            if isinstance(result, DomainError):
                self.refused.append(f"{call.__name__}: {result!r}")


# What is called, and the mailbox, the name or the session that it is about.
CALLS: list[Call] = [
    *((Caller.request_email_change, box) for box in BOXES),
    *((Caller.set_spare_email, box) for box in BOXES),
    *((Caller.revoke_session, which) for which in ("own", "other")),
    *(
        (call, "")
        for call in (
            Caller.confirm_email_change,
            Caller.cancel_email_change,
            Caller.resend_email_change_code,
            Caller.prove_email,
            Caller.resend_proof_code,
            Caller.prove_spare_email,
            Caller.remove_spare_email,
            Caller.change_password,
            Caller.revoke_other_sessions,
            Caller.logout,
            Caller.grant_consent,
            Caller.refuse_consent,
            Caller.revoke_consent,
        )
    ),
    (Caller.update_profile, "Dubois"),
]
THERE_AND_BACK: list[Call] = [
    (Caller.prove_email, ""),
    (Caller.request_email_change, "former"),
    (Caller.confirm_email_change, ""),
    (Caller.prove_email, ""),
    (Caller.change_password, ""),
    (Caller.request_email_change, "third"),
    (Caller.confirm_email_change, ""),
    (Caller.prove_email, ""),
]
AT_ONCE_BACK: list[Call] = [  # to an address that has nothing to prove
    (Caller.request_email_change, "former"),
    (Caller.confirm_email_change, ""),
    (Caller.prove_email, ""),
]
EVERYTHING: list[Call] = [
    (Caller.resend_proof_code, ""),
    (Caller.prove_email, ""),
    (Caller.set_spare_email, "third"),
    (Caller.prove_spare_email, ""),
    (Caller.request_email_change, "former"),
    (Caller.resend_email_change_code, ""),
    (Caller.confirm_email_change, ""),
    (Caller.request_email_change, "spare"),
    (Caller.cancel_email_change, ""),
    (Caller.remove_spare_email, ""),
    (Caller.update_profile, "Dubois"),
    (Caller.revoke_session, "own"),
    (Caller.revoke_session, "other"),
    (Caller.revoke_other_sessions, ""),
    (Caller.logout, ""),
    (Caller.grant_consent, ""),
    (Caller.refuse_consent, ""),
    (Caller.revoke_consent, ""),
    (Caller.change_password, ""),
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


async def ways_back(caller: Caller) -> list[tuple[UUID, str]]:
    """Every revert link that was mailed, the youngest first."""
    mailed = Mail.filter(account_id=caller.opened.account.id, template=FORMER)
    secrets = [mail.secrets["revert"] for mail in await mailed.order_by("-queued_at")]
    parts = [secret.partition(".") for secret in secrets]
    return [(UUID(change_id), token) for change_id, _, token in parts]


async def assert_they_work(
    pressed: list[tuple[UUID, str]], caller: Caller, *, has_spare: bool
) -> None:
    """Each link is good; after the oldest all is as it was, and closed to the caller."""
    changes = [await email_changes.revert(*link) for link in pressed]

    account = await Account.get(id=caller.opened.account.id)
    former = caller.address("former")
    spare = (caller.address("spare"), True) if has_spare else (None, False)
    assert {change.state for change in changes} == {EmailChangeState.REVERTED}
    assert (account.email, account.last_proven_email) == (former, former)
    assert (account.spare_email, account.spare_email_proven) == spare
    assert (account.state, account.unfreezes_through_key) == (AccountState.FROZEN, former)
    assert await sessions.find(caller.opened.token) is None


def test_knows_every_call_of_a_session():
    """A mutation that is added is tried here as well."""
    mutations = {
        mutation.python_name: mutation.base_resolver.wrapped_func.__code__.co_names
        for mutation in schema.get_type_by_name("Mutation").fields
    }

    signed_in = {name for name, uses in mutations.items() if {"signed_in", "session"} & {*uses}}

    assert {call.__name__ for call, _ in CALLS} == signed_in
    assert {call for call, _ in EVERYTHING} == {call for call, _ in CALLS}


@pytest.mark.parametrize("by_silence", [False, True])
@pytest.mark.parametrize(
    ("calls", "pace"), [(THERE_AND_BACK, LONGEST_PACE), (EVERYTHING, timedelta(seconds=61))]
)
async def test_calls_that_all_succeed_end_no_revert_link(tables, time, by_silence, calls, pace):
    """There and back again, or everything once: nothing is refused, and nothing is lost."""
    caller = await moved(by_silence, True, time)

    await caller.play(calls, pace=pace, time=time)

    assert caller.refused == []
    await assert_they_work(await ways_back(caller), caller, has_spare=True)


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    way=st.sampled_from(WAYS),
    has_spare=st.booleans(),
    calls=st.lists(st.sampled_from(CALLS), min_size=1, max_size=8),
)
@example(way=(False, True, LONGEST_PACE), has_spare=False, calls=THERE_AND_BACK)
@example(way=(False, False, LONGEST_PACE), has_spare=False, calls=AT_ONCE_BACK)
@example(way=(True, True, SLOWEST_PACE), has_spare=True, calls=THERE_AND_BACK)
async def test_no_sequence_of_calls_ends_a_live_revert_link(tables, time, *, way, has_spare, calls):
    """In any order: the oldest link gives back what was before, and the younger ones work, too."""
    by_silence, oldest_only, pace = way
    caller = await moved(by_silence, has_spare, time)

    await caller.play(calls, pace=pace, time=time)

    links = await ways_back(caller)
    await assert_they_work(links[-1:] if oldest_only else links, caller, has_spare=has_spare)
