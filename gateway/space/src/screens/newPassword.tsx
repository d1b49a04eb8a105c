import { useAction } from "../data/actions";
import { remembered } from "../data/stores";
import { ResetPasswordDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { CodeField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { NewPasswordField } from "../parts/strength";
import { go, Link } from "../router";
import { missing } from "./checks";
import type { Reset } from "./lostPassword";

export default function NewPassword() {
  const words = useWords();
  const reset = remembered.get<Reset>("reset");
  if (!reset) {
    return (
      <Page title={words.lost.codeTitle} lead={words.lost.nothing}>
        <Link to="lostPassword" class="button">
          {words.lost.title}
        </Link>
      </Page>
    );
  }
  const isAddress = reset.identifier.includes("@");
  return (
    <Page title={words.lost.codeTitle} lead={isAddress ? words.lost.codeText(reset.identifier) : words.lost.codeTextHandle}>
      <section class="card">
        <ResetForm reset={reset} />
      </section>
      <section class="card quiet">
        <p>
          <Link to="lostPassword">{words.lost.again}</Link>
        </p>
        <p>
          <Link to="login">{words.lost.onlyName}</Link>
        </p>
      </section>
    </Page>
  );
}

function ResetForm({ reset }: { reset: Reset }) {
  const words = useWords();
  const setPassword = useAction(ResetPasswordDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["code", "newPassword"], words);
    if (fault) return fault;
    const input = {
      challengeId: reset.id,
      code: typed("code"),
      newPassword: typed("newPassword"),
      removeSpareEmail: typed("removeSpareEmail") === "on",
    };
    const { made, refusal } = await setPassword({ input });
    if (refusal) return refusal;
    remembered.forget("reset");
    const handle = made.account.nicHandle;
    go("login", { replace: true, say: words.lost.done(handle), query: `?as=${encodeURIComponent(handle)}` });
    return null;
  };
  return (
    <Form label={words.lost.codeSubmit} action={send}>
      <CodeField label={words.email.proveCode} />
      <NewPasswordField name="newPassword" label={words.password.next} personal={() => [reset.identifier]} />
      <label class="choice">
        <input type="checkbox" name="removeSpareEmail" />
        <span>
          {words.lost.removeSpare} <span class="faint">{words.lost.removeSpareHint}</span>
        </span>
      </label>
    </Form>
  );
}
