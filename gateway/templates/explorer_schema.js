// What the schema holds: signatures, words to find, and documents. Knows nothing of the page.

const WIDTH = 76; // a selection that is longer goes on lines of its own
const NESTED = 8; // fields of an object within an object: enough to know it by
const ROOTS = { queryType: "query", mutationType: "mutation" };

export const printed = (type) =>
  type.kind === "NON_NULL" ? `${printed(type.ofType)}!`
  : type.kind === "LIST" ? `[${printed(type.ofType)}]`
  : type.name;

export const named = (type) => (type.ofType ? named(type.ofType) : type);

const capital = (name) => name[0].toUpperCase() + name.slice(1);
const small = (name) => name[0].toLowerCase() + name.slice(1);
const isRequired = (input) => input.type.kind === "NON_NULL" && input.defaultValue === null;
const isLeaf = (type) => ["SCALAR", "ENUM"].includes(named(type).kind);
const isPlain = (field) => !field.isDeprecated && !field.args.some(isRequired);

export class Schema {
  constructor(introspected) {
    const types = introspected.types.filter(({ name }) => !name.startsWith("__"));
    this.types = new Map(types.map((type) => [type.name, type]));
    this.roots = Object.entries(ROOTS)
      .filter(([key]) => introspected[key])
      .map(([key, operation]) => ({ operation, type: this.types.get(introspected[key].name) }));
  }

  // The operation that a type's fields are asked by; undefined for all but the roots.
  operationOf(type) {
    return this.roots.find((root) => root.type === type)?.operation;
  }

  // All types and their members that have every word, those that begin with it first.
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const rank = ({ owner, member }) => {
      const name = (member ?? owner).name.toLowerCase();
      const place = `${owner.name}.${member?.name ?? ""}`.toLowerCase();
      const told = `${place} ${said(member ?? owner)}`.toLowerCase();
      if (!words.every((word) => told.includes(word))) return Infinity;
      if (name === words[0]) return 0;
      if (name.startsWith(words[0])) return 1;
      return words.some((word) => name.includes(word)) ? 2 : 3;
    };
    return this.#entries()
      .map((entry) => ({ ...entry, rank: rank(entry) }))
      .filter((entry) => entry.rank < Infinity)
      .sort((one, other) => one.rank - other.rank);
  }

  // A document that asks a field of a root for all that can be asked without further arguments.
  write(operation, field) {
    const declared = field.args.map(({ name, type, defaultValue }) =>
      `$${name}: ${printed(type)}${defaultValue === null ? "" : ` = ${defaultValue}`}`);
    const given = field.args.map(({ name }) => `${name}: $${name}`);
    const list = (items) => (items.length ? `(${items.join(", ")})` : "");
    const asked = { text: field.name + list(given), children: this.#selection(field.type, 1) };
    const head = `${operation} ${capital(field.name)}${list(declared)}`;
    return {
      document: `${lines({ text: head, children: [asked] }, "", false).join("\n")}\n`,
      variables: `${JSON.stringify(this.#samples(field.args), null, 2)}\n`,
    };
  }

  #entries() {
    return [...this.types.values()].flatMap((owner) =>
      [{ owner }, ...members(owner).map((member) => ({ owner, member }))]);
  }

  #selection(reference, depth) {
    if (isLeaf(reference)) return [];
    const type = this.types.get(named(reference).name);
    return type.kind === "OBJECT" ? this.#fields(type, depth) : this.#fragments(type, depth);
  }

  #fields(type, depth) {
    const asked = type.fields.filter(isPlain);
    const leaves = asked.filter((field) => isLeaf(field.type));
    if (depth > 1) return leaves.slice(0, NESTED).map((field) => selected(field));
    // What takes arguments is paged: it is left to whoever wants a page.
    const objects = asked.filter((field) => !isLeaf(field.type) && field.args.length === 0);
    const inside = objects.map((field) => selected(field, this.#selection(field.type, depth + 1)));
    return [...leaves.map((field) => selected(field)), ...inside.filter(hasChildren)];
  }

  // A union: what refusals have in common, and what each member alone has. One name of two types
  // within a selection is refused, so the second gets an alias.
  #fragments(type, depth) {
    const possible = type.possibleTypes.map(({ name }) => this.types.get(name));
    const results = possible.filter((member) => member.interfaces.length === 0);
    const refusals = possible.filter((member) => member.interfaces.length > 0);
    const shared = new Set(refusals.flatMap((member) => member.interfaces.map(({ name }) => name)));
    const common = [...shared].map((name) => this.types.get(name));
    const said = new Set(common.flatMap(({ fields }) => fields.map(({ name }) => name)));
    const known = new Map();
    const fragment = (member, left = new Set()) => {
      const fields = member.fields.filter(({ name }) => !left.has(name));
      const children = this.#fields({ fields }, depth);
      return { text: `... on ${member.name}`, children: apart(member, children, known) };
    };
    const whole = [...results, ...common].map((member) => fragment(member));
    const rest = refusals.map((member) => fragment(member, said)).filter(hasChildren);
    return [{ text: "__typename" }, ...whole, ...rest];
  }

  #samples(inputs) {
    const needed = inputs.filter(isRequired);
    return Object.fromEntries(needed.map(({ name, type }) => [name, this.#sample(type)]));
  }

  #sample(type) {
    if (type.kind === "NON_NULL") return this.#sample(type.ofType);
    if (type.kind === "LIST") return [];
    const { kind, name, enumValues, inputFields } = this.types.get(type.name);
    if (kind === "ENUM") return enumValues[0].name;
    if (kind === "INPUT_OBJECT") return this.#samples(inputFields);
    return { Int: 0, Float: 0, Boolean: false }[name] ?? "";
  }
}

// Fields, input fields or values of a type, whichever it has.
export const members = (type) => type.fields ?? type.inputFields ?? type.enumValues ?? [];

const said = ({ description, args = [], deprecationReason }) =>
  [description, deprecationReason, ...args.flatMap((one) => [one.name, one.description])].join(" ");

function apart(type, asked, known) {
  return asked.map((one) => {
    const given = printed(type.fields.find(({ name }) => name === one.text).type);
    const isOther = (known.get(one.text) ?? given) !== given;
    known.set(one.text, known.get(one.text) ?? given);
    return isOther ? { ...one, text: `${small(type.name)}${capital(one.text)}: ${one.text}` } : one;
  });
}

const hasChildren = ({ children }) => children.length > 0;

const selected = (field, children = []) => ({ text: field.name, children });

function lines({ text, children = [] }, indent, mayBeShort = true) {
  if (children.length === 0) return [indent + text];
  const short = `${indent}${text} { ${children.map((child) => child.text).join(" ")} }`;
  const isFlat = !children.some(({ children: deeper = [] }) => deeper.length);
  if (mayBeShort && isFlat && short.length <= WIDTH) return [short];
  const inner = children.flatMap((child) => lines(child, `${indent}  `));
  return [`${indent}${text} {`, ...inner, `${indent}}`];
}
