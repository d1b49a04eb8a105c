// Signs in, reads the account and changes it: quickstart.js URL EMAIL PASSWORD
import { GraphQLClient } from "graphql-request";
import { LogInDocument, MeDocument, UpdateProfileDocument } from "./generated/graphql.js";
import type { UpdateProfileInput } from "./generated/graphql.js";

const [url, identifier, password] = process.argv.slice(2);

async function signedIn(): Promise<GraphQLClient> {
  const { login } = await new GraphQLClient(`${url}/graphql`).request(LogInDocument, {
    input: { identifier, password, transport: "TOKEN" },
  });
  if (login?.__typename !== "OpenedSession") throw new Error(login?.message);
  return new GraphQLClient(`${url}/graphql`, { headers: { Authorization: `Bearer ${login.token}` } });
}

async function updated(client: GraphQLClient, input: UpdateProfileInput): Promise<string> {
  const { updateProfile: result } = await client.request(UpdateProfileDocument, { input });
  switch (result?.__typename) {
    case "Account":
      return `The phone is ${result.phone}, the revision ${result.revision}.`;
    case "InvalidInputError":
      return `${result.fields.map(({ field, code }) => `${field} is ${code}`).join(", ")}.`;
    case "StaleRevisionError":
      return `The profile has moved on to revision ${result.revision}.`;
    case "NotFoundError":
      return result.message; // only partners name an account
    case undefined:
      return "Nothing was changed.";
    default:
      return younger(result); // tsc fails here when a refusal is forgotten
  }
}

// A refusal that the gateway has learned since: its sentence is there all the same.
function younger(refusal: never): string {
  return (refusal as { message: string }).message;
}

const client = await signedIn();
const { me } = await client.request(MeDocument);
if (!me) throw new Error("not signed in");
console.log(`Signed in as ${me.nicHandle}.`);
const expectedRevision = me.revision;
console.log(await updated(client, { phone: "03 20 12 34 56", expectedRevision }));
console.log(await updated(client, { phone: "none", firstName: null }));
console.log(await updated(client, { phone: null, expectedRevision }));
