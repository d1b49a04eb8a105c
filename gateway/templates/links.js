// Sends the answer of a link in a mail, with the token that stands behind the # of the address.
"use strict";

const MUTATIONS = {
  refuse: `mutation Refuse($id: ID!, $token: String!) {
    answer: refuseEmailChange(input: {emailChangeId: $id, token: $token}) { __typename }
  }`,
  revert: `mutation Revert($id: ID!, $token: String!) {
    answer: revertEmailChange(input: {emailChangeId: $id, token: $token}) { __typename }
  }`,
  report: `mutation Report($token: String!) {
    answer: reportCompromise(input: {token: $token}) { __typename }
  }`,
};
const OUTCOMES = {
  EmailChange: "done",
  CompromiseReported: "done",
  InvalidCodeError: "spent",
  NothingPendingError: "settled",
};

const main = document.querySelector("main");
const button = document.querySelector("#answer");

function show(outcome) {
  for (const text of document.querySelectorAll("[data-outcome]")) {
    text.hidden = text.dataset.outcome !== outcome;
  }
  const again = outcome === "failed";
  button.disabled = false;
  button.hidden = !again;
  document.querySelector("#sentence").hidden = !again;
}

function credential() {
  const [id, token, ...rest] = location.hash.slice(1).split(".");
  return id && token && rest.length === 0 ? { id, token } : null;
}

async function send({ id, token }) {
  const kind = main.dataset.kind;
  const response = await fetch("/graphql", {
    method: "POST",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      query: MUTATIONS[kind],
      variables: kind === "report" ? { token } : { id, token },
    }),
  });
  const { data } = await response.json();
  return OUTCOMES[data?.answer?.__typename] ?? "failed";
}

button.addEventListener("click", async () => {
  button.disabled = true;
  const outcome = await send(credential()).catch(() => "failed");
  show(outcome);
  // What is used up need not stay in the history.
  if (outcome !== "failed") history.replaceState(null, "", location.pathname);
});

// Another link opened in this window differs behind the # only, which loads nothing by itself.
addEventListener("hashchange", () => location.reload());

if (credential()) button.hidden = false;
else show("incomplete");
