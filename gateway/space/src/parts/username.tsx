import { useAccount } from "../session";

/** For whom a password is asked again: password managers want to know, people do not. */
export function Username() {
  const { nicHandle } = useAccount();
  return (
    <input type="text" class="hidden" autocomplete="username" value={nicHandle} tabIndex={-1} aria-hidden="true" readOnly />
  );
}
