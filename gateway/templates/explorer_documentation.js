// The schema to search and to walk through; the fields of a root write their own documents.
import { Schema, members, named, printed } from "./explorer_schema.js";

const SHOWN = 60; // of what a search finds
const KINDS = {
  OBJECT: "type", INTERFACE: "interface", UNION: "union", ENUM: "enum", SCALAR: "scalar",
  INPUT_OBJECT: "input",
};

export function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

const signature = (...parts) => element("p", { className: "signature" }, ...parts);
// A name never stands on another line than the sign behind it.
const together = (...parts) => element("span", { className: "together" }, ...parts);
const kindOf = (type) => element("span", { className: "kind" }, KINDS[type.kind], " ");

export class Documentation {
  #pane = document.getElementById("documentation");
  #search = document.getElementById("search");
  #found = document.getElementById("found");
  #entries = document.getElementById("entries");
  // Where the reader has been: a text is a search, anything else a type.
  #trail = [""];

  constructor(introspected, fill) {
    this.schema = new Schema(introspected);
    this.fill = fill;
    this.#search.addEventListener("input", () => {
      this.#trail = [this.#search.value];
      this.draw();
    });
  }

  draw() {
    const place = this.#trail.at(-1);
    this.#search.value = typeof place === "string" ? place : "";
    if (typeof place !== "string") this.#drawType(place);
    else if (place.trim()) this.#drawFound(place);
    else this.#drawAll();
    this.#pane.scrollTop = 0;
  }

  #go(type) {
    this.#trail.push(type);
    this.draw();
    this.#entries.querySelector("h3").focus();
  }

  #back() {
    this.#trail.pop();
    this.draw();
    (this.#entries.querySelector("h3") ?? this.#search).focus();
  }

  #drawAll() {
    const others = [...this.schema.types.values()].filter((one) => !this.schema.operationOf(one));
    const names = others.map((type) => element("li", {}, this.#link(type)));
    this.#found.textContent = "Choose a field to write its operation.";
    this.#entries.replaceChildren(
      ...this.schema.roots.flatMap(({ type }) => this.#titled(type.name, type)),
      element("h3", { tabIndex: -1 }, "Types"),
      element("ul", { className: "names" }, ...names),
    );
  }

  #drawFound(text) {
    const found = this.schema.find(text);
    const items = found.slice(0, SHOWN).map(({ owner, member }) =>
      member ? this.#entry(owner, member, true) : this.#typeEntry(owner));
    const more = found.length > SHOWN ? `, the first ${SHOWN} shown` : "";
    this.#found.textContent = `${found.length} found${more}`;
    this.#entries.replaceChildren(element("ul", {}, ...items));
  }

  #drawType(type) {
    const back = { type: "button", className: "back", onclick: () => this.#back() };
    const title = element("h3", { tabIndex: -1 }, kindOf(type), type.name);
    this.#found.textContent = "";
    this.#entries.replaceChildren(
      element("button", back, "← Back"),
      title,
      ...told(type),
      ...this.#listed("implements", type.interfaces ?? []),
      ...this.#listed("one of", type.possibleTypes ?? []),
      ...this.#titled("", type),
    );
  }

  #titled(title, type) {
    const heading = title ? [element("h3", { tabIndex: -1 }, title)] : [];
    const items = members(type).map((member) => this.#entry(type, member, false));
    return items.length ? [...heading, element("ul", {}, ...items)] : heading;
  }

  #listed(words, types) {
    if (types.length === 0) return [];
    const links = types.map((type) => this.#link(type));
    return [signature(`${words} `, ...links.flatMap((link, at) => (at ? [", ", link] : [link])))];
  }

  #typeEntry(type) {
    return element("li", {}, signature(kindOf(type), this.#link(type)), ...told(type));
  }

  // A field, an input field or a value, with what it takes and gives.
  #entry(owner, member, isNamed) {
    const operation = this.schema.operationOf(owner);
    const prefix = isNamed && !operation ? [this.#link(owner), "."] : [];
    const name = operation ? this.#writer(operation, member) : [strong(member.name)];
    const className = member.isDeprecated ? "deprecated" : "";
    const parts = [together(...prefix, ...name), ...this.#taken(member), ...this.#given(member)];
    return element("li", { className }, signature(...parts), ...told(member));
  }

  #writer(operation, field) {
    const onclick = () => this.fill(this.schema.write(operation, field));
    const title = `Write this ${operation}`;
    return [element("button", { type: "button", className: "insert", title, onclick }, field.name)];
  }

  #taken({ args = [] }) {
    return args.flatMap((argument, at) => {
      const end = at === args.length - 1 ? ")" : ", ";
      const type = together(this.#reference(argument.type), standard(argument), end.trim());
      return [`${at ? "" : "("}${argument.name}: `, type, end === ", " ? " " : ""];
    });
  }

  #given(member) {
    if (!member.type) return [];
    return [": ", together(this.#reference(member.type), standard(member))];
  }

  #reference(type) {
    return this.#link(named(type), printed(type));
  }

  #link({ name }, text = name) {
    const onclick = () => this.#go(this.schema.types.get(name));
    return element("button", { type: "button", className: "type", onclick }, text);
  }
}

const strong = (name) => element("span", { className: "member" }, name);
const standard = ({ defaultValue = null }) => (defaultValue === null ? "" : ` = ${defaultValue}`);

function told({ description, isDeprecated, deprecationReason }) {
  const words = description ? [element("p", {}, description)] : [];
  const warning = `Deprecated. ${deprecationReason}`;
  return isDeprecated ? [...words, element("p", { className: "warning" }, warning)] : words;
}
