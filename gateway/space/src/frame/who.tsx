// Name and NIC-handle, at the top right of every page, with what belongs to them.
import { useEffect, useRef } from "preact/hooks";
import { useAction } from "../data/actions";
import { LogoutDocument } from "../gql/graphql";
import { useWords } from "../i18n";
import { CopyButton } from "../parts/buttons";
import { flash, go, Link, usePlace } from "../router";
import { useSession, type Account } from "../session";

export function Who({ account }: { account: Account }) {
  const words = useWords();
  const menu = useRef<HTMLDetailsElement>(null);
  const { visit } = usePlace();
  useEffect(() => {
    if (menu.current) menu.current.open = false;
  }, [visit]);
  const name = `${account.firstName} ${account.lastName}`;
  return (
    <div class="who">
      <details ref={menu} onKeyDown={(event) => closeOnEscape(event, menu.current)}>
        <summary>
          <span class="name" title={name}>
            {name}
          </span>
          <span class="nic">{account.nicHandle}</span>
        </summary>
        <div class="popup">
          <Link to="account">{words.menu.account}</Link>
          <LeaveButton />
        </div>
      </details>
      <CopyButton text={account.nicHandle} />
    </div>
  );
}

function LeaveButton() {
  const words = useWords();
  const { leave } = useSession();
  const logout = useAction(LogoutDocument);
  const press = async () => {
    const { refusal } = await logout({});
    if (refusal) return flash.set(refusal.message);
    leave();
    go("login", { say: words.login.signedOut });
  };
  return (
    <button type="button" onClick={press}>
      {words.menu.logout}
    </button>
  );
}

function closeOnEscape(event: KeyboardEvent, menu: HTMLDetailsElement | null): void {
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary")?.focus();
}
