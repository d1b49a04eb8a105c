// Who is signed in, as long as this page is open.
import { createContext, type ComponentChildren } from "preact";
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useReading } from "./data/queries";
import { SignedOut } from "./data/signedOut";
import { MeDocument, type MeFragment } from "./gql/graphql";
import { chosen } from "./i18n";

export type Account = MeFragment;

interface Session {
  account: Account | null;
  /** Whether the session ended while its page was open: what was typed there is kept. */
  hasExpired: boolean;
  isLoading: boolean;
  problem: string | null;
  refresh(): void;
  /** The holder leaves on purpose: nothing is kept. */
  leave(): void;
}

const Current = createContext<Session | null>(null);

export function SessionProvider({ children }: { children: ComponentChildren }) {
  const { data, problem, reload } = useReading(MeDocument, {});
  const found = data?.me ?? null;
  const kept = useRef<Account | null>(null);
  const [left, setLeft] = useState(false);
  if (found && !left) kept.current = found;
  if (left) kept.current = null;
  useEffect(() => {
    if (!found) setLeft(false);
    else chosen.set(found.language);
  }, [found]);

  const leave = useCallback(() => {
    setLeft(true);
    reload();
  }, [reload]);
  const account = left ? null : (found ?? kept.current);
  const session = useMemo<Session>(
    () => ({
      account,
      hasExpired: !found && account !== null,
      isLoading: data === undefined,
      problem,
      refresh: reload,
      leave,
    }),
    [account, found, data, problem, reload, leave],
  );
  useFreshness(reload, account?.pendingEmailChange != null);
  return (
    <SignedOut.Provider value={reload}>
      <Current.Provider value={session}>{children}</Current.Provider>
    </SignedOut.Provider>
  );
}

export function useSession(): Session {
  const session = useContext(Current);
  if (!session) throw new Error("There is no session here.");
  return session;
}

/** What a page has read shows that nobody is signed in any more: have it looked at. */
export function useAbsence(isAbsent: boolean): void {
  const { refresh } = useSession();
  useEffect(() => {
    if (isAbsent) refresh();
  }, [isAbsent, refresh]);
}

/** The account of a page that only its holder sees. */
export function useAccount(): Account {
  const { account } = useSession();
  if (!account) throw new Error("Nobody is signed in here.");
  return account;
}

const WAITING = 3_000;

/** Look again when the window is looked at, and every few seconds while something is pending. */
function useFreshness(reload: () => void, isPending: boolean): void {
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") reload();
    };
    document.addEventListener("visibilitychange", look);
    const timer = isPending ? setInterval(look, WAITING) : undefined;
    return () => {
      document.removeEventListener("visibilitychange", look);
      clearInterval(timer);
    };
  }, [reload, isPending]);
}
