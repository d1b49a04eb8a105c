// The two languages, and which one is spoken: the account's, else the chosen one, else the page's.
import { createContext, type ComponentChildren } from "preact";
import { useContext, useLayoutEffect, useMemo } from "preact/hooks";
import { stored } from "../data/stores";
import type { Language } from "../gql/graphql";
import { en, type Words } from "./en";
import { fr } from "./fr";

const DICTIONARIES: Record<Language, Words> = { EN: en, FR: fr };
const served: Language = document.documentElement.lang === "fr" ? "FR" : "EN";

/** The language that somebody chose in this browser before they signed in. */
export const chosen = stored<Language>("nicgate-language", served, (text) => (text === "FR" || text === "EN" ? text : null));

interface Speech {
  words: Words;
  language: Language;
  /** An instant as people write it, in their own time zone. */
  moment(at: string): string;
  day(at: string): string;
  time(at: string): string;
}

const Spoken = createContext<Speech | null>(null);

export function Speaking({ language, children }: { language: Language; children: ComponentChildren }) {
  const speech = useMemo(() => speechOf(language), [language]);
  useLayoutEffect(() => {
    document.documentElement.lang = language.toLowerCase();
  }, [language]);
  return <Spoken.Provider value={speech}>{children}</Spoken.Provider>;
}

export function useSpeech(): Speech {
  const speech = useContext(Spoken);
  if (!speech) throw new Error("Nobody speaks here.");
  return speech;
}

export function useWords(): Words {
  return useSpeech().words;
}

function speechOf(language: Language): Speech {
  const tag = language === "FR" ? "fr-FR" : "en-GB";
  const format = (options: Intl.DateTimeFormatOptions) => {
    const formatter = new Intl.DateTimeFormat(tag, options);
    return (at: string) => formatter.format(new Date(at));
  };
  return {
    language,
    words: DICTIONARIES[language],
    moment: format({ dateStyle: "long", timeStyle: "short" }),
    day: format({ dateStyle: "long" }),
    time: format({ timeStyle: "short" }),
  };
}
