import { MailsDocument, type MailsQuery } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Page } from "../parts/page";
import { Pages } from "../parts/pages";

type Mail = NonNullable<NonNullable<MailsQuery["me"]>["mails"]>["edges"][number]["node"];

export default function Mails() {
  const words = useWords();
  return (
    <Page title={words.mails.title} lead={words.mails.text}>
      <Pages
        document={MailsDocument}
        connection={(data) => data.me?.mails ?? null}
        line={(mail) => <Line key={mail.id} mail={mail} />}
        none={words.mails.none}
      />
    </Page>
  );
}

function Line({ mail }: { mail: Mail }) {
  const { words, moment } = useSpeech();
  return (
    <li class="mail">
      <span class="faint">
        {moment(mail.sentAt ?? mail.queuedAt)} · {words.mails.to(mail.to)} · {words.mailStates[mail.state]}
      </span>
      {mail.subject ? (
        <details>
          <summary>{mail.subject}</summary>
          <div class="text">
            {mail.text.split(/\n{2,}/).map((paragraph, place) => (
              <p key={place}>{paragraph}</p>
            ))}
          </div>
        </details>
      ) : (
        <p>{words.mails.writing}</p>
      )}
    </li>
  );
}
