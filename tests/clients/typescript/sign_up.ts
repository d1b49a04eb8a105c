// Opens an account, with the code from the mailbox of `make run`: sign_up.js URL EMAIL PASSWORD
import { setTimeout as sleep } from "node:timers/promises";
import { GraphQLClient } from "graphql-request";
import { ConfirmSignUpDocument, SignUpDocument } from "./generated/graphql.js";

const [url, email, password] = process.argv.slice(2);

// Waits for the mail; a person would type what it says.
async function code(): Promise<string> {
  for (let tries = 0; tries < 50; tries += 1) {
    const response = await fetch(`${url}/mailbox/messages?to=${encodeURIComponent(email)}`);
    const [mail] = (await response.json()) as { text: string }[];
    const found = mail?.text.match(/\b[B-Z]{4}-[B-Z]{4}\b/);
    if (found) return found[0];
    await sleep(200);
  }
  throw new Error(`no mail came to ${email}`);
}

const client = new GraphQLClient(`${url}/graphql`);
const person = { firstName: "Bob", lastName: "Durand", country: "FR", language: "EN" } as const;
const { signup } = await client.request(SignUpDocument, { input: { ...person, email, password } });
if (signup?.__typename !== "Challenge") throw new Error(signup?.message);
const { confirmSignup } = await client.request(ConfirmSignUpDocument, {
  input: { challengeId: signup.id, code: await code() },
});
if (confirmSignup?.__typename !== "OpenedSession") throw new Error(confirmSignup?.message);
