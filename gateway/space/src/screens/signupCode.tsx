import { useState } from "preact/hooks";
import { useAction } from "../data/actions";
import { ConfirmSignupDocument, SignupDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { CodeField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { flash, Link } from "../router";
import { missing } from "./checks";
import { begun, ended, passwordOfSignup, type Begun } from "./signups";

export default function SignupCode() {
  const words = useWords();
  const [signup, setSignup] = useState(begun());
  if (!signup) {
    return (
      <Page title={words.signup.codeTitle} lead={words.signup.nothing}>
        <Link to="signup" class="button">
          {words.login.create}
        </Link>
      </Page>
    );
  }
  return (
    <Page title={words.signup.codeTitle} lead={words.signup.codeText(signup.draft.email)}>
      <section class="card">
        <CodeForm signup={signup} />
      </section>
      <section class="card quiet">
        <p>
          {words.signup.codeHelp} {words.signup.knownHint}
        </p>
        <Again signup={signup} onSent={setSignup} />
      </section>
    </Page>
  );
}

function CodeForm({ signup }: { signup: Begun }) {
  const words = useWords();
  const confirm = useAction(ConfirmSignupDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["code"], words);
    if (fault) return fault;
    const { refusal } = await confirm({ input: { challengeId: signup.id, code: typed("code") } });
    if (refusal) return refusal;
    ended();
    flash.set(words.signup.welcome);
    return null;
  };
  return (
    <Form label={words.signup.codeSubmit} action={send}>
      <CodeField label={words.email.proveCode} />
    </Form>
  );
}

/** A mail that did not come is asked for where it came from: by the sign-up, once more. */
function Again({ signup, onSent }: { signup: Begun; onSent: (signup: Begun) => void }) {
  const words = useWords();
  const again = useAction(SignupDocument);
  const password = passwordOfSignup();
  const send = async () => {
    const { made, refusal } = await again({ input: { ...signup.draft, password } });
    if (refusal) return refusal;
    const next = { ...signup, id: made.id };
    begun(next);
    onSent(next);
    return null;
  };
  return (
    <>
      {!password && <p>{words.signup.typeAgain}</p>}
      <div class="buttons">
        {password && <Deed label={words.signup.resend} action={send} done={words.signup.resent} />}
        <Link to="signup">{password ? words.signup.otherAddress : words.signup.backToForm}</Link>
      </div>
    </>
  );
}
