// The GraphQL client: known documents by their digest, over one endpoint of our own origin.
import { cacheExchange, Client, fetchExchange, type TypedDocumentNode } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { chosen } from "../i18n";
import { store } from "./stores";

/** Whether the last request was answered. */
export const connected = store(true);

let ahead = 0;

/** What the server's clock shows, in milliseconds. */
export const serverNow = (): number => Date.now() + ahead;

async function watched(address: RequestInfo | URL, options?: RequestInit): Promise<Response> {
  try {
    const response = await fetch(address, options);
    const date = response.headers.get("date");
    if (date) ahead = Math.round((Date.parse(date) - Date.now()) / 2000) * 2000;
    connected.set(response.status < 502);
    return response;
  } catch (fault) {
    // Who leaves a page takes their request back: that is no fault of the line.
    if (!(fault instanceof DOMException && fault.name === "AbortError")) connected.set(false);
    throw fault;
  }
}

/** Ask whether the server is there again. */
export async function probe(): Promise<void> {
  await watched("/readyz", { cache: "no-store" }).catch(() => undefined);
}

/** Refusals come in the language that is shown. */
export const spoken = (): Record<string, string> => ({ "Accept-Language": chosen.get().toLowerCase() });

interface Named {
  __meta__?: { hash: string };
}

export function makeClient(): Client {
  return new Client({
    url: "/graphql",
    preferGetMethod: false,
    fetch: watched,
    fetchOptions: () => ({ headers: spoken() }),
    exchanges: [
      cacheExchange,
      persistedExchange({
        enforcePersistedQueries: true,
        enableForMutation: true,
        preferGetForPersistedQueries: false,
        generateHash: async (_text, document) => (document as TypedDocumentNode & Named).__meta__?.hash ?? "",
      }),
      fetchExchange,
    ],
  });
}
