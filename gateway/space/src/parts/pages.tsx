// A long list, read page by page as somebody asks for older entries.
import type { TypedDocumentNode } from "@urql/core";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useReading } from "../data/queries";
import { useWords } from "../i18n";
import { useAbsence } from "../session";
import { Loaded } from "./loading";

interface Connection<Node> {
  edges: readonly { node: Node }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

interface PagesProps<Data, Node> {
  document: TypedDocumentNode<Data, { after?: string | null }>;
  connection: (data: Data) => Connection<Node> | null;
  line: (node: Node) => ComponentChildren;
  none: string;
}

export function Pages<Data, Node>(props: PagesProps<Data, Node>) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return (
    <section class="card">
      {cursors.map((cursor, place) => (
        <OnePage
          key={cursor ?? ""}
          {...props}
          after={cursor}
          more={place === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : null}
        />
      ))}
    </section>
  );
}

interface OnePageProps<Data, Node> extends PagesProps<Data, Node> {
  after: string | null;
  more: ((cursor: string) => void) | null;
}

function OnePage<Data, Node>({ document, connection, line, none, after, more }: OnePageProps<Data, Node>) {
  const words = useWords();
  const reading = useReading(document, { after });
  useAbsence(reading.data !== undefined && connection(reading.data) === null);
  return (
    <Loaded reading={reading}>
      {(data) => {
        const found = connection(data);
        const cursor = found?.pageInfo.hasNextPage ? found.pageInfo.endCursor : null;
        if (!found || found.edges.length === 0) return <p class="faint">{none}</p>;
        return (
          <>
            <ul class="rows">{found.edges.map(({ node }) => line(node))}</ul>
            {cursor && more && (
              <button type="button" onClick={() => more(cursor)}>
                {words.common.older}
              </button>
            )}
          </>
        );
      }}
    </Loaded>
  );
}
