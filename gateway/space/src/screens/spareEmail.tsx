import { useAction } from "../data/actions";
import { ProveSpareEmailDocument, RemoveSpareEmailDocument, SetSpareEmailDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { CodeField, EmailField, PasswordField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { Proven } from "../parts/proven";
import { Username } from "../parts/username";
import { tell } from "../router";
import { useAccount } from "../session";
import { missing } from "./checks";

export default function SpareEmail() {
  const words = useWords();
  const { spareEmail, spareEmailProven } = useAccount();
  return (
    <Page title={words.spare.title} lead={words.spare.text}>
      <section class="card">
        {spareEmail ? (
          <>
            <h2>{words.spare.current}</h2>
            <p class="handle">
              <strong>{spareEmail}</strong> <Proven isProven={spareEmailProven} />
            </p>
            {!spareEmailProven && <ProveForm key={spareEmail} address={spareEmail} />}
          </>
        ) : (
          <>
            <p>{words.spare.none}</p>
            <SetForm />
          </>
        )}
      </section>
      {spareEmail && (
        <>
          <details class="card" open={!spareEmailProven}>
            <summary>{words.spare.change}</summary>
            <SetForm key={spareEmail} address={spareEmailProven ? "" : spareEmail} />
          </details>
          <details class="card">
            <summary>{words.spare.remove}</summary>
            <RemoveForm />
          </details>
        </>
      )}
    </Page>
  );
}

function SetForm({ address = "" }: { address?: string }) {
  const words = useWords();
  const record = useAction(SetSpareEmailDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["spareEmail", "password"], words);
    if (fault) return fault;
    const spareEmail = typed("spareEmail").trim();
    const { refusal } = await record({ input: { spareEmail, password: typed("password") } });
    if (!refusal) tell(words.spare.saved(spareEmail));
    return refusal;
  };
  return (
    <Form label={words.spare.set} action={send}>
      <EmailField name="spareEmail" label={words.spare.newSpare} defaultValue={address} autocomplete="off" />
      <Username />
      <PasswordField name="password" label={words.password.current} hint={words.email.passwordHint} />
    </Form>
  );
}

function ProveForm({ address }: { address: string }) {
  const words = useWords();
  const prove = useAction(ProveSpareEmailDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["code"], words);
    if (fault) return fault;
    const { refusal } = await prove({ input: { code: typed("code") } });
    if (!refusal) tell(words.spare.proven);
    return refusal;
  };
  return (
    <>
      <p>{words.spare.proveText(address)}</p>
      <Form label={words.spare.proveSubmit} action={send}>
        <CodeField label={words.email.proveCode} />
      </Form>
      <p class="faint">{words.spare.again}</p>
    </>
  );
}

function RemoveForm() {
  const words = useWords();
  const remove = useAction(RemoveSpareEmailDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["password"], words);
    if (fault) return fault;
    const { refusal } = await remove({ input: { password: typed("password") } });
    if (!refusal) tell(words.spare.removed);
    return refusal;
  };
  return (
    <Form label={words.spare.remove} action={send} danger>
      <Username />
      <PasswordField name="password" label={words.password.current} hint={words.spare.removeText} />
    </Form>
  );
}
