// What can go wrong on the way to an answer, in sentences.
import type { CombinedError } from "@urql/core";
import type { Words } from "../i18n/en";

const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function isSignedOut(error: CombinedError): boolean {
  return error.graphQLErrors.some((one) => one.extensions["code"] === "UNAUTHENTICATED");
}

/** Whether the server may have done what was asked, without our hearing of it. */
export function isUnanswered(error: CombinedError): boolean {
  const response = error.response as Response | undefined;
  return error.networkError !== undefined || (response?.status ?? 200) >= 500;
}

export function sentenceOf(error: CombinedError, words: Words): string {
  const [first] = error.graphQLErrors;
  if (isUnanswered(error) || !first) return words.problems.unreachable;
  switch (first.extensions["code"]) {
    case "UNAUTHENTICATED":
      return words.problems.expired;
    case "RATE_LIMITED":
      return words.problems.limited(Number(first.extensions["retryAfter"]) || 60);
    default:
      return words.problems.fault(text(first.extensions["requestId"]));
  }
}
