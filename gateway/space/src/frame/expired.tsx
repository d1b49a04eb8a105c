import { useLayoutEffect, useRef } from "preact/hooks";
import { useWords } from "../i18n";
import { LoginForm } from "../screens/login";
import type { Account } from "../session";

/** In place of the page whose session ended; it comes back as it was. */
export function Expired({ account }: { account: Account }) {
  const words = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {words.problems.expiredTitle}
      </h1>
      <p class="lead">{words.problems.expiredText}</p>
      <section class="card">
        <LoginForm identifier={account.nicHandle} />
      </section>
    </>
  );
}
