import type { Words } from "../i18n/en";

// The order counts: Chrome says that it is Safari as well, and Edge that it is both.
const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
  ["curl/", "curl"],
] as const;
const SYSTEMS = ["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"] as const;

/** A browser in known words, as the mails name it. */
export function browserOf(userAgent: string, words: Words): string {
  const browser = BROWSERS.find(([mark]) => userAgent.includes(mark))?.[1];
  const system = SYSTEMS.find((name) => userAgent.includes(name));
  if (browser && system) return words.sessions.on(browser, system);
  return browser ?? system ?? words.sessions.unknown;
}
