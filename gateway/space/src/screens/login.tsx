import { useAction } from "../data/actions";
import { LoginDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { Field, PasswordField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Page } from "../parts/page";
import { asked, Link } from "../router";
import { missing } from "./checks";

export default function Login() {
  const words = useWords();
  return (
    <Page title={words.login.title}>
      <section class="card">
        <LoginForm identifier={asked("as") ?? ""} />
      </section>
      <section class="card quiet">
        <h2>{words.login.newHere}</h2>
        <p>{words.login.newHereText}</p>
        <Link to="signup" class="button">
          {words.login.create}
        </Link>
      </section>
    </Page>
  );
}

/** The session begins as soon as the account is read again; the page that asked for it goes on. */
export function LoginForm({ identifier }: { identifier: string }) {
  const words = useWords();
  const login = useAction(LoginDocument);
  const send = async (typed: Typed) => {
    const fault = missing(typed, ["identifier", "password"], words);
    if (fault) return fault;
    const input = { identifier: typed("identifier").trim(), password: typed("password") };
    return (await login({ input })).refusal;
  };
  return (
    <Form label={words.login.submit} action={send} beside={<Link to="lostPassword">{words.login.lost}</Link>}>
      <Field
        name="identifier"
        label={words.login.identifier}
        hint={words.login.identifierHint}
        defaultValue={identifier}
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
      />
      <PasswordField name="password" label={words.fields["password"] ?? ""} />
    </Form>
  );
}
