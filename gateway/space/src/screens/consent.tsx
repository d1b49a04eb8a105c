// The page behind the link in a partner's request. Unlike the other links it has no token, only an
// id: who answers is signed in, and sees first what was asked of them.
import { LatestConsentsDocument, type AgreementFragment } from "../gql/graphql";
import { useReading } from "../data/queries";
import { useWords } from "../i18n";
import { Loaded } from "../parts/loading";
import { Page } from "../parts/page";
import { Link, usePlace } from "../router";
import { useAbsence } from "../session";
import { Agreement, Answers } from "./agreement";

export default function Consent() {
  const words = useWords();
  const id = usePlace().fragment;
  const reading = useReading(LatestConsentsDocument, {});
  useAbsence(reading.data?.me === null);
  return (
    <Page title={words.consents.requestTitle}>
      <section class="card">
        {id ? (
          <Loaded reading={reading}>
            {({ me }) => <Request asked={me?.consents?.edges.find(({ node }) => node.id === id)?.node} />}
          </Loaded>
        ) : (
          <p>{words.links.incomplete}</p>
        )}
      </section>
    </Page>
  );
}

function Request({ asked }: { asked: AgreementFragment | undefined }) {
  const words = useWords();
  if (!asked) return <p>{words.consents.unknown}</p>;
  if (asked.state === "PENDING") {
    return (
      <>
        <Agreement consent={asked} />
        <Answers consent={asked} />
      </>
    );
  }
  const isAnswered = asked.state === "GRANTED" || asked.state === "REFUSED";
  return (
    <>
      <p>
        <strong>{asked.partner.name}</strong> <span class="badge">{words.consentStates[asked.state]}</span>
      </p>
      <p>{words.consents.settled}</p>
      <div class="buttons">
        {isAnswered && asked.redirectUrl && /^https?:/.test(asked.redirectUrl) && (
          <a class="button primary" href={asked.redirectUrl} rel="noreferrer">
            {words.consents.back(asked.partner.name)}
          </a>
        )}
        <Link to="consents" class="button">
          {words.consents.all}
        </Link>
      </div>
    </>
  );
}
