import { useRef, useState } from "preact/hooks";
import { useAction, type Refusal } from "../data/actions";
import { UpdateProfileDocument, type ProfileRulesQuery } from "../gql/graphql";
import { useWords } from "../i18n";
import { Form, type Typed } from "../parts/form";
import { Loaded } from "../parts/loading";
import { Page } from "../parts/page";
import { go, Link } from "../router";
import { useAccount, useSession, type Account } from "../session";
import { COMPARED, Conflict } from "./conflict";
import { KindFields, MORE, profileOf, RuledFields, useRules, type Kind } from "./profile";

// What a sign-up asks for and a profile does not have.
const ELSEWHERE = new Set(["email", "password", "spareEmail"]);

export default function Edit() {
  const words = useWords();
  // What the form began with stays its measure, whatever is read meanwhile.
  const [base, setBase] = useState(useAccount());
  const { kind, setKind, reading } = useRules({ country: base.address.country, legalForm: base.legalForm });
  return (
    <Page title={words.account.editTitle}>
      <section class="card">
        <Loaded reading={reading}>
          {({ profileRules }) => (
            <EditForm
              key={base.revision}
              base={base}
              onStartAnew={(account) => {
                setKind({ country: account.address.country, legalForm: account.legalForm });
                setBase(account);
              }}
              rules={profileRules.filter((rule) => !ELSEWHERE.has(rule.field))}
              kind={kind}
              setKind={setKind}
            />
          )}
        </Loaded>
      </section>
    </Page>
  );
}

interface EditProps {
  base: Account;
  onStartAnew: (account: Account) => void;
  rules: ProfileRulesQuery["profileRules"];
  kind: Kind;
  setKind: (kind: Kind) => void;
}

function EditForm({ base, onStartAnew, rules, kind, setKind }: EditProps) {
  const words = useWords();
  const account = useAccount();
  const { refresh } = useSession();
  const update = useAction(UpdateProfileDocument);
  const [rival, setRival] = useState<Typed | null>(null);
  const revision = useRef(base.revision);

  const send = async (typed: Typed): Promise<Refusal | null> => {
    // The language is switched above the page, also while a form is open: that is no conflict.
    const expectedRevision = differing(base, account).length === 0 ? account.revision : revision.current;
    const input = { ...profileOf(typed), ...kind, expectedRevision };
    const { refusal } = await update({ input });
    if (refusal?.typename === "StaleRevisionError") {
      refresh();
      setRival(() => typed);
      return null;
    }
    if (!refusal) go("account", { say: words.account.saved });
    return refusal;
  };

  const values = (name: string) => valueOf(base, name);
  const isStale = rival !== null && account.revision > revision.current;
  return (
    <>
      {isStale && (
        <Conflict
          saved={(name) => valueOf(account, name)}
          typed={(name) => (name === "country" ? kind.country : name === "legalForm" ? kind.legalForm : rival(name))}
          onKeep={() => {
            revision.current = account.revision;
            setRival(null);
            return send(rival);
          }}
          onDrop={() => onStartAnew(account)}
        />
      )}
      <Form
        label={words.account.save}
        action={send}
        beside={<Link to="account">{words.common.cancel}</Link>}
        name={words.account.editTitle}
      >
        <KindFields kind={kind} setKind={setKind} />
        <div class="pair">
          <RuledFields rules={rules} names={["firstName", "lastName"]} values={values} />
        </div>
        <RuledFields rules={rules} names={["organisation", ...MORE]} values={values} />
      </Form>
    </>
  );
}

const differing = (one: Account, other: Account): readonly string[] =>
  COMPARED.filter((name) => valueOf(one, name) !== valueOf(other, name));

function valueOf(account: Account, name: string): string {
  const { address, ...rest } = account;
  const lines = Object.entries(address).map(([key, value]) => [key === "country" ? key : `address.${key}`, value]);
  const all: Record<string, unknown> = { ...rest, ...Object.fromEntries(lines) };
  const value = all[name];
  return typeof value === "string" ? value : "";
}
