// Reading: data, or the reason why there is none yet, kept fresh when the line comes back.
import type { AnyVariables, TypedDocumentNode } from "@urql/core";
import { useQuery } from "@urql/preact";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { useWords } from "../i18n";
import { connected } from "./client";
import { sentenceOf } from "./problems";

export interface Reading<Data> {
  data: Data | undefined;
  /** A sentence for people when there is nothing to show. */
  problem: string | null;
  isFetching: boolean;
  reload(): void;
}

// Whatever changes an account changes what was read about it, also when that was nothing.
const ABOUT_ACCOUNTS = { additionalTypenames: ["Account"] };

export function useReading<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Reading<Data> {
  const words = useWords();
  const [result, execute] = useQuery<Data, Variables>({
    query: document,
    variables,
    requestPolicy: "cache-and-network",
    context: ABOUT_ACCOUNTS,
  });
  const reload = useCallback(() => execute({ requestPolicy: "network-only" }), [execute]);
  useAgain(reload);
  // What was read before stays in sight while the line is down; half an answer is none.
  const last = useRef<Data | undefined>(undefined);
  if (result.data !== undefined && !result.error) last.current = result.data;
  const data = last.current;
  return {
    data,
    problem: data === undefined && result.error ? sentenceOf(result.error, words) : null,
    isFetching: result.fetching,
    reload,
  };
}

/** Read once more when the line is back. */
function useAgain(reload: () => void): void {
  useEffect(() => {
    let was = connected.get();
    return connected.subscribe(() => {
      const is = connected.get();
      if (is && !was) reload();
      was = is;
    });
  }, [reload]);
}
