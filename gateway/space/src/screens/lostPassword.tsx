import { useAction } from "../data/actions";
import { remembered } from "../data/stores";
import { RequestPasswordResetDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { Field } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { go, Link } from "../router";
import { missing } from "./checks";

export interface Reset {
  id: string;
  identifier: string;
}

export default function LostPassword() {
  const words = useWords();
  const request = useAction(RequestPasswordResetDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["identifier"], words);
    if (fault) return fault;
    const identifier = typed("identifier").trim();
    const deliverTo = typed("deliverTo") === "SPARE" ? "SPARE" : "PRIMARY";
    const { made, refusal } = await request({ input: { identifier, deliverTo } });
    if (refusal) return refusal;
    remembered.set("reset", { id: made.id, identifier } satisfies Reset);
    go("newPassword");
    return null;
  };
  return (
    <Page title={words.lost.title} lead={words.lost.intro}>
      <section class="card">
        <Form label={words.lost.submit} action={send} beside={<Link to="login">{words.login.title}</Link>}>
          <Field
            name="identifier"
            label={words.lost.identifier}
            hint={words.login.identifierHint}
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
          />
          <fieldset>
            <legend>{words.lost.where}</legend>
            <label class="choice">
              <input type="radio" name="deliverTo" value="PRIMARY" defaultChecked /> {words.lost.primary}
            </label>
            <label class="choice">
              <input type="radio" name="deliverTo" value="SPARE" /> {words.lost.spare}
            </label>
          </fieldset>
        </Form>
      </section>
    </Page>
  );
}
