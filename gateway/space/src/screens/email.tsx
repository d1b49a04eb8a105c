import { useAction } from "../data/actions";
import { RequestEmailChangeDocument } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { EmailField, PasswordField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { Proven } from "../parts/proven";
import { Username } from "../parts/username";
import { useAccount } from "../session";
import { howOf, LastChange } from "./changes";
import { missing } from "./checks";
import { PendingChange } from "./pendingChange";
import { ProveEmail } from "./proveEmail";

export default function Email() {
  const words = useWords();
  const account = useAccount();
  const pending = account.pendingEmailChange;
  return (
    <Page title={words.email.title}>
      <LastChange />
      <section class="card">
        <h2>{words.email.current}</h2>
        <p class="handle">
          <strong>{account.email}</strong> <Proven isProven={account.emailProven} />
        </p>
        {!account.emailProven && <ProveEmail />}
      </section>
      {pending ? <PendingChange change={pending} /> : <Request />}
      <History />
    </Page>
  );
}

/** While the address is to be confirmed, that comes first. */
function Request() {
  const words = useWords();
  const { emailProven } = useAccount();
  if (emailProven) {
    return (
      <section class="card">
        <h2>{words.email.ask}</h2>
        <RequestForm />
      </section>
    );
  }
  return (
    <details class="card">
      <summary>{words.email.ask}</summary>
      <RequestForm />
    </details>
  );
}

function RequestForm() {
  const words = useWords();
  const account = useAccount();
  const request = useAction(RequestEmailChangeDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["newEmail", "password"], words);
    if (fault) return fault;
    const { refusal } = await request({ input: { newEmail: typed("newEmail").trim(), password: typed("password") } });
    return refusal;
  };
  return (
    <>
      <p>{account.emailProven ? words.email.how(account.email) : words.email.howUnknown}</p>
      <Form label={words.email.submit} action={send}>
        <EmailField name="newEmail" label={words.email.newEmail} hint={words.signup.emailHint} />
        <Username />
        <PasswordField name="password" label={words.password.current} hint={words.email.passwordHint} />
      </Form>
    </>
  );
}

function History() {
  const { words, moment } = useSpeech();
  const { emailChanges } = useAccount();
  const settled = (emailChanges?.edges ?? []).map(({ node }) => node).filter(({ state }) => state !== "PENDING");
  if (settled.length === 0) return null;
  return (
    <section class="card quiet">
      <h2>{words.email.history}</h2>
      <ul class="rows">
        {settled.map((change) => (
          <li key={change.id}>
            <span>
              {words.email.pendingText(change.formerEmail, change.newEmail)}
              <br />
              <span class="faint">{[change.settledAt && moment(change.settledAt), howOf(change, words)].filter(Boolean).join(" · ")}</span>
            </span>
            <span class="badge">{words.email.states[change.state]}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
