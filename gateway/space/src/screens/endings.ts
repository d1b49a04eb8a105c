// Which change has ended since this page, or the one before its reload, saw it pending.
import { useEffect, useRef, useState } from "preact/hooks";
import { remembered } from "../data/stores";
import type { ChangeFragment } from "../gql/graphql";
import type { Account } from "../session";

const NAME = "pending-change";

export function useEndings(account: Account): ChangeFragment | null {
  const pending = account.pendingEmailChange?.id ?? null;
  const [seen, setSeen] = useState(() => remembered.get<string>(NAME));
  useEffect(() => {
    if (!pending) return;
    remembered.set(NAME, pending);
    setSeen(pending);
  }, [pending]);
  // Told once: whoever comes back later knows.
  const isTold = useRef(false);
  isTold.current = !pending && seen !== null;
  useEffect(
    () => () => {
      if (isTold.current) remembered.forget(NAME);
    },
    [],
  );
  if (pending || !seen) return null;
  return account.emailChanges?.edges.find(({ node }) => node.id === seen)?.node ?? null;
}
