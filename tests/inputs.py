"""For each mutation an input that gets as far as it can without ending the state that it needs."""

from typing import Any

from bad_texts import WRONG_PASSWORD
from factories import PASSWORD, WRONG_CODE

# None: the mutation takes no input.
INPUTS: dict[str, dict[str, Any] | None] = {
    "signup": {
        "email": "dana@example.org",
        "password": PASSWORD,
        "firstName": "Dana",
        "lastName": "Moreau",
        "country": "FR",
    },
    "confirmSignup": {"challengeId": "", "code": WRONG_CODE},
    "login": {"identifier": "alice@example.org", "password": PASSWORD},
    "revokeSession": {"sessionId": ""},
    "updateProfile": {"firstName": "Alice"},
    "requestEmailChange": {"newEmail": "new@example.org", "password": PASSWORD},
    "confirmEmailChange": {"code": WRONG_CODE},
    "refuseEmailChange": {"emailChangeId": "", "token": "A" * 43},
    "revertEmailChange": {"emailChangeId": "", "token": "A" * 43},
    "proveEmail": {"code": WRONG_CODE},
    "setSpareEmail": {"spareEmail": "spare@example.org", "password": PASSWORD},
    "proveSpareEmail": {"code": WRONG_CODE},
    "removeSpareEmail": {"password": WRONG_PASSWORD},
    "requestPasswordReset": {"identifier": "alice@example.org"},
    "resetPassword": {"challengeId": "", "code": WRONG_CODE, "newPassword": PASSWORD},
    "changePassword": {"currentPassword": WRONG_PASSWORD, "newPassword": PASSWORD},
    "reportCompromise": {"token": ""},
    "requestConsent": {
        "nicHandle": "zz000000-OVH",
        "scopes": ["account:read"],
        "reason": "To show your services.",
    },
    "grantConsent": {"consentId": ""},
    "refuseConsent": {"consentId": ""},
    "revokeConsent": {"consentId": ""},
    "sendMail": {
        "nicHandle": "",
        "template": "ORDER_CONFIRMATION",
        "reference": "BC-4711",
        "services": ["example.org"],
    },
    "createWebhook": {"url": "https://panel.example/hooks"},
    "rotateWebhookSecret": {"webhookId": ""},
    "enableWebhook": {"webhookId": ""},
    "removeWebhook": {"webhookId": ""},
    "retryWebhookDelivery": {"deliveryId": ""},
    "revokeOtherSessions": None,
    "cancelEmailChange": None,
    "resendEmailChangeCode": None,
    "resendProofCode": None,
}
# What needs a partner's key.
KEYED = {
    "requestConsent",
    "sendMail",
    "createWebhook",
    "rotateWebhookSecret",
    "enableWebhook",
    "removeWebhook",
    "retryWebhookDelivery",
}
