// The browsers' side of a draft, for tests: reads a list of steps as JSON, prints what each step gives.
// Steps: {do: "edit", doc, field, at, remove, insert}, {do: "apply", doc, update}, {do: "read", doc},
// {do: "other", doc, kind} (what is no plain text); edit and other give the update as base64, read gives the texts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const Y = createRequire(new URL("../../../../web/package.json", import.meta.url))("yjs");
const docs = new Map();

function doc(name) {
  if (!docs.has(name)) docs.set(name, new Y.Doc());
  return docs.get(name);
}

function change(name, edit) {
  const updates = [];
  const keep = (update) => updates.push(update);
  doc(name).on("update", keep);
  doc(name).transact(() => edit(doc(name)));
  doc(name).off("update", keep);
  return Buffer.from(Y.mergeUpdates(updates)).toString("base64");
}

const OTHERS = {
  map: (made) => made.getMap("course").set("x", 1),
  format: (made) => made.getText("course").insert(0, "đậm", { bold: true }),
  embed: (made) => made.getText("course").insertEmbed(0, { image: "x" }),
  array: (made) => made.getArray("course").push([1, "x"]),
  nested: (made) => made.getArray("course").push([new Y.Text("trong")]),
  subdocument: (made) => made.getMap("course").set("x", new Y.Doc()),
};

const STEPS = {
  edit: ({ doc: name, field, at = 0, remove = 0, insert = "" }) =>
    change(name, (made) => {
      made.getText(field).delete(at, remove);
      made.getText(field).insert(at, insert);
    }),
  apply: ({ doc: name, update }) => Y.applyUpdate(doc(name), Buffer.from(update, "base64")),
  read: ({ doc: name }) => {
    const fields = [...doc(name).share.keys()];
    return Object.fromEntries(fields.map((field) => [field, doc(name).getText(field).toString()]));
  },
  other: ({ doc: name, kind }) => change(name, OTHERS[kind]),
};

const steps = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(steps.map((step) => STEPS[step.do](step) ?? null)));
