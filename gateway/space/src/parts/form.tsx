// A form: sent once at a time, keeps what was typed, shows every fault at its field.
import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Refusal } from "../data/actions";
import { useSpeech } from "../i18n";
import { Notice } from "./notice";

/** What was typed into a field; empty when there is no such field. */
export type Typed = (name: string) => string;

interface FormProps {
  label: string;
  /** Do it; return why not, or nothing. */
  action: (typed: Typed) => Promise<Refusal | null>;
  children?: ComponentChildren;
  /** Buttons and links beside the one that sends. */
  beside?: ComponentChildren;
  name?: string;
  danger?: boolean;
}

interface Answered {
  refusal: Refusal | null;
  /** Rises with every answer, and not when a fault is mended. */
  count: number;
}

const Answer = createContext<Answered>({ refusal: null, count: 0 });
const Kept = createContext<ReadonlyMap<string, string>>(new Map());

export function useFault(field: string): string | null {
  return useContext(Answer).refusal?.fields[field] ?? null;
}

/** What was typed into a field before it went away, for when it is back. */
export function useKept(field: string): string | undefined {
  return useContext(Kept).get(field);
}

export function Form({ label, action, children, beside, name, danger = false }: FormProps) {
  const [answered, setAnswered] = useState<Answered>({ refusal: null, count: 0 });
  const [isSending, setSending] = useState(false);
  const busy = useRef(false);
  const form = useRef<HTMLFormElement>(null);
  const kept = useRef(new Map<string, string>()).current;
  // After the paint: the fields are marked by then.
  useEffect(() => {
    if (answered.count > 0) focusOnFault(form.current);
  }, [answered.count]);

  const send = async (event: Event) => {
    event.preventDefault();
    if (busy.current || !form.current) return;
    busy.current = true;
    setSending(true);
    const content = new FormData(form.current);
    const typed: Typed = (field) => String(content.get(field) ?? "");
    const refusal = await action(typed);
    busy.current = false;
    setSending(false);
    setAnswered(({ count }) => ({ refusal, count: refusal ? count + 1 : count }));
  };

  const keep = ({ target }: Event) => {
    if (target instanceof HTMLInputElement && target.type !== "password") kept.set(target.name, target.value);
  };

  // What is being mended is no longer marked.
  const mend = (event: Event) => {
    keep(event);
    const field = event.target instanceof HTMLElement ? (event.target.getAttribute("name") ?? "") : "";
    const { refusal } = answered;
    if (!refusal || !(field in refusal.fields)) return;
    const { [field]: _mended, ...fields } = refusal.fields;
    setAnswered({ ...answered, refusal: { ...refusal, message: Object.keys(fields).length > 0 ? refusal.message : "", fields } });
  };

  return (
    <form ref={form} onSubmit={send} onInput={mend} noValidate aria-label={name} aria-busy={isSending}>
      <Answer.Provider value={answered}>
        <Summary refusal={answered.refusal} />
        <Kept.Provider value={kept}>{children}</Kept.Provider>
        <div class="buttons">
          <button type="submit" class={danger ? "danger" : "primary"} aria-disabled={isSending}>
            {label}
          </button>
          {beside}
        </div>
      </Answer.Provider>
    </form>
  );
}

function Summary({ refusal }: { refusal: Refusal | null }) {
  const { words, time } = useSpeech();
  return (
    <div role="alert" tabIndex={-1} class="summary">
      {refusal?.message && (
        <Notice kind="bad">
          {refusal.message} {refusal.retryAt && words.common.retryAt(time(refusal.retryAt))}
        </Notice>
      )}
    </div>
  );
}

/** Go to the first field that is marked, else to the sentence above all. */
function focusOnFault(form: HTMLFormElement | null): void {
  const marked = form?.querySelector<HTMLElement>("[aria-invalid=true]");
  for (let part = marked?.parentElement; part; part = part.parentElement) {
    if (part instanceof HTMLDetailsElement) part.open = true;
  }
  (marked ?? form?.querySelector<HTMLElement>(".summary"))?.focus();
}
