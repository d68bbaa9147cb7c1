/**
 * An esbuild plugin: what the sources declare with `const` at the top level stays `const` in the bundles.
 *
 * esbuild makes `var` of it. V8 folds a constant of a module into the code that it compiles, and loads a variable anew
 * each time: counters, flags and states are asked for dozens of times a segment (measured on Node 20.20: 7 to 10 % of
 * ping-pong, UDP and bulk). Look again when esbuild keeps `const`, or when V8 tracks variables that never change.
 *
 * Used by build.mjs and bundle.mjs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse } from 'acorn';

/** Names that something in the program assigns to, whatever scope they belong to: a name too many costs nothing. */
function assignedNames(program) {
  const names = new Set();
  const target = (node) => {
    if (node === null) return;
    if (node.type === 'Identifier') names.add(node.name);
    else if (node.type === 'ArrayPattern') node.elements.forEach(target);
    else if (node.type === 'ObjectPattern') for (const property of node.properties) target(property.value ?? property.argument);
    else if (node.type === 'AssignmentPattern') target(node.left);
    else if (node.type === 'RestElement') target(node.argument);
  };
  const walk = (node) => {
    if (node.type === 'AssignmentExpression') target(node.left);
    else if (node.type === 'UpdateExpression') target(node.argument);
    else if ((node.type === 'ForOfStatement' || node.type === 'ForInStatement') && node.left.type !== 'VariableDeclaration') target(node.left);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) for (const child of value) if (child?.type !== undefined) walk(child);
      if (value?.type !== undefined) walk(value);
    }
  };
  walk(program);
  return names;
}

/** The code with `const` where a top-level `var` is set once, where it stands. */
export function keepConst(code) {
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  const assigned = assignedNames(program);
  let result = '';
  let from = 0;
  for (const statement of program.body) {
    const isVar = statement.type === 'VariableDeclaration' && statement.kind === 'var';
    if (!isVar || statement.declarations.some(({ id, init }) => init === null || id.type !== 'Identifier' || assigned.has(id.name))) continue;
    result += `${code.slice(from, statement.start)}const`;
    from = statement.start + 'var'.length;
  }
  return result + code.slice(from);
}

export const keepConstPlugin = {
  name: 'keep-const',
  setup(build) {
    build.initialOptions.write = false;
    build.onEnd(({ outputFiles = [] }) => {
      for (const file of outputFiles) {
        mkdirSync(dirname(file.path), { recursive: true });
        writeFileSync(file.path, /\.m?js$/.test(file.path) ? keepConst(file.text) : file.contents);
      }
    });
  },
};
