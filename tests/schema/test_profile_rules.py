"""The rules of a form over GraphQL: the table that the server's own validation uses."""

import pytest

RULES = """query ($country: CountryCode!, $form: LegalForm! = INDIVIDUAL) {
  profileRules(country: $country, legalForm: $form) {
    field mandatory pattern minLength maxLength example
  }
}"""
ALWAYS = {"email", "password", "firstName", "lastName", "country"}


async def rules_of(ask, country, **more):
    answer = await ask(RULES, variables={"country": country} | more)
    return {rule["field"]: rule for rule in answer.result}


async def test_says_what_a_sign_up_must_ask_for(ask):
    """Without a session: address, password, names and country are enough for a person."""
    rules = await rules_of(ask, "FR")

    assert {field for field, rule in rules.items() if rule["mandatory"]} == ALWAYS
    assert (rules["password"]["minLength"], rules["password"]["maxLength"]) == (12, 72)
    assert not rules["spareEmail"]["mandatory"]
    assert not rules["organisation"]["mandatory"]
    assert rules["address.zip"]["pattern"]
    assert rules["phone"]["example"]


@pytest.mark.parametrize("form", ["CORPORATION", "ASSOCIATION", "ADMINISTRATION"])
async def test_asks_bodies_for_their_name(ask, form):
    """Whoever is no person names the organisation, in every country."""
    assert (await rules_of(ask, "FR", form=form))["organisation"]["mandatory"]
    assert (await rules_of(ask, "JP", form=form))["organisation"]["mandatory"]


@pytest.mark.parametrize("country", ["fr", " FR "])
async def test_takes_any_writing_of_a_country(ask, country):
    """As every scalar does."""
    assert await rules_of(ask, country) == await rules_of(ask, "FR")


@pytest.mark.parametrize("country", ["JP", "XX", "", "\0", "FRANCE"])
async def test_has_a_default(ask, country):
    """A country that has no rules of its own, or is none, asks for the least."""
    rules = await rules_of(ask, country)

    assert {field for field, rule in rules.items() if rule["mandatory"]} == ALWAYS
    assert rules["address.zip"]["pattern"] != (await rules_of(ask, "FR"))["address.zip"]["pattern"]


@pytest.mark.parametrize(("zip_code", "is_fine"), [("59100", True), ("5910", False)])
async def test_refuses_what_the_rules_refuse(ask, alice, zip_code, is_fine):
    """A form that checks by the rules is never surprised."""
    answer = await ask.mutate("updateProfile", {"address": {"zip": zip_code}}, caller=alice)

    assert (answer.result["__typename"] == "Account") is is_fine
