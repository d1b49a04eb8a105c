// The names of things in English.
import type { ActivityKind, Advice, ConsentState, EmailChangeAbortReason, LegalForm, MailState } from "../gql/graphql";

const activities: Record<ActivityKind, string> = {
  ACCOUNT_OPENED: "Account opened",
  LOGIN: "Signed in",
  LOGIN_FAILED: "Wrong password at sign-in",
  SESSION_ENDED: "Session ended",
  PROFILE_UPDATED: "Details changed",
  PASSWORD_CHANGED: "Password changed",
  PASSWORD_RESET_REQUESTED: "New password asked for",
  PASSWORD_RESET: "Password reset",
  EMAIL_PROVEN: "E-mail address confirmed",
  EMAIL_YIELDED: "E-mail address lost to another account",
  EMAIL_CHANGE_REQUESTED: "Change of e-mail address asked for",
  EMAIL_CHANGE_ACCEPTED: "Change of e-mail address accepted",
  EMAIL_CHANGE_REFUSED: "Change of e-mail address refused",
  EMAIL_CHANGE_ABORTED: "Change of e-mail address dropped",
  EMAIL_CHANGE_REVERTED: "Change of e-mail address reverted",
  SPARE_EMAIL_SET: "Spare address recorded",
  SPARE_EMAIL_PROVEN: "Spare address confirmed",
  SPARE_EMAIL_REMOVED: "Spare address removed",
  COMPROMISE_REPORTED: "“This was not me” reported",
  FROZEN: "Account blocked",
  UNFROZEN: "Account open again",
  CONSENT_REQUESTED: "A partner asked to be allowed something",
  CONSENT_GRANTED: "Partner allowed",
  CONSENT_REFUSED: "Partner refused",
  CONSENT_REVOKED: "Partner’s permission taken back",
  CONSENT_EXPIRED: "Partner’s request expired",
  PARTNER_MAIL: "Mail for a partner",
};

const advice: Record<Advice, string> = {
  EMAIL_NOT_PROVEN: "Confirm your e-mail address: until then, a lost password goes to the former one.",
  SPARE_EMAIL_MISSING: "Give a spare e-mail address: it gets you back in on the day the first is lost.",
  SPARE_EMAIL_NOT_PROVEN: "Confirm your spare e-mail address: it counts only then.",
};

const adviceButtons: Record<Advice, string> = {
  EMAIL_NOT_PROVEN: "Confirm my address",
  SPARE_EMAIL_MISSING: "Add a spare address",
  SPARE_EMAIL_NOT_PROVEN: "Confirm my spare address",
};

const abortReasons: Record<EmailChangeAbortReason, string> = {
  CANCELLED: "You cancelled it.",
  SUPERSEDED: "A newer request replaced it.",
  TOO_MANY_ATTEMPTS: "The code was wrong five times.",
  CREDENTIALS_CHANGED: "The password was changed meanwhile.",
  ADDRESS_TAKEN: "The new address belongs to another account.",
  REPORTED: "The change was reported as not being yours.",
  NOTICE_NOT_DELIVERED: "The mail to your current address could not be sent.",
};

const legalForms: Record<LegalForm, string> = {
  INDIVIDUAL: "Individual",
  CORPORATION: "Company",
  ASSOCIATION: "Association",
  ADMINISTRATION: "Public body",
  OTHER: "Other",
};

const mailStates: Record<MailState, string> = {
  QUEUED: "Waiting to be sent",
  SENT: "Sent",
  BOUNCED: "Not accepted by the mailbox",
  ABANDONED: "Not sent",
};

const fields: Record<string, string> = {
  email: "E-mail address",
  password: "Password",
  newPassword: "New password",
  firstName: "First name",
  lastName: "Last name",
  country: "Country",
  legalForm: "You are",
  organisation: "Organisation",
  "address.line": "Street and number",
  "address.zip": "Postcode",
  "address.city": "Town",
  "address.area": "Region or state",
  phone: "Phone",
  vatNumber: "VAT number",
  nationalIdentificationNumber: "National identification number",
  spareEmail: "Spare e-mail address",
  language: "Language",
};

const consentStates: Record<ConsentState, string> = {
  PENDING: "Awaits your answer",
  GRANTED: "Allowed",
  REFUSED: "Refused",
  EXPIRED: "Expired",
  REVOKED: "Taken back",
  REPLACED: "Replaced by a newer one",
};

const scopes: Record<string, string> = {
  "account:read":
    "read who you are: your names, organisation, VAT and identification numbers, language, and the state of your account",
  "account:contact":
    "read how to reach you: your postal address, phone number, e-mail address, and the changes of that",
  "account:activity": "read what happens to your account: logins and changes, each with its IP address and browser",
  "profile:write": "change your profile for you; not your e-mail address, and not your password",
  "mail:send": "have us mail you confirmations of orders and renewals",
};

export const labels = { scopes, consentStates, fields, advice, adviceButtons, activities, abortReasons, legalForms, mailStates };

export type Labels = typeof labels;
