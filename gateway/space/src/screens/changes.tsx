// How a change of the primary address ended, in sentences.
import type { ChangeFragment } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import type { Words } from "../i18n/en";
import { Notice } from "../parts/notice";
import { useAccount } from "../session";
import { useEndings } from "./endings";

export function sentenceAbout(change: ChangeFragment, words: Words): string {
  switch (change.state) {
    case "PENDING":
      return words.email.pendingText(change.formerEmail, change.newEmail);
    case "DONE":
      return (change.acceptedBy === "SILENCE" ? words.email.doneSilence : words.email.doneCode)(change.newEmail);
    case "REFUSED":
      return words.email.refused(change.newEmail);
    case "REVERTED":
      return words.email.reverted(change.newEmail);
    case "ABORTED":
      return [words.email.aborted(change.newEmail), change.abortReason ? words.abortReasons[change.abortReason] : ""].join(" ");
  }
}

/** How it was accepted or why it was dropped, in few words. */
export function howOf(change: ChangeFragment, words: Words): string {
  if (change.abortReason) return words.abortReasons[change.abortReason];
  return change.acceptedBy ? words.email.by[change.acceptedBy] : "";
}

/** What has become of the change that this page saw pending; spoken, as it happens by itself. */
export function LastChange() {
  const words = useWords();
  const ended = useEndings(useAccount());
  return (
    <div role="status">
      {ended && (
        <Notice kind={ended.state === "DONE" ? "good" : "bad"}>
          <p>{sentenceAbout(ended, words)}</p>
          <Revertible change={ended} />
        </Notice>
      )}
    </div>
  );
}

function Revertible({ change }: { change: ChangeFragment }) {
  const { words, moment } = useSpeech();
  return change.revertibleUntil ? <p>{words.email.revertible(moment(change.revertibleUntil))}</p> : null;
}
