import { useEffect, useState } from "preact/hooks";
import { useWords } from "../i18n";
import { Link, usePlace, type RouteName } from "../router";

const PLACES = ["home", "account", "email", "spareEmail", "password", "sessions", "mails", "activity", "consents"] as const satisfies readonly RouteName[];

/** The ways through the account: beside the page, or behind a button where there is no room. */
export function Menu() {
  const words = useWords();
  const { visit } = usePlace();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [visit]);
  return (
    <nav class={isOpen ? "menu open" : "menu"} aria-label={words.menu.of}>
      <button type="button" aria-expanded={isOpen} aria-controls="places" onClick={() => setOpen(!isOpen)}>
        {words.common.menu}
      </button>
      <ul id="places">
        {PLACES.map((place) => (
          <li key={place}>
            <Link to={place}>{words.menu[place]}</Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
