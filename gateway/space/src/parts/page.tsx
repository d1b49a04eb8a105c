// One page: its heading, where the focus goes on arrival, and what the last page has to tell.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useStore } from "../data/stores";
import { useWords } from "../i18n";
import { flash, usePlace } from "../router";
import { Notice } from "./notice";

interface PageProps {
  title: string;
  lead?: ComponentChildren;
  children?: ComponentChildren;
}

export function Page({ title, lead, children }: PageProps) {
  const words = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  const { visit } = usePlace();
  const said = useStore(flash);
  useEffect(() => {
    document.title = title === words.space ? title : `${title} · ${words.space}`;
  }, [title, words]);
  useLayoutEffect(() => {
    // The page that was loaded begins at its top by itself.
    if (visit > 0) heading.current?.focus({ preventScroll: true });
  }, [visit]);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <div role="status">{said && <Notice kind="good">{said}</Notice>}</div>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </>
  );
}
