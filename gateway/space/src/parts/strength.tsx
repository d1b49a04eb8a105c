// A new password, judged while it is typed, by the estimator that the server asks as well.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ZXCVBNResult } from "zxcvbn";
import type { Words } from "../i18n/en";
import { useWords } from "../i18n";
import { PasswordField } from "./fields";

const MIN_CHARACTERS = 12;
const ENOUGH = 3; // of the estimator's 0-4
const SEEN = 20; // characters: its time grows with the cube of the length

type Estimator = (password: string, personal?: string[]) => ZXCVBNResult;

interface Props {
  name: string;
  label: string;
  /** Words that the holder's data would suggest, read when they are needed. */
  personal: () => string[];
}

export function NewPasswordField({ name, label, personal }: Props) {
  const words = useWords();
  const [password, setPassword] = useState("");
  const [estimator, setEstimator] = useState<Estimator | null>(null);
  const asked = useRef(false);
  const load = () => {
    if (asked.current) return;
    asked.current = true;
    import("zxcvbn").then(
      (loaded) => setEstimator(() => loaded.default),
      // Without it the server still judges.
      () => (asked.current = false),
    );
  };
  return (
    <>
      <PasswordField
        name={name}
        label={label}
        hint={words.password.hint}
        autocomplete="new-password"
        onFocus={load}
        onInput={(event) => setPassword(event.currentTarget.value)}
      />
      {password && estimator && <Strength judged={judge(password, personal(), estimator, words)} />}
    </>
  );
}

interface Judged {
  score: number;
  text: string;
}

function judge(password: string, personal: string[], estimate: Estimator, words: Words): Judged {
  const normal = password.normalize("NFC");
  const missing = MIN_CHARACTERS - [...normal].length;
  if (missing > 0) return { score: 0, text: words.password.short(missing) };
  const start = [...normal].slice(0, SEEN).join("");
  const alone = estimate(start).score;
  if (alone < ENOUGH) return { score: alone, text: words.password.weak };
  const score = estimate(start, personal.flatMap(parts)).score;
  if (score < ENOUGH) return { score, text: words.password.similar };
  return { score, text: score > ENOUGH ? words.password.strong : words.password.good };
}

/** A text and its parts, as they would be used in a password. */
function parts(text: string): string[] {
  const found = text.match(/[\p{L}\p{N}_]{3,}/gu) ?? [];
  return [text.slice(0, SEEN), text.split("@")[0] ?? "", ...found, found.join("")].filter(Boolean);
}

function Strength({ judged }: { judged: Judged }) {
  const words = useWords();
  const id = useId();
  const [spoken, setSpoken] = useState("");
  // Who listens hears the verdict when they pause, not at every key.
  useEffect(() => {
    const timer = setTimeout(() => setSpoken(judged.text), 700);
    return () => clearTimeout(timer);
  }, [judged.text]);
  return (
    <div class="strength">
      <label for={id} class="hidden">
        {words.password.strength}
      </label>
      <meter id={id} min={0} max={4} low={2} high={ENOUGH} optimum={4} value={judged.score} />
      <span aria-hidden="true">{judged.text}</span>
      <span role="status" class="hidden">
        {spoken}
      </span>
    </div>
  );
}
