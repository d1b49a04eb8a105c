import { useSpeech, useWords } from "../i18n";
import { Page } from "../parts/page";
import { Proven } from "../parts/proven";
import { Link, type RouteName } from "../router";
import { useAccount } from "../session";

type Line = readonly [label: string, value: string | null | undefined];

export default function AccountScreen() {
  const { words, language, day } = useSpeech();
  const account = useAccount();
  const { address } = account;
  const label = (name: string) => words.fields[name] ?? name;
  const country = new Intl.DisplayNames(language, { type: "region" }).of(address.country);
  return (
    <Page title={words.account.title}>
      <section class="card">
        <Link to="edit" class="button right">
          {words.account.edit}
        </Link>
        <h2>{words.account.person}</h2>
        <Lines
          lines={[
            [label("firstName"), account.firstName],
            [label("lastName"), account.lastName],
            [label("legalForm"), words.legalForms[account.legalForm]],
            [label("organisation"), account.organisation],
            [label("language"), account.language === "FR" ? "Français" : "English"],
            [words.account.since, day(account.createdAt)],
          ]}
        />
        <h2>{words.account.postal}</h2>
        <Lines
          lines={[
            [label("address.line"), address.line],
            [label("address.zip"), address.zip],
            [label("address.city"), address.city],
            [label("address.area"), address.area],
            [label("country"), country],
          ]}
        />
        <h2>{words.account.contact}</h2>
        <Lines
          lines={[
            [label("phone"), account.phone],
            [label("vatNumber"), account.vatNumber],
            [label("nationalIdentificationNumber"), account.nationalIdentificationNumber],
          ]}
        />
      </section>
      <Access />
    </Page>
  );
}

function Access() {
  const words = useWords();
  const account = useAccount();
  const rows: readonly [RouteName, string, string, boolean | null][] = [
    ["email", words.menu.email, account.email, account.emailProven],
    ["spareEmail", words.menu.spareEmail, account.spareEmail ?? words.common.none, account.spareEmail ? account.spareEmailProven : null],
    ["password", words.menu.password, "••••••••••••", null],
  ];
  return (
    <section class="card">
      <h2>{words.account.access}</h2>
      <ul class="rows">
        {rows.map(([route, name, value, isProven]) => (
          <li key={route}>
            <span>
              <span class="faint">{name}</span>
              <br />
              {value} {isProven !== null && <Proven isProven={isProven} />}
            </span>
            <Link to={route} class="button" name={`${words.account.change} · ${name}`}>
              {words.account.change}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is not given is not shown, but for a whole part without anything. */
function Lines({ lines }: { lines: readonly Line[] }) {
  const words = useWords();
  const given = lines.filter(([, value]) => value);
  if (given.length === 0) return <p class="faint">{words.common.none}</p>;
  return (
    <dl>
      {given.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
