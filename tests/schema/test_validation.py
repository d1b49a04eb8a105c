"""What is said of a document that cannot be executed: help for developers, nothing for a thief."""

import pytest

INPUT = "mutation ($i: LoginInput!) { login(input: $i) { __typename } }"
FORM = 'query ($f: LegalForm!) { profileRules(country: "FR", legalForm: $f) { field } }'
NEARLY = {
    "a field": ("{ mee { id } }", None),
    "a field below": ("{ me { emial } }", None),
    "a field of another type": ("mutation { logout(x: 1) { id } }", None),
    "a type that has the field": (
        'mutation { login(input: {identifier: "a", password: "b"}) { token } }',
        None,
    ),
    "an argument": ("mutation { login(inputt: 1) { __typename } }", None),
    "an argument of a directive": ("{ me @include(iff: true) { id } }", None),
    "a type": ("query ($i: LoginInputt!) { me { id } }", None),
    "a type of a fragment": ("{ me { ... on Acount { id } } }", None),
    "an enum value": ('{ profileRules(country: "FR", legalForm: INDIVIDUA) { field } }', None),
    "an enum value as a string": (
        '{ profileRules(country: "FR", legalForm: "INDIVIDUAL") { field } }',
        None,
    ),
    "an input field": (
        'mutation { login(input: {identifie: "a", password: "b"}) { __typename } }',
        None,
    ),
    "an input field, by variable": (INPUT, {"i": {"identifie": "a", "password": "b"}}),
    "an enum value, by variable": (FORM, {"f": "INDIVIDUA"}),
    "an enum value below, by variable": (
        INPUT,
        {"i": {"identifier": "a", "password": "b", "transport": "COOKI"}},
    ),
    "an enum value, by default": (FORM.replace("!)", " = INDIVIDUA)"), None),
}


@pytest.mark.parametrize("name", NEARLY)
async def test_suggests_no_name_unless_told(ask, name):
    """Without introspection nobody spells out the schema by guessing at it."""
    document, variables = NEARLY[name]

    answer = await ask(document, variables=variables, introspection=False)

    assert set(answer.codes) == {"BAD_REQUEST"}
    assert answer.errors != []
    assert "Did you mean" not in str(answer.errors)


async def test_suggests_names_to_developers(ask):
    """With introspection a typing error is answered with what was meant."""
    answer = await ask("{ mee { id } }")

    assert [error["message"] for error in answer.errors] == [
        "Cannot query field 'mee' on type 'Query'. Did you mean 'me'?"
    ]


async def test_names_ten_faults_at_most(ask):
    """Each may quote what was sent: a hundred would take as long as a hundred requests."""
    answer = await ask("{ " + " ".join(f"nothing{number}" for number in range(40)) + " }")

    *faults, end = [error["message"] for error in answer.errors]
    assert len(faults) == 10
    assert end == "Too many validation errors, error limit reached. Validation aborted."
