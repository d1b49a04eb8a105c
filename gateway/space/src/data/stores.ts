// Values that several parts of the page look at, some of which outlive it.
import { useEffect, useState } from "preact/hooks";

export interface Store<Value> {
  get(): Value;
  set(value: Value): void;
  subscribe(listener: () => void): () => void;
}

export function store<Value>(initial: Value): Store<Value> {
  const listeners = new Set<() => void>();
  let current = initial;
  return {
    get: () => current,
    set(value) {
      if (value === current) return;
      current = value;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<Value>(source: Store<Value>): Value {
  const [value, setValue] = useState(source.get());
  useEffect(() => {
    setValue(source.get());
    return source.subscribe(() => setValue(source.get()));
  }, [source]);
  return value;
}

/** A store that this browser keeps; a browser that keeps nothing has it for this page only. */
export function stored<Value extends string>(
  name: string,
  initial: Value,
  read: (text: string | null) => Value | null,
): Store<Value> {
  const kept = store(read(attempt(() => localStorage.getItem(name)) ?? null) ?? initial);
  return {
    ...kept,
    set(value) {
      attempt(() => localStorage.setItem(name, value));
      kept.set(value);
    },
  };
}

/** What one window remembers over a reload, and forgets when it is closed. Never a password. */
export const remembered = {
  get<Value>(name: string): Value | null {
    const text = attempt(() => sessionStorage.getItem(name));
    return text ? (JSON.parse(text) as Value) : null;
  },
  set(name: string, value: unknown): void {
    attempt(() => sessionStorage.setItem(name, JSON.stringify(value)));
  },
  forget(name: string): void {
    attempt(() => sessionStorage.removeItem(name));
  },
};

// Storage throws where it is switched off.
function attempt<Value>(deed: () => Value): Value | undefined {
  try {
    return deed();
  } catch {
    return undefined;
  }
}
