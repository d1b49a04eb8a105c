// Somebody else saved first: what differs, and which of the two shall stand.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Refusal } from "../data/actions";
import { useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { Notice } from "../parts/notice";
import { MORE } from "./profile";

export const COMPARED: readonly string[] = ["firstName", "lastName", "organisation", "country", "legalForm", ...MORE];

interface ConflictProps {
  saved: (name: string) => string;
  typed: (name: string) => string;
  onKeep: () => Promise<Refusal | null>;
  onDrop: () => void;
}

export function Conflict({ saved, typed, onKeep, onDrop }: ConflictProps) {
  const words = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  const differing = COMPARED.filter((name) => saved(name) !== typed(name).trim());
  return (
    <Notice kind="bad">
      <h2 ref={heading} tabIndex={-1}>
        {words.account.conflictTitle}
      </h2>
      <p>{words.account.conflictText}</p>
      <div class="scrolled" tabIndex={0} role="region" aria-label={words.account.conflictTitle}>
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col">{words.account.conflictTheirs}</th>
              <th scope="col">{words.account.conflictMine}</th>
            </tr>
          </thead>
          <tbody>
            {differing.map((name) => (
              <tr key={name}>
                <th scope="row">{words.fields[name]}</th>
                <td>{saved(name) || words.account.empty}</td>
                <td>{typed(name) || words.account.empty}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="buttons">
        <Deed label={words.account.keepMine} action={onKeep} kind="primary" />
        <button type="button" onClick={onDrop}>
          {words.account.takeTheirs}
        </button>
      </div>
    </Notice>
  );
}
