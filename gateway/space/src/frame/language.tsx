import { useAction } from "../data/actions";
import { UpdateProfileDocument, type Language } from "../gql/graphql";
import { chosen, useSpeech } from "../i18n";
import { flash } from "../router";
import type { Account } from "../session";

const NAMES: readonly [Language, string][] = [
  ["FR", "Français"],
  ["EN", "English"],
];

export function LanguageSwitch({ choose = chosen.set }: { choose?: (language: Language) => void }) {
  const { words, language } = useSpeech();
  return (
    <div class="languages" role="group" aria-label={words.common.language}>
      {NAMES.map(([value, name]) => (
        <button
          key={value}
          type="button"
          lang={value.toLowerCase()}
          aria-pressed={value === language}
          aria-label={`${value} · ${name}`}
          title={name}
          onClick={() => choose(value)}
        >
          {value}
        </button>
      ))}
    </div>
  );
}

/** Who is signed in chooses for their account: its mails and refusals speak the same language. */
export function SwitchOfAccount({ account }: { account: Account }) {
  const update = useAction(UpdateProfileDocument);
  const choose = async (language: Language) => {
    if (language === account.language) return;
    const { refusal } = await update({ input: { language } });
    if (refusal) flash.set(refusal.message);
  };
  return <LanguageSwitch choose={choose} />;
}
