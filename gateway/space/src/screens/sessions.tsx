import { useAction } from "../data/actions";
import { useReading } from "../data/queries";
import { RevokeOtherSessionsDocument, RevokeSessionDocument, SessionsDocument, type SessionsQuery } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { Loaded } from "../parts/loading";
import { Page } from "../parts/page";
import { tell } from "../router";
import { useAbsence } from "../session";
import { browserOf } from "./browsers";

type OpenSession = NonNullable<SessionsQuery["me"]>["sessions"][number];

export default function Sessions() {
  const words = useWords();
  const reading = useReading(SessionsDocument, {});
  useAbsence(reading.data?.me === null);
  return (
    <Page title={words.sessions.title} lead={words.sessions.text}>
      <Loaded reading={reading}>{({ me }) => <List sessions={me?.sessions ?? []} />}</Loaded>
    </Page>
  );
}

function List({ sessions }: { sessions: readonly OpenSession[] }) {
  const words = useWords();
  const revokeOthers = useAction(RevokeOtherSessionsDocument);
  const closeOthers = async () => {
    const { made, refusal } = await revokeOthers({});
    if (made) tell(words.sessions.closedOthers(made.closedSessions));
    return refusal;
  };
  return (
    <section class="card">
      <ul class="rows">
        {sessions.map((session) => (
          <Line key={session.id} session={session} />
        ))}
      </ul>
      {sessions.length > 1 ? (
        <Deed label={words.sessions.closeOthers} action={closeOthers} kind="danger" />
      ) : (
        <p class="faint">{words.sessions.alone}</p>
      )}
    </section>
  );
}

function Line({ session }: { session: OpenSession }) {
  const { words, moment } = useSpeech();
  const revoke = useAction(RevokeSessionDocument);
  const name = browserOf(session.userAgent, words);
  const close = async () => {
    const { made, refusal } = await revoke({ input: { sessionId: session.id } });
    if (made) tell(words.sessions.closed);
    return refusal;
  };
  return (
    <li>
      <span>
        <strong>{name}</strong> {session.current && <span class="badge good">{words.sessions.current}</span>}
        <br />
        <span class="faint">
          {session.ipAddress} · {words.sessions.used} {moment(session.lastUsedAt)}
        </span>
      </span>
      {!session.current && <Deed label={words.sessions.close} name={words.sessions.closeOf(name)} action={close} />}
    </li>
  );
}
