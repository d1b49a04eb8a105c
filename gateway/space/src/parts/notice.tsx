import type { ComponentChildren } from "preact";

/** A sentence set apart. Colour never tells alone: the sentence says it. */
export function Notice({ kind = "plain", children }: { kind?: "plain" | "good" | "bad"; children: ComponentChildren }) {
  return <div class={`notice ${kind}`}>{children}</div>;
}
