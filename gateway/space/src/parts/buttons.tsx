// Buttons that do something by themselves, without a form around them.
import { useRef, useState } from "preact/hooks";
import type { Refusal } from "../data/actions";
import { useSpeech, useWords } from "../i18n";

interface DeedProps {
  label: string;
  /** What is read out instead, where the label alone says too little. */
  name?: string;
  action: () => Promise<Refusal | null>;
  done?: string;
  kind?: "primary" | "danger" | "plain";
}

/** Does it once however often it is pressed, and says beside it how that went. */
export function Deed({ label, name, action, done = "", kind = "plain" }: DeedProps) {
  const { words, time } = useSpeech();
  const [said, setSaid] = useState<{ text: string; isGood: boolean } | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const busy = useRef(false);
  const press = async () => {
    if (busy.current) return;
    busy.current = true;
    setIsBusy(true);
    const refusal = await action();
    busy.current = false;
    setIsBusy(false);
    const wait = refusal?.retryAt ? words.common.retryAt(time(refusal.retryAt)) : "";
    setSaid(refusal ? { text: `${refusal.message} ${wait}`.trim(), isGood: false } : { text: done, isGood: true });
  };
  return (
    <span class="deed">
      <button type="button" class={kind} aria-label={name} aria-disabled={isBusy} onClick={press}>
        {label}
      </button>
      <span role="status" class={said?.isGood ? "said" : "said fault"}>
        {said?.text}
      </span>
    </span>
  );
}

export function CopyButton({ text }: { text: string }) {
  const words = useWords();
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid(words.common.copied);
    } catch {
      setSaid(words.common.notCopied);
    }
    setTimeout(() => setSaid(""), 3000);
  };
  return (
    <span class="copying">
      <button type="button" class="icon" aria-label={words.common.copy} title={words.common.copy} onClick={copy}>
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6">
          <rect x="7" y="7" width="10" height="10" rx="2" />
          <path d="M4 13H3.5A1.5 1.5 0 0 1 2 11.5v-8A1.5 1.5 0 0 1 3.5 2h8A1.5 1.5 0 0 1 13 3.5V4" />
        </svg>
      </button>
      <span role="status" class={said ? "bubble" : ""}>
        {said}
      </span>
    </span>
  );
}
