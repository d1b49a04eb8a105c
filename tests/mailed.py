"""What each mail may carry, as the operations issue it."""

from models.mails import Template

SECRETS = dict.fromkeys(Template, ("report",)) | {
    Template.CREATION: ("code",),
    Template.ACCOUNT_EXISTS: (),
    Template.EMAIL_CHANGE_VALIDATION: ("code", "refuse", "report"),
    Template.EMAIL_CHANGE_TOLD_NEW: (),
    Template.EMAIL_CHANGE_ACCEPTED_FORMER: ("revert", "report"),
    Template.EMAIL_CHANGE_ACCEPTED_UNPROVEN: (),
    Template.EMAIL_CHANGE_ACCEPTED_NEW: ("code",),
    Template.PROOF_CODE: ("code",),
    Template.PASSWORD_RESET: ("code", "report"),
    Template.SPARE_EMAIL_PROOF: ("code",),
    Template.FROZEN: (),
    Template.ADDRESS_CLAIMED: (),
    Template.CONSENT_REQUESTED: (),
    Template.PROFILE_UPDATED_BY_PARTNER: (),
    Template.ORDER_CONFIRMATION: (),
    Template.RENEWAL_CONFIRMATION: (),
    Template.WEBHOOK_DISABLED: (),
}
TO_PARTNERS = {Template.WEBHOOK_DISABLED}
