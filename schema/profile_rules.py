"""What a sign-up or profile form must ask for."""

from typing import cast

import strawberry

from models import profile_rules
from models.profile_rules import LegalForm
from schema.scalars import CountryCode


@strawberry.type(description="One rule of a form field, for the chosen country and legal form.")
class ProfileRule:
    field: str = strawberry.field(
        description="The input field, with dots for nesting: address.zip."
    )
    mandatory: bool
    pattern: str | None = strawberry.field(
        description="What the whole value must match; valid for ECMAScript (flag v) and Python"
        " alike."
    )
    min_length: int | None = strawberry.field(description="In Unicode code points, as maxLength.")
    max_length: int | None = strawberry.field(
        description="A password may not have more bytes of UTF-8, either."
    )
    example: str | None


@strawberry.type
class ProfileRuleQuery:
    @strawberry.field(
        description="What a sign-up or profile form must ask for, by country and legal form."
    )
    def profile_rules(
        self, country: CountryCode, legal_form: LegalForm = LegalForm.INDIVIDUAL
    ) -> list[ProfileRule]:
        return cast("list[ProfileRule]", profile_rules.rules(country.strip().upper(), legal_form))
