// What can be said about an input before the server is asked; the server has the last word.
import { refusal, type Refusal } from "../data/actions";
import type { Words } from "../i18n/en";
import type { Typed } from "../parts/form";

/** Refuse what is left empty. */
export function missing(typed: Typed, fields: readonly string[], words: Words): Refusal | null {
  const empty = fields.filter((field) => typed(field).trim() === "");
  const faults = Object.fromEntries(empty.map((field) => [field, words.problems.required]));
  return empty.length === 0 ? null : refusal(words.problems.check, faults);
}
