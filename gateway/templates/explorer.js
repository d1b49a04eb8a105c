// Runs operations and shows their answers. What is typed here stays in the memory of this page.
import { Documentation, element } from "./explorer_documentation.js";

const KEPT = 50; // operations in the history
const COLOURED = 200_000; // characters; beyond, colours would take longer than the answer
const WORDS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;

const at = (id) => document.getElementById(id);
const asked = at("document");
const variables = at("variables");
const history = [];
let running = null;
let mayLeave = false;

// Typing --------------------------------------------------------------------------------------

// As by hand, so that it can be undone by hand.
function type(area, text) {
  area.focus();
  if (document.execCommand("insertText", false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
}

function replace(area, text) {
  area.focus();
  area.select();
  type(area, text);
  area.setSelectionRange(0, 0);
  area.scrollTop = 0;
}

function fill(written) {
  replace(variables, written.variables);
  replace(asked, written.document);
  offerNames();
}

function onKey(event) {
  const area = event.target.closest("textarea");
  if (event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  } else if (event.key === "Tab" && !event.shiftKey && area === asked && !mayLeave) {
    event.preventDefault();
    type(area, "  ");
  } else if (event.key === "Enter" && area) {
    event.preventDefault();
    const line = area.value.slice(0, area.selectionStart).split("\n").pop();
    type(area, `\n${line.match(/^\s*/)[0]}${/[{[(]\s*$/.test(line) ? "  " : ""}`);
  }
  mayLeave = event.key === "Escape";
}

function names(text) {
  const code = text.replace(/"""[^]*?"""|"(?:\\.|[^"\\\n])*"|#.*/g, "");
  const found = code.matchAll(/\b(?:query|mutation|subscription)\s+(\w+)\s*[({@]/g);
  return [...found].map(([, name]) => name);
}

// There is a choice only where there is more than one.
function offerNames() {
  const found = names(asked.value);
  const before = at("name").value;
  at("name").replaceChildren(...found.map((name) => element("option", { value: name }, name)));
  if (found.includes(before)) at("name").value = before;
  at("choice").hidden = found.length < 2;
}

// Running -------------------------------------------------------------------------------------

function request() {
  const text = variables.value.trim();
  const values = text ? JSON.parse(text) : {};
  if (values === null || typeof values !== "object" || Array.isArray(values)) {
    throw new SyntaxError('an object is needed, such as {"input": {}}');
  }
  const operationName = at("choice").hidden ? null : at("name").value;
  return { query: asked.value, variables: values, operationName };
}

function send(wanted, signal) {
  const credential = at("credential").value.trim().replace(/^Bearer\s+/i, "");
  return fetch("/graphql", {
    method: "POST",
    signal,
    credentials: credential ? "omit" : "same-origin",
    referrerPolicy: "no-referrer",
    headers: {
      "Accept": "application/graphql-response+json, application/json;q=0.9",
      "Content-Type": "application/json",
      ...(credential && { Authorization: `Bearer ${credential}` }),
    },
    body: JSON.stringify(wanted),
  });
}

async function run() {
  let wanted;
  at("variables-fault").textContent = "";
  try {
    wanted = request();
  } catch (fault) {
    at("variables-fault").textContent = `These are no variables: ${fault.message}`;
    variables.focus();
    return;
  }
  running?.abort();
  const mine = (running = new AbortController());
  at("outcome").textContent = "Running …";
  at("answer").setAttribute("aria-busy", "true");
  const began = performance.now();
  try {
    const response = await send(wanted, mine.signal);
    const text = await response.text();
    show(response, text, performance.now() - began);
    remember(wanted, response.status);
  } catch (fault) {
    if (mine.signal.aborted) return;
    say(`No answer came: ${fault.message}`, false);
    remember(wanted, "no answer");
  }
  at("answer").removeAttribute("aria-busy");
  if (at("answer").getBoundingClientRect().top > innerHeight / 2) at("answer").scrollIntoView();
}

// Answers -------------------------------------------------------------------------------------

function say(outcome, isGood) {
  at("outcome").textContent = outcome;
  at("outcome").dataset.mood = isGood ? "good" : "bad";
  at("facts").replaceChildren();
  at("extensions").hidden = true;
  at("body").replaceChildren();
  at("body").scrollTop = 0;
}

function show(response, text, milliseconds) {
  const answer = parsed(text);
  const errors = answer?.errors?.length ?? 0;
  const told = errors ? ` · ${errors} ${errors === 1 ? "error" : "errors"}` : "";
  const isGood = response.ok && answer !== null && errors === 0;
  say(`${response.status} ${response.statusText}`.trim() + told, isGood);
  const facts = Object.entries({
    "Time": `${Math.round(milliseconds)} ms`,
    "Size": `${new TextEncoder().encode(text).length.toLocaleString("en")} bytes`,
    "Retry after": response.headers.get("retry-after"),
    "Request id": response.headers.get("x-request-id"),
  }).filter(([, fact]) => fact);
  at("facts").append(...facts.map(([name, fact]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, fact))));
  const { extensions, ...rest } = answer ?? {};
  at("extensions").hidden = extensions === undefined;
  at("extensions-body").replaceChildren(...coloured(extensions));
  at("body").replaceChildren(...(answer ? coloured(rest) : [text]));
}

function parsed(text) {
  try {
    const answer = JSON.parse(text);
    return typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}

function coloured(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  if (text.length > COLOURED) return [text];
  const pieces = [];
  let end = 0;
  for (const { 0: whole, 1: string, 2: colon = "", index } of text.matchAll(WORDS)) {
    const className = colon ? "key" : string ? "string" : "literal";
    pieces.push(text.slice(end, index), element("span", { className }, string ?? whole), colon);
    end = index + whole.length;
  }
  return [...pieces, text.slice(end)];
}

// History: never the credential ---------------------------------------------------------------

function remember(wanted, outcome) {
  const text = wanted.query;
  const name = wanted.operationName ?? names(text)[0] ?? text.trim().split("\n")[0].slice(0, 40);
  const values = `${JSON.stringify(wanted.variables, null, 2)}\n`;
  const kept = { document: text, variables: values, name, outcome, when: new Date() };
  const isAgain = history[0]?.document === text && history[0].variables === values;
  history.splice(0, isAgain ? 1 : 0, kept);
  history.splice(KEPT);
  listHistory();
}

function listHistory() {
  at("history-size").textContent = history.length;
  at("history-list").replaceChildren(...history.map((kept) => {
    const told = `${kept.outcome} · ${kept.when.toLocaleTimeString("en-GB")}`;
    const attributes = { type: "button", onclick: () => fill(kept) };
    const name = element("strong", {}, kept.name);
    return element("li", {}, element("button", attributes, name, " ", element("span", {}, told)));
  }));
}

// The page ------------------------------------------------------------------------------------

function reveal(event) {
  const isShown = at("credential").type === "text";
  at("credential").type = isShown ? "password" : "text";
  event.target.setAttribute("aria-pressed", String(!isShown));
}

async function open() {
  const response = await fetch("/explorer/schema.json", { credentials: "omit" });
  new Documentation((await response.json()).__schema, fill).draw();
}

addEventListener("keydown", onKey);
asked.addEventListener("input", offerNames);
at("run").addEventListener("click", run);
at("reveal").addEventListener("click", reveal);
at("forget").addEventListener("click", () => {
  history.length = 0;
  listHistory();
});
// A page that is left may be kept for the way back: not with a credential.
addEventListener("pagehide", () => { at("credential").value = ""; });
open().catch(() => { at("found").textContent = "The schema did not come; load this page again."; });
