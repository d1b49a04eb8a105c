// Puts the server audits of graphql-http to the endpoint whose address is the only argument.
import { serverAudits } from "graphql-http";

// As many as the specification's suite has: fewer would be another suite.
const EXPECTED = 61;
const audits = serverAudits({ url: process.argv[2], fetchFn: fetch });
let passed = 0;

for (const audit of audits) {
  const { status, name, reason } = await audit.fn();
  if (status === "ok") passed += 1;
  else console.log(`${status.padEnd(6)} ${audit.id} ${name}\n       ${reason}`);
}
console.log(`${passed} of ${audits.length} audits passed`);
process.exit(passed === audits.length && passed === EXPECTED ? 0 : 1);
