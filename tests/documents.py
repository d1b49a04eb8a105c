"""The mutations that answer, recover, report and tell, as a client of the API writes them."""

_CHANGE = """... on EmailChange {
  id newEmail formerEmail state acceptedBy abortReason autoAcceptAt revertibleUntil attemptsLeft
}"""
_ACCOUNT = "... on Account { email emailProven spareEmail spareEmailProven advice }"
_WRONG = "... on InvalidCodeError { left: attemptsLeft }"
_INVALID = "... on InvalidInputError { fields { field code } }"
_LATER = "... on TooManyRequestsError { retryAt }"
_PASSWORD = "... on PasswordChanged { closedSessions account { nicHandle state email } }"

_ISSUED = "... on IssuedWebhook { secret webhook { id url state } }"

# What each takes as `input`, if anything, and what is asked of its result.
_MUTATIONS = {
    "confirmEmailChange": ("ConfirmEmailChangeInput", _CHANGE, _WRONG),
    "refuseEmailChange": ("AnswerEmailChangeInput", _CHANGE, _WRONG),
    "revertEmailChange": ("AnswerEmailChangeInput", _CHANGE, _WRONG),
    "cancelEmailChange": ("", _CHANGE),
    "resendEmailChangeCode": ("", _CHANGE, _LATER),
    "proveEmail": ("ProveEmailInput", _ACCOUNT, _WRONG),
    "resendProofCode": ("", _ACCOUNT, _LATER),
    "setSpareEmail": ("SetSpareEmailInput", _ACCOUNT, _INVALID),
    "proveSpareEmail": ("ProveEmailInput", _ACCOUNT, _WRONG),
    "removeSpareEmail": ("RemoveSpareEmailInput", _ACCOUNT),
    "requestPasswordReset": ("RequestPasswordResetInput", "... on Challenge { id deliveredTo }"),
    "resetPassword": ("ResetPasswordInput", _PASSWORD, _WRONG, _INVALID),
    "changePassword": ("ChangePasswordInput", _PASSWORD, _INVALID),
    "reportCompromise": (
        "ReportCompromiseInput",
        "... on CompromiseReported { nicHandle closedSessions }",
        _WRONG,
    ),
    "createWebhook": ("CreateWebhookInput", _ISSUED, _INVALID),
    "rotateWebhookSecret": ("RotateWebhookSecretInput", _ISSUED),
    "enableWebhook": ("EnableWebhookInput", "... on Webhook { id state }"),
    "retryWebhookDelivery": ("RetryWebhookDeliveryInput", "... on WebhookDelivery { id state }"),
}
ACCOUNT = """{ me {
  nicHandle email emailProven spareEmail spareEmailProven advice pendingEmailChange { id }
  sessions { current }
  emailChanges { edges { node {
    newEmail formerEmail state acceptedBy abortReason autoAcceptAt attemptsLeft revertibleUntil
  } } }
} }"""


def mutation(name: str) -> str:
    """The document of a mutation; its one variable is `input`."""
    input_type, *wanted = _MUTATIONS[name]
    variables, argument = (
        (f"($input: {input_type}!)", "(input: $input)") if input_type else ("", "")
    )
    fields = " ".join(["__typename ... on UserError { message }", *wanted])
    return f"mutation {variables} {{ {name}{argument} {{ {fields} }} }}"
