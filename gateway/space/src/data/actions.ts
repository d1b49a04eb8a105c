// Changing: one mutation, sent once, and its refusals in the form in which the screens show them.
import type { AnyVariables, TypedDocumentNode } from "@urql/core";
import { useClient } from "@urql/preact";
import { useCallback, useContext, useRef } from "preact/hooks";
import { useWords } from "../i18n";
import { spoken } from "./client";
import { isSignedOut, isUnanswered, sentenceOf } from "./problems";
import { SignedOut } from "./signedOut";

/** Why something was not done: in a sentence (unless a field has it), at its fields, and until when. */
export interface Refusal {
  typename: string;
  message: string;
  fields: Readonly<Record<string, string>>;
  retryAt: string | null;
}

interface Refused {
  __typename: string;
  message: string;
  fields?: readonly { field: string; message: string }[];
  attemptsLeft?: number | null;
  left?: number | null;
  retryAt?: string;
}

/** The members of a result that are no refusals: those have a message. */
export type Made<Answer> = Exclude<NonNullable<Answer>, { message: string }>;
export type Outcome<Answer> = { made: Made<Answer>; refusal: null } | { made: null; refusal: Refusal };

/** Refusals of one field, which say it by their type. */
const CULPRITS: Readonly<Record<string, string>> = { InvalidCodeError: "code", InvalidCredentialsError: "password" };

export const refusal = (message: string, fields: Record<string, string> = {}): Refusal => ({
  typename: "",
  message,
  fields,
  retryAt: null,
});

interface Options {
  /** Send no cookie: the token of a link is the credential. */
  isAnonymous?: boolean;
}

/** The mutation of a document, as a function. */
export function useAction<Data extends { answer: unknown }, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  options: Options = {},
): (variables: Variables) => Promise<Outcome<Data["answer"]>> {
  const client = useClient();
  const words = useWords();
  const signedOut = useContext(SignedOut);
  const key = useIdempotencyKey();
  const isAnonymous = options.isAnonymous ?? false;
  return useCallback(
    async (variables: Variables) => {
      const headers = { ...spoken(), "Idempotency-Key": key.of(variables) };
      const result = await client
        .mutation<Data, Variables>(document, variables, {
          additionalTypenames: ["Account"],
          fetchOptions: { headers, credentials: isAnonymous ? "omit" : "same-origin" },
        })
        .toPromise();
      if (!result.error || !isUnanswered(result.error)) key.forget();
      if (result.error && isSignedOut(result.error)) {
        signedOut(); // which shows a form to sign in, in place of a sentence here
        return { made: null, refusal: refusal("") };
      }
      const answer = result.data?.answer;
      if (answer === null || answer === undefined) {
        const message = result.error ? sentenceOf(result.error, words) : words.problems.fault("");
        return { made: null, refusal: refusal(message) };
      }
      if (isRefused(answer)) return { made: null, refusal: asRefusal(answer, words) };
      return { made: answer as Made<Data["answer"]>, refusal: null };
    },
    [client, document, words, key, signedOut, isAnonymous],
  );
}

function isRefused(answer: unknown): answer is Refused {
  return typeof answer === "object" && answer !== null && "message" in answer;
}

function asRefusal(answer: Refused, words: ReturnType<typeof useWords>): Refusal {
  const fields: Record<string, string> = {};
  for (const fault of answer.fields ?? []) fields[fault.field] ??= fault.message;
  const left = answer.attemptsLeft !== undefined ? answer.attemptsLeft : answer.left;
  const rest = left === undefined ? "" : left === null ? words.common.noAttemptsLeft : words.common.attemptsLeft(left);
  const message = [answer.message, rest].filter(Boolean).join(" ");
  const culprit = CULPRITS[answer.__typename];
  if (culprit) fields[culprit] = message;
  return {
    typename: answer.__typename,
    message: culprit ? "" : message,
    fields,
    retryAt: answer.retryAt ?? null,
  };
}

interface IdempotencyKey {
  of(input: unknown): string;
  forget(): void;
}

/** One key for each submission; who sends the same again for want of an answer keeps the key. */
function useIdempotencyKey(): IdempotencyKey {
  const last = useRef({ input: "", key: "" });
  return useRef<IdempotencyKey>({
    of(input) {
      const text = JSON.stringify(input);
      if (last.current.key === "" || last.current.input !== text) last.current = { input: text, key: randomKey() };
      return last.current.key;
    },
    forget() {
      last.current = { input: "", key: "" };
    },
  }).current;
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
