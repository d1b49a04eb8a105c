// What stands where something will be: that it is coming, or why it is not.
import type { ComponentChildren } from "preact";
import type { Reading } from "../data/queries";
import { useWords } from "../i18n";
import { Notice } from "./notice";

export function Loading() {
  return (
    <p class="loading" role="status">
      {useWords().common.loading}
    </p>
  );
}

export function Trouble({ sentence, retry }: { sentence: string; retry: () => void }) {
  const words = useWords();
  return (
    <div role="alert">
      <Notice kind="bad">
        <p>{sentence}</p>
        <button type="button" onClick={retry}>
          {words.common.retry}
        </button>
      </Notice>
    </div>
  );
}

interface LoadedProps<Data> {
  reading: Reading<Data>;
  children: (data: Data) => ComponentChildren;
}

export function Loaded<Data>({ reading, children }: LoadedProps<Data>) {
  if (reading.data !== undefined) return <>{children(reading.data)}</>;
  if (reading.problem) return <Trouble sentence={reading.problem} retry={reading.reload} />;
  return <Loading />;
}
