// The fields of forms: a label, a hint, what is wrong, all of it tied to the field for whoever listens.
import type { ComponentChildren, TargetedEvent } from "preact";
import { useId, useState } from "preact/hooks";
import { useWords } from "../i18n";
import { useFault, useKept } from "./form";

interface Described {
  name: string;
  label: string;
  hint?: ComponentChildren;
  isOptional?: boolean;
}

interface Ties {
  id: string;
  name: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

interface FrameProps extends Described {
  children: (ties: Ties) => ComponentChildren;
}

export function Frame({ name, label, hint, isOptional = false, children }: FrameProps) {
  const words = useWords();
  const id = useId();
  const fault = useFault(name);
  const tied = [hint ? `${id}-hint` : "", fault ? `${id}-fault` : ""].filter(Boolean).join(" ");
  return (
    <div class={fault ? "field wrong" : "field"}>
      <label for={id}>
        {label} {isOptional && <span class="faint">{words.common.optional}</span>}
      </label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({ id, name, "aria-describedby": tied || undefined, "aria-invalid": fault ? true : undefined })}
      {fault && (
        <p class="fault" id={`${id}-fault`}>
          {fault}
        </p>
      )}
    </div>
  );
}

/** What the fields of this application ask of an input. */
interface InputProps extends Described {
  type?: "text" | "email" | "tel";
  class?: string;
  defaultValue?: string | undefined;
  required?: boolean;
  autocomplete?: string;
  autocapitalize?: "none" | "characters";
  spellcheck?: boolean;
  onFocus?: () => void;
  onInput?: (event: TargetedEvent<HTMLInputElement>) => void;
}

type BareProps = Omit<InputProps, "label" | "hint" | "isOptional" | "type"> & Ties & { type: "text" | "email" | "tel" | "password" };

/** The types of JSX know one kind of input at a time. */
function Input({ type, ...rest }: BareProps) {
  switch (type) {
    case "email":
      return <input type="email" {...rest} />;
    case "tel":
      return <input type="tel" {...rest} />;
    case "password":
      return <input type="password" {...rest} />;
    case "text":
      return <input type="text" {...rest} />;
  }
}

export function Field({ name, label, hint, isOptional, type = "text", defaultValue, ...input }: InputProps) {
  const initial = useKept(name) ?? defaultValue;
  return (
    <Frame name={name} label={label} hint={hint} isOptional={isOptional ?? false}>
      {(ties) => <Input type={type} defaultValue={initial} {...input} {...ties} />}
    </Frame>
  );
}

export function EmailField(props: InputProps) {
  return (
    <Field type="email" autocomplete="email" autocapitalize="none" spellcheck={false} {...props} />
  );
}

export function PasswordField({ name, label, hint, ...input }: Omit<InputProps, "type" | "isOptional">) {
  const words = useWords();
  const [isShown, setShown] = useState(false);
  return (
    <Frame name={name} label={label} hint={hint}>
      {(ties) => (
        <span class="joined">
          <Input
            autocomplete="current-password"
            autocapitalize="none"
            spellcheck={false}
            {...input}
            {...ties}
            type={isShown ? "text" : "password"}
          />
          <button type="button" aria-pressed={isShown} aria-label={`${isShown ? words.common.hide : words.common.show} · ${label}`} onClick={() => setShown(!isShown)}>
            {isShown ? words.common.hide : words.common.show}
          </button>
        </span>
      )}
    </Frame>
  );
}

export function CodeField({ name = "code", label }: { name?: string; label: string }) {
  const words = useWords();
  return (
    <Field
      name={name}
      label={label}
      hint={words.common.example("BCDF-GHJK")}
      class="code"
      autocomplete="one-time-code"
      autocapitalize="characters"
      spellcheck={false}
    />
  );
}

interface Option {
  value: string;
  text: string;
}

interface SelectProps extends Described {
  options: readonly Option[];
  value: string;
  autocomplete?: string;
  onChange: (value: string) => void;
}

export function Select({ name, label, options, value, autocomplete = "off", onChange }: SelectProps) {
  return (
    <Frame name={name} label={label}>
      {(ties) => (
        <select value={value} autocomplete={autocomplete} onChange={(event) => onChange(event.currentTarget.value)} {...ties}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </Frame>
  );
}
