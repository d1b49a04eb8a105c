// Whom to tell when the server says that nobody is signed in.
import { createContext } from "preact";

export const SignedOut = createContext<() => void>(() => undefined);
