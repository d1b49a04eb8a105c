// The fields of a profile, as the rules of a country and legal form want them.
import { useState } from "preact/hooks";
import { codes } from "../data/countries";
import { useReading, type Reading } from "../data/queries";
import { ProfileRulesDocument, type LegalForm, type ProfileRulesQuery } from "../gql/graphql";
import { useSpeech, useWords } from "../i18n";
import { Field, Select } from "../parts/fields";
import type { Typed } from "../parts/form";

const FORMS: readonly LegalForm[] = ["INDIVIDUAL", "CORPORATION", "ASSOCIATION", "ADMINISTRATION", "OTHER"];

const AUTOCOMPLETE: Readonly<Record<string, string>> = {
  firstName: "given-name",
  lastName: "family-name",
  organisation: "organization",
  "address.line": "street-address",
  "address.zip": "postal-code",
  "address.city": "address-level2",
  "address.area": "address-level1",
  phone: "tel",
};

export interface Kind {
  country: string;
  legalForm: LegalForm;
}

/** The rules, which change with the country and the legal form that are chosen. */
export function useRules(initial: Kind): { kind: Kind; setKind: (kind: Kind) => void; reading: Reading<ProfileRulesQuery> } {
  const [kind, setKind] = useState(initial);
  return { kind, setKind, reading: useReading(ProfileRulesDocument, kind) };
}

export function KindFields({ kind, setKind }: { kind: Kind; setKind: (kind: Kind) => void }) {
  const { words, language } = useSpeech();
  const names = new Intl.DisplayNames(language, { type: "region" });
  const countries = codes
    .map((code) => ({ value: code, text: names.of(code) ?? code }))
    .sort((one, other) => one.text.localeCompare(other.text, language));
  return (
    <div class="pair">
      <Select
        name="legalForm"
        label={words.fields["legalForm"] ?? ""}
        value={kind.legalForm}
        options={FORMS.map((form) => ({ value: form, text: words.legalForms[form] }))}
        onChange={(value) => setKind({ ...kind, legalForm: FORMS.find((form) => form === value) ?? "OTHER" })}
      />
      <Select
        name="country"
        label={words.fields["country"] ?? ""}
        value={kind.country}
        autocomplete="country"
        options={countries}
        onChange={(country) => setKind({ ...kind, country })}
      />
    </div>
  );
}

interface RuledProps {
  rules: ProfileRulesQuery["profileRules"];
  names: readonly string[];
  values: (name: string) => string;
}

/** Those of the named fields that the rules know. */
export function RuledFields({ rules, names, values }: RuledProps) {
  const words = useWords();
  const shown = names.flatMap((name) => rules.find((rule) => rule.field === name) ?? []);
  return (
    <>
      {shown.map((rule) => (
        <Field
          key={rule.field}
          name={rule.field}
          label={words.fields[rule.field] ?? rule.field}
          hint={rule.example && !rule.mandatory ? words.common.example(rule.example) : undefined}
          isOptional={!rule.mandatory}
          required={rule.mandatory}
          defaultValue={values(rule.field)}
          type={rule.field === "phone" ? "tel" : "text"}
          autocomplete={AUTOCOMPLETE[rule.field] ?? "off"}
        />
      ))}
    </>
  );
}

const orNull = (text: string): string | null => text.trim() || null;

/** What was typed, as both inputs of the schema take it. */
export function profileOf(typed: Typed) {
  return {
    firstName: typed("firstName"),
    lastName: typed("lastName"),
    organisation: orNull(typed("organisation")),
    phone: orNull(typed("phone")),
    vatNumber: orNull(typed("vatNumber")),
    nationalIdentificationNumber: orNull(typed("nationalIdentificationNumber")),
    address: {
      line: orNull(typed("address.line")),
      zip: orNull(typed("address.zip")),
      city: orNull(typed("address.city")),
      area: orNull(typed("address.area")),
    },
  };
}

export const MORE = [
  "address.line",
  "address.zip",
  "address.city",
  "address.area",
  "phone",
  "vatNumber",
  "nationalIdentificationNumber",
] as const;
