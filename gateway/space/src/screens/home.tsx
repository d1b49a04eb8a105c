import type { Advice } from "../gql/graphql";
import { useWords } from "../i18n";
import { CopyButton } from "../parts/buttons";
import { Notice } from "../parts/notice";
import { Page } from "../parts/page";
import { Link, type RouteName } from "../router";
import { useAccount } from "../session";

const WHERE: Record<Advice, RouteName> = {
  EMAIL_NOT_PROVEN: "email",
  SPARE_EMAIL_MISSING: "spareEmail",
  SPARE_EMAIL_NOT_PROVEN: "spareEmail",
};

export default function Home() {
  const words = useWords();
  const account = useAccount();
  const pending = account.pendingEmailChange;
  return (
    <Page title={words.home.title(account.firstName)}>
      {pending && (
        <Notice>
          <p>{words.home.pending(pending.newEmail)}</p>
          <Link to="email" class="button">
            {words.home.pendingButton}
          </Link>
        </Notice>
      )}
      <section class="card">
        <h2>{words.home.handle}</h2>
        <p class="handle">
          <strong>{account.nicHandle}</strong> <CopyButton text={account.nicHandle} />
        </p>
        <p class="faint">{words.home.handleText}</p>
      </section>
      <section class="card">
        <h2>{words.home.go}</h2>
        <ul class="ways">
          <li>
            <Link to="account">{words.menu.account}</Link>
          </li>
          <li>
            <Link to="email">{words.home.changeEmail}</Link>
          </li>
          <li>
            <Link to="password">{words.password.submit}</Link>
          </li>
          <li>
            <Link to="sessions">{words.menu.sessions}</Link>
          </li>
        </ul>
      </section>
      <section class="card">
        <h2>{words.home.advice}</h2>
        {account.advice.length === 0 && <p>{words.home.safe}</p>}
        <ul class="advice">
          {account.advice.map((one) => (
            <li key={one}>
              <p>{words.advice[one]}</p>
              <Link to={WHERE[one]} class="button">
                {words.adviceButtons[one]}
              </Link>
            </li>
          ))}
        </ul>
      </section>
    </Page>
  );
}
