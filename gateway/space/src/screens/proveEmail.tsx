import { useAction } from "../data/actions";
import { ProveEmailDocument, ResendProofCodeDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { CodeField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { tell } from "../router";
import { useAccount } from "../session";
import { missing } from "./checks";

/** Show that one reads the primary address, by the code that was mailed to it. */
export function ProveEmail() {
  const words = useWords();
  const account = useAccount();
  const prove = useAction(ProveEmailDocument);
  const resend = useAction(ResendProofCodeDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["code"], words);
    if (fault) return fault;
    const { refusal } = await prove({ input: { code: typed("code") } });
    if (!refusal) tell(words.email.proven);
    return refusal;
  };
  return (
    <>
      <h3>{words.email.prove}</h3>
      <p>{words.email.proveText(account.email)}</p>
      <Form label={words.email.proveSubmit} action={send}>
        <CodeField label={words.email.proveCode} />
      </Form>
      <Deed label={words.email.resendProof} action={async () => (await resend({})).refusal} done={words.email.resentProof} />
    </>
  );
}
