import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useWords } from "../i18n";

interface Props {
  sentence: string;
  button: string;
  isDangerous: boolean;
  /** What came of it; empty before. */
  outcome: string;
  /** Send the answer; whether it arrived. */
  answer: () => Promise<boolean>;
  /** What can be done next. */
  children?: ComponentChildren;
}

/** A sentence and a button; then the outcome alone. What did not arrive can be sent again. */
export function LinkAnswer({ sentence, button, isDangerous, outcome, answer, children }: Props) {
  const words = useWords();
  const [hasFailed, setHasFailed] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const busy = useRef(false);
  const told = useRef<HTMLParagraphElement>(null);
  const press = async () => {
    if (busy.current) return;
    busy.current = true;
    setIsBusy(true);
    setHasFailed(!(await answer()));
    busy.current = false;
    setIsBusy(false);
  };
  useLayoutEffect(() => {
    if (outcome && busy.current) told.current?.focus();
  }, [outcome]);
  return (
    <section class="card">
      {!outcome && <p>{sentence}</p>}
      <div role="status">
        {(outcome || hasFailed) && (
          <p ref={told} tabIndex={-1}>
            {outcome || words.links.failed}
          </p>
        )}
      </div>
      {!outcome && (
        <button type="button" class={isDangerous ? "danger solid" : "primary"} aria-disabled={isBusy} onClick={press}>
          {button}
        </button>
      )}
      {children}
    </section>
  );
}
