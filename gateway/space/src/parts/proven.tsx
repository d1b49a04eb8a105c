import { useWords } from "../i18n";

export function Proven({ isProven }: { isProven: boolean }) {
  const words = useWords();
  return <span class={isProven ? "badge good" : "badge warn"}>{isProven ? words.common.yes : words.common.notYet}</span>;
}
