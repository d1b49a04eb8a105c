import { useRef } from "preact/hooks";
import { useAction } from "../data/actions";
import { SignupDocument, type ProfileRulesQuery, type SignupInput } from "../gql/graphql";
import { useSpeech } from "../i18n";
import { EmailField } from "../parts/fields";
import { Form, type Typed } from "../parts/form";
import { Loaded } from "../parts/loading";
import { Page } from "../parts/page";
import { NewPasswordField } from "../parts/strength";
import { go, Link } from "../router";
import { KindFields, MORE, profileOf, RuledFields, useRules, type Kind } from "./profile";
import { begun, type Begun, type Draft } from "./signups";

export default function Signup() {
  const { words } = useSpeech();
  const draft = begun()?.draft ?? null;
  const { kind, setKind, reading } = useRules(draft ?? { country: countryOfBrowser(), legalForm: "INDIVIDUAL" });
  return (
    <Page title={words.signup.title} lead={words.signup.intro}>
      <section class="card">
        <Loaded reading={reading}>
          {({ profileRules }) => <SignupForm rules={profileRules} kind={kind} setKind={setKind} draft={draft} />}
        </Loaded>
      </section>
    </Page>
  );
}

interface FormProps {
  rules: ProfileRulesQuery["profileRules"];
  kind: Kind;
  setKind: (kind: Kind) => void;
  draft: Draft | null;
}

function SignupForm({ rules, kind, setKind, draft }: FormProps) {
  const { words, language } = useSpeech();
  const signup = useAction(SignupDocument);
  const personal = useRef<HTMLDivElement>(null);
  const send = async (typed: Typed) => {
    const input: SignupInput = {
      ...profileOf(typed),
      ...kind,
      language,
      email: typed("email").trim(),
      spareEmail: typed("spareEmail").trim() || null,
      password: typed("password"),
    };
    const { made, refusal } = await signup({ input });
    if (refusal) return refusal;
    begin(made, input);
    return null;
  };
  const values = (name: string) => (draft ? valueOf(draft, name) : "");
  const needsOrganisation = rules.some((rule) => rule.field === "organisation" && rule.mandatory);
  return (
    <Form label={words.signup.submit} action={send} beside={<Link to="login">{words.signup.haveOne}</Link>}>
      <KindFields kind={kind} setKind={setKind} />
      <div ref={personal}>
        {needsOrganisation && <RuledFields rules={rules} names={["organisation"]} values={values} />}
        <div class="pair">
          <RuledFields rules={rules} names={["firstName", "lastName"]} values={values} />
        </div>
        <EmailField name="email" label={words.fields["email"] ?? ""} hint={words.signup.emailHint} defaultValue={draft?.email} required />
        <EmailField
          name="spareEmail"
          label={words.fields["spareEmail"] ?? ""}
          hint={words.signup.spareHint}
          defaultValue={draft?.spareEmail ?? ""}
          autocomplete="off"
          isOptional
        />
      </div>
      <NewPasswordField name="password" label={words.fields["password"] ?? ""} personal={() => typedIn(personal.current)} />
      <details>
        <summary>{words.signup.more}</summary>
        {!needsOrganisation && <RuledFields rules={rules} names={["organisation"]} values={values} />}
        <RuledFields rules={rules} names={MORE} values={values} />
      </details>
    </Form>
  );
}

function begin(challenge: Pick<Begun, "id" | "deliveredTo">, input: SignupInput): void {
  const { password, ...draft } = input;
  begun({ id: challenge.id, deliveredTo: challenge.deliveredTo, draft: draft as Draft }, password);
  go("signupCode");
}

function valueOf(draft: Draft, name: string): string {
  const { address, ...rest } = draft;
  const found = Object.entries({ ...rest, ...withDots(address ?? {}) }).find(([key]) => key === name);
  return String(found?.[1] ?? "");
}

const withDots = (address: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(address).map(([key, value]) => [`address.${key}`, value]));

const typedIn = (part: HTMLElement | null): string[] =>
  Array.from(part?.querySelectorAll("input") ?? [], (input) => input.value);

function countryOfBrowser(): string {
  const locale = new Intl.Locale(navigator.language);
  return locale.region ?? (locale.language === "en" ? "GB" : "FR");
}

