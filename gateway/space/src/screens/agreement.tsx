// What a partner asks for, or was allowed, and the buttons that answer it.
import { useAction } from "../data/actions";
import {
  GrantConsentDocument,
  RefuseConsentDocument,
  RevokeConsentDocument,
  type AgreementFragment,
} from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Deed } from "../parts/buttons";
import { tell } from "../router";

interface Props {
  consent: AgreementFragment;
}

/** What it is about, in the holder's words; the reason is the partner's. */
export function Agreement({ consent }: Props) {
  const words = useWords();
  return (
    <>
      <p>
        <strong>{consent.partner.name}</strong> {consent.state === "GRANTED" ? words.consents.may : words.consents.asks}
      </p>
      <ul>
        {consent.scopes.map((scope) => (
          <li key={scope}>{words.scopes[scope] ?? scope}</li>
        ))}
      </ul>
      <p>{words.consents.reason}</p>
      <blockquote>{consent.reason}</blockquote>
    </>
  );
}

export function Answers({ consent }: Props) {
  const { words, moment } = useSpeech();
  const grant = useAction(GrantConsentDocument);
  const refuse = useAction(RefuseConsentDocument);
  const answer = (send: typeof grant | typeof refuse, said: string) => async () => {
    const { refusal } = await send({ input: { consentId: consent.id } });
    if (!refusal) tell(said);
    return refusal;
  };
  const { name } = consent.partner;
  return (
    <>
      <p>
        {words.consents.rules} {words.consents.until(moment(consent.expiresAt))}
      </p>
      <div class="buttons">
        <Deed
          label={words.consents.grant}
          name={words.consents.grantOf(name)}
          action={answer(grant, words.consents.granted)}
          kind="primary"
        />
        <Deed
          label={words.consents.refuse}
          name={words.consents.refuseOf(name)}
          action={answer(refuse, words.consents.refused)}
        />
      </div>
    </>
  );
}

export function Revocation({ consent }: Props) {
  const words = useWords();
  const revoke = useAction(RevokeConsentDocument);
  const end = async () => {
    const { refusal } = await revoke({ input: { consentId: consent.id } });
    if (!refusal) tell(words.consents.revoked);
    return refusal;
  };
  return (
    <div class="buttons">
      <Deed
        label={words.consents.revoke}
        name={words.consents.revokeOf(consent.partner.name)}
        action={end}
        kind="danger"
      />
    </div>
  );
}
