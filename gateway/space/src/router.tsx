// Which page the address names. The paths stand in routes.json: the gateway answers at the same ones.
import type { ComponentChildren } from "preact";
import { store, useStore } from "./data/stores";
import paths from "./routes.json";

export type RouteName = keyof typeof paths;

export interface Place {
  route: RouteName | null;
  /** What stands behind the #, without it. */
  fragment: string;
  /** Rises with every move within the space; 0 is the page that was loaded. */
  visit: number;
}

const names = new Map<string, RouteName>(
  (Object.keys(paths) as RouteName[]).map((name) => [paths[name], name]),
);

/** A sentence that the next page shows once: what was done on the last one. */
export const flash = store("");

const place = store(read(0));

function read(visit: number): Place {
  const path = location.pathname.replace(/(.)\/$/, "$1");
  return { route: names.get(path) ?? null, fragment: location.hash.slice(1), visit };
}

const arrive = () => place.set(read(place.get().visit + 1));

addEventListener("popstate", () => {
  flash.set("");
  arrive();
});
// Another link opened in this window differs behind the # only, which loads nothing by itself.
addEventListener("hashchange", arrive);

export function usePlace(): Place {
  return useStore(place);
}

/** Say what was done on this page, from its top: what was pressed is often gone. */
export function tell(sentence: string): void {
  flash.set(sentence);
  document.querySelector<HTMLElement>("main h1")?.focus();
}

interface Move {
  replace?: boolean;
  say?: string;
  query?: string;
}

export function go(name: RouteName, { replace = false, say = "", query = "" }: Move = {}): void {
  const address = paths[name] + query;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  flash.set(say);
  scrollTo(0, 0);
  arrive();
}

/** What the query of the address asks for; null when there is none of this name. */
export function asked(name: string): string | null {
  return new URLSearchParams(location.search).get(name);
}

export function routeOf(path: string | null): RouteName | null {
  return path === null ? null : (names.get(path) ?? null);
}

export const pathOf = (name: RouteName): string => paths[name];

/** Take what is used up out of the history; what came of it stays there, for a reload. */
export function forgetFragment(outcome: string): void {
  history.replaceState({ outcome }, "", location.pathname);
}

export function outcomeHere(): string | null {
  const state = history.state as { outcome?: string } | null;
  return state?.outcome ?? null;
}

interface LinkProps {
  to: RouteName;
  query?: string;
  class?: string;
  /** What is read out instead, where the text alone says too little. */
  name?: string;
  children?: ComponentChildren;
}

export function Link({ to, query = "", name, children, ...rest }: LinkProps) {
  const here = usePlace().route === to;
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to, { query });
  };
  return (
    <a href={paths[to] + query} onClick={follow} aria-current={here ? "page" : undefined} aria-label={name} {...rest}>
      {children}
    </a>
  );
}
