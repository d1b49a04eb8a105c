"""The story of a sign-up: a form, a mail, a code, an account."""

from uuid import uuid4

import pytest
from stacks import PASSWORD

from models.profile_rules import LegalForm, rules

NAMES = "them => them.map(it => it.name)"


@pytest.fixture
def email():
    return f"{uuid4().hex[:12]}@example.org"


def test_a_stranger_becomes_a_customer(stack, visit, email):
    """From the first page to the NIC-handle at the top right, without reading anything."""
    alice = stack.customer(email)
    visitor = visit(f"{stack.url}/", language="fr-FR")

    visitor.follows("Créer un compte")
    visitor.types(firstName="Alice", lastName="Martin", email=email, password=PASSWORD)
    visitor.sees("Très bon")
    visitor.presses("Créer mon compte")
    visitor.is_at("Consultez votre messagerie")
    visitor.types(code=alice.code("Confirmez la création"))
    visitor.presses("Ouvrir mon compte")
    visitor.is_at("Bonjour Alice")

    alice.log_in(email)
    assert visitor.page.inner_text(".who .name") == "Alice Martin"
    assert visitor.page.inner_text(".who .nic") == alice.nic_handle
    assert alice.me()["emailProven"]
    assert visitor.complaints == []
    assert {request.url.startswith(f"{stack.url}/") for request in visitor.requests} == {True}


def test_a_code_that_did_not_come_is_sent_again(stack, visit, email):
    """The newest mail counts; a wrong code says how many tries are left, and keeps its place."""
    alice = stack.customer(email)
    visitor = visit(f"{stack.url}/signup")
    visitor.types(firstName="Alice", lastName="Martin", email=email, password=PASSWORD)
    visitor.presses("Create my account")
    visitor.is_at("Check your mailbox")
    first = alice.code("Confirm the creation")

    visitor.presses("Send the mail again")
    visitor.sees("Only the code of the newest mail counts.")
    visitor.types(code=first)
    visitor.presses("Open my account")
    visitor.sees("4 attempts are left.")
    visitor.focuses("code")
    visitor.types(code=alice.code("Confirm the creation"))
    visitor.presses("Open my account")
    visitor.is_at("Hello Alice")


def test_a_reload_between_form_and_code_loses_nothing_but_the_password(stack, visit, email):
    """The code page goes on; a second mail then needs the password once more, and nothing else."""
    visitor = visit(f"{stack.url}/signup")
    visitor.types(firstName="Alice", lastName="Martin", email=email, password=PASSWORD)
    visitor.presses("Create my account")
    visitor.is_at("Check your mailbox")

    visitor.page.reload()
    visitor.is_at("Check your mailbox")
    visitor.sees("type your password once more")
    visitor.follows("Back to the form")
    visitor.is_at("Create an account")

    assert (visitor.holds("firstName"), visitor.holds("email")) == ("Alice", email)
    assert visitor.holds("password") == ""
    assert PASSWORD not in visitor.page.evaluate(
        "JSON.stringify({...sessionStorage, ...localStorage})"
    )


def test_every_fault_stands_at_its_field(stack, visit):
    """All of them at once, whatever kind they are; the first is focused."""
    visitor = visit(f"{stack.url}/signup")
    marked = visitor.page.locator("[aria-invalid=true]")

    visitor.presses("Create my account")
    visitor.focuses("firstName")
    empty = marked.evaluate_all(NAMES)
    visitor.types(firstName="A<b>", lastName="Martin", email="no address", password="alicealice12")
    visitor.presses("Create my account")
    visitor.sees("This password is too easy to guess.")
    names = marked.evaluate_all(NAMES)
    told = marked.evaluate_all(
        "them => them.map(it => it.getAttribute('aria-describedby').split(' ')"
        ".map(id => document.getElementById(id).textContent).pop())"
    )

    assert empty == ["firstName", "lastName", "email", "password"]
    assert names == ["firstName", "email", "password"]
    assert told == [*2 * ["This value is not valid."], "This password is too easy to guess."]
    visitor.focuses("firstName")


def test_a_field_that_comes_back_has_what_was_typed(stack, visit):
    """Whoever tries another legal form types nothing twice."""
    visitor = visit(f"{stack.url}/signup")
    visitor.types(legalForm=LegalForm.CORPORATION, country="DE")
    visitor.types(organisation="Kettle GmbH", firstName="Alice")

    visitor.types(legalForm=LegalForm.INDIVIDUAL)
    visitor.page.locator("main summary").click()
    visitor.types(legalForm=LegalForm.CORPORATION)

    assert visitor.holds("organisation") == "Kettle GmbH"
    assert visitor.holds("firstName") == "Alice"


@pytest.mark.parametrize("form", [LegalForm.INDIVIDUAL, LegalForm.CORPORATION])
def test_the_fields_are_those_of_the_rules(stack, visit, form):
    """By country and legal form: what must be given, and an example of what can be."""
    visitor = visit(f"{stack.url}/signup")

    visitor.types(country="DE", legalForm=form)
    visitor.page.locator("main summary").click()
    visitor.sees("For example 10115")
    wanted = rules("DE", form)
    fields = visitor.page.locator("main input[name], main select[name]")
    names = set(fields.evaluate_all(NAMES))
    required = set(visitor.page.locator("main input[required]").evaluate_all(NAMES))

    asked = {rule.field for rule in wanted if rule.mandatory} - {"country", "password"}
    assert {rule.field for rule in wanted} | {"legalForm"} == names
    assert required == asked


def test_a_known_address_is_not_told_apart(stack, visit):
    """Its page looks like any other's; the mail says that there is an account."""
    alice = stack.newcomer()
    visitor = visit(f"{stack.url}/signup")

    visitor.types(firstName="Eve", lastName="Martin", email=alice.email, password=PASSWORD)
    visitor.presses("Create my account")
    visitor.is_at("Check your mailbox")

    assert alice.nic_handle in stack.words(alice.email, about="You already have an account")
