// Lighthouse's three scores of some pages: the median of five visits each, as on a slow phone.
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const [origin, cookie] = process.argv.slice(2);
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const PAGES = ["/", "/signup", "/links/revert#1.2"];
const HOLDERS = ["/", "/account", "/account/email"];
const VISITS = 5;
const ENOUGH = 95;

const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

async function scores(address, extraHeaders) {
  const chrome = await launch({ chromeFlags: ["--headless=new", "--no-sandbox"] });
  try {
    const found = await lighthouse(address, { port: chrome.port, onlyCategories: CATEGORIES, logLevel: "error", extraHeaders });
    const { categories, audits } = found.lhr;
    for (const name of CATEGORIES) {
      const lost = categories[name].auditRefs.filter(({ id, weight }) => weight > 0 && audits[id].score !== null && audits[id].score < 0.5);
      for (const { id } of lost) console.log(`    ${id}: ${audits[id].displayValue ?? audits[id].title}`);
    }
    return CATEGORIES.map((name) => Math.round(categories[name].score * 100));
  } finally {
    chrome.kill();
  }
}

let failed = 0;
let passed = 0;
console.log(`page${" ".repeat(26)}${CATEGORIES.join("  ")}`);
for (const [path, headers] of [...PAGES.map((path) => [path, {}]), ...HOLDERS.map((path) => [path, { Cookie: cookie }])]) {
  const visits = [];
  for (let visit = 0; visit < VISITS; visit += 1) visits.push(await scores(origin + path, headers));
  const medians = CATEGORIES.map((_name, place) => median(visits.map((visit) => visit[place])));
  const isGood = medians.every((score) => score >= ENOUGH);
  if (isGood) passed += 1;
  else failed += 1;
  const who = headers.Cookie ? `${path} (signed in)` : path;
  console.log(`${who.padEnd(30)}${medians.map((score, place) => String(score).padEnd(CATEGORIES[place].length + 2)).join("")}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
