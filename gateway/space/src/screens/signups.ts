// The sign-up that is under way in this window. Its password is kept in memory only.
import { remembered } from "../data/stores";
import type { LegalForm, SignupInput } from "../gql/graphql";

export type Draft = Omit<SignupInput, "password" | "legalForm" | "country"> & { country: string; legalForm: LegalForm };

export interface Begun {
  id: string;
  deliveredTo: string;
  draft: Draft;
}

let typed = "";

/** The sign-up under way; with one given, that one from now on. */
export function begun(next?: Begun, password?: string): Begun | null {
  if (next) remembered.set("signup", next);
  if (password !== undefined) typed = password;
  return next ?? remembered.get<Begun>("signup");
}

/** The password that goes with it; empty after a reload. */
export const passwordOfSignup = (): string => typed;

export function ended(): void {
  remembered.forget("signup");
  typed = "";
}
