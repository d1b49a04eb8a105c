// The pages behind the links in mails: one sentence, one button that sends, no session.
//
// Opening one changes nothing: mail scanners do. The token stands behind the #, which is sent to
// nobody until the button is pressed, and then without a cookie.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useAction, type Outcome } from "../data/actions";
import { RefuseEmailChangeDocument, ReportCompromiseDocument, RevertEmailChangeDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { Page } from "../parts/page";
import { forgetFragment, Link, outcomeHere, usePlace } from "../router";
import { LinkAnswer } from "./linkAnswer";

interface Credential {
  id: string;
  token: string;
}

function useCredential(): Credential | null {
  const [id, token, ...rest] = usePlace().fragment.split(".");
  return id && token && rest.length === 0 ? { id, token } : null;
}

const ANONYMOUS = { isAnonymous: true };
const DONE = "done";
const NEW_PASSWORD = "new password";

export function Refuse() {
  const refuse = useAction(RefuseEmailChangeDocument, ANONYMOUS);
  return <LinkPage kind="refuse" send={({ id, token }) => refuse({ input: { emailChangeId: id, token } })} />;
}

export function Revert() {
  const revert = useAction(RevertEmailChangeDocument, ANONYMOUS);
  return (
    <LinkPage kind="revert" next={NEW_PASSWORD} send={({ id, token }) => revert({ input: { emailChangeId: id, token } })} />
  );
}

export function Report() {
  const report = useAction(ReportCompromiseDocument, ANONYMOUS);
  return <LinkPage kind="report" next={NEW_PASSWORD} send={({ token }) => report({ input: { token } })} />;
}

interface LinkPageProps {
  kind: "refuse" | "revert" | "report";
  send: (credential: Credential) => Promise<Outcome<unknown>>;
  next?: typeof NEW_PASSWORD;
}

function LinkPage({ kind, send, next }: LinkPageProps) {
  const words = useWords();
  const credential = useCredential();
  const [outcome, setOutcome] = useState(outcomeHere());
  const texts = words.links[kind];
  const answer = async (): Promise<boolean> => {
    if (!credential) return false;
    const { refusal } = await send(credential);
    const come = refusal ? refusal.typename : DONE;
    if (!(come in said)) return false;
    forgetFragment(come);
    setOutcome(come);
    return true;
  };
  const said: Readonly<Record<string, string>> = {
    [DONE]: texts.done,
    InvalidCodeError: words.links.spent,
    NothingPendingError: words.links.settled,
  };
  const told = outcome === null ? "" : (said[outcome] ?? "");
  const rest = outcome === DONE && next ? <NewPassword /> : null;
  return (
    <Page title={texts.title}>
      <LinkAnswer
        sentence={texts.sentence}
        button={texts.button}
        isDangerous={kind === "report"}
        outcome={told || (credential ? "" : words.links.incomplete)}
        answer={answer}
      >
        {rest}
      </LinkAnswer>
    </Page>
  );
}

function NewPassword(): ComponentChildren {
  return (
    <Link to="lostPassword" class="button primary">
      {useWords().links.newPassword}
    </Link>
  );
}
