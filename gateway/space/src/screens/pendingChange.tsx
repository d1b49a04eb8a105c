// The change that awaits its answer: the guide's button and field, the clock, and the ways out.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../data/actions";
import {
  CancelEmailChangeDocument,
  ConfirmEmailChangeDocument,
  ResendEmailChangeCodeDocument,
  type ChangeFragment,
} from "../gql/graphql";
import { useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { Countdown } from "../parts/countdown";
import { CodeField } from "../parts/fields";
import { Form, useFault, type Typed } from "../parts/form";
import { tell } from "../router";
import { useAccount } from "../session";
import { missing } from "./checks";

export function PendingChange({ change }: { change: ChangeFragment }) {
  const words = useWords();
  const { emailProven } = useAccount();
  const [hasCode, setHasCode] = useState(false);
  const resend = useAction(ResendEmailChangeCodeDocument);
  const cancel = useAction(CancelEmailChangeDocument);
  const drop = async () => {
    const { refusal } = await cancel({});
    if (!refusal) tell("");
    return refusal;
  };
  const sent = emailProven ? words.email.sentTo(change.formerEmail) : words.email.sentToProven;
  return (
    <section class="card lively">
      <h2>{words.email.pendingTitle}</h2>
      <p>{words.email.pendingText(change.formerEmail, change.newEmail)}</p>
      <p>{change.autoAcceptAt ? sent : words.email.notSent}</p>
      {hasCode ? (
        <CodeForm change={change} />
      ) : (
        <div class="buttons">
          <button type="button" class="primary" onClick={() => setHasCode(true)}>
            {words.email.haveCode}
          </button>
        </div>
      )}
      {change.autoAcceptAt && (
        <Countdown until={change.autoAcceptAt} before={words.email.silence} over={words.email.silenceSoon} />
      )}
      <div class="buttons">
        <Deed label={words.email.resend} action={async () => (await resend({})).refusal} done={words.email.resent} />
        <Deed label={words.email.cancel} action={drop} kind="danger" />
      </div>
    </section>
  );
}

function CodeForm({ change }: { change: ChangeFragment }) {
  const words = useWords();
  const confirm = useAction(ConfirmEmailChangeDocument);
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place.current?.querySelector("input")?.focus(), []);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["code"], words);
    if (fault) return fault;
    const { refusal } = await confirm({ input: { code: typed("code") } });
    if (!refusal) tell("");
    return refusal;
  };
  return (
    <div ref={place}>
      <Form label={words.email.validate} action={send}>
        <CodeField label={words.email.code} />
        {change.attemptsLeft < 5 && <AttemptsLeft count={change.attemptsLeft} />}
      </Form>
    </div>
  );
}

/** Whoever comes back to the page; a wrong code says it itself. */
function AttemptsLeft({ count }: { count: number }) {
  const words = useWords();
  return useFault("code") ? null : <p class="faint">{words.common.attemptsLeft(count)}</p>;
}
