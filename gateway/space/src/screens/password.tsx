import { useAction } from "../data/actions";
import { ChangePasswordDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { PasswordField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { NewPasswordField } from "../parts/strength";
import { Username } from "../parts/username";
import { go } from "../router";
import { useAccount } from "../session";
import { missing } from "./checks";

export default function Password() {
  const words = useWords();
  const account = useAccount();
  const change = useAction(ChangePasswordDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["password", "newPassword"], words);
    if (fault) return fault;
    const input = { currentPassword: typed("password"), newPassword: typed("newPassword") };
    const { made, refusal } = await change({ input });
    if (refusal) return refusal;
    const closed = made.closedSessions > 0 ? words.password.closed(made.closedSessions) : "";
    go("account", { say: `${words.password.changed} ${closed}`.trim() });
    return null;
  };
  const personal = () => [account.email, account.firstName, account.lastName, account.nicHandle];
  return (
    <Page title={words.password.title} lead={words.password.others}>
      <section class="card">
        <Form label={words.password.submit} action={send}>
          <Username />
          <PasswordField name="password" label={words.password.current} />
          <NewPasswordField name="newPassword" label={words.password.next} personal={personal} />
        </Form>
      </section>
    </Page>
  );
}
