import { ConsentsDocument, type AgreementFragment } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Page } from "../parts/page";
import { Pages } from "../parts/pages";
import { Agreement, Answers, Revocation } from "./agreement";

export default function Consents() {
  const words = useWords();
  return (
    <Page title={words.consents.title} lead={words.consents.text}>
      <Pages
        document={ConsentsDocument}
        connection={(data) => data.me?.consents ?? null}
        line={(consent) => <Line key={consent.id} consent={consent} />}
        none={words.consents.none}
      />
    </Page>
  );
}

function Line({ consent }: { consent: AgreementFragment }) {
  const { words, moment } = useSpeech();
  const isOpen = consent.state === "PENDING" || consent.state === "GRANTED";
  const used = consent.lastUsedAt && words.consents.used(moment(consent.lastUsedAt));
  const about = (
    <>
      <strong>{consent.partner.name}</strong>{" "}
      <span class={consent.state === "GRANTED" ? "badge good" : "badge"}>{words.consentStates[consent.state]}</span>
      <br />
      <span class="faint">{[words.consents.asked(moment(consent.requestedAt)), used].filter(Boolean).join(" · ")}</span>
    </>
  );
  if (!isOpen) return <li>{<span>{about}</span>}</li>;
  return (
    <li class="mail">
      <p>{about}</p>
      <Agreement consent={consent} />
      {consent.state === "PENDING" ? <Answers consent={consent} /> : <Revocation consent={consent} />}
    </li>
  );
}
