import { ActivityDocument, type ActivityQuery } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Page } from "../parts/page";
import { Pages } from "../parts/pages";
import { browserOf } from "./browsers";

type Entry = NonNullable<NonNullable<ActivityQuery["me"]>["activity"]>["edges"][number]["node"];

export default function Activity() {
  const words = useWords();
  return (
    <Page title={words.activity.title} lead={words.activity.text}>
      <Pages
        document={ActivityDocument}
        connection={(data) => data.me?.activity ?? null}
        line={(entry) => <Line key={entry.id} entry={entry} />}
        none={words.activity.none}
      />
    </Page>
  );
}

function Line({ entry }: { entry: Entry }) {
  const { words, moment } = useSpeech();
  const where = [entry.ipAddress, entry.userAgent ? browserOf(entry.userAgent, words) : null];
  const fields = entry.fields.map((field) => words.fields[field] ?? field).join(", ");
  return (
    <li>
      <span>
        <strong>{words.activities[entry.kind]}</strong>
        {entry.count > 1 && ` · ${words.activity.times(entry.count)}`}
        {fields && ` · ${fields}`}
        {entry.partner && ` · ${entry.partner}`}
        <br />
        <span class="faint">{[moment(entry.at), ...where].filter(Boolean).join(" · ")}</span>
      </span>
    </li>
  );
}
