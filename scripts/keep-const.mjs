/**
 * An esbuild plugin: what the sources declare with `const` at the top level stays a constant in the bundles
 * (docs/decisions/0004-bundles-keep-const.md).
 *
 * esbuild makes `var` of it. V8 folds a constant of a module into the code that it compiles, and loads a variable anew
 * each time: counters, flags and states are asked for dozens of times a segment (measured on Node 20.20: 7 to 10 % of
 * ping-pong, UDP and bulk). What a module exports or imports V8 loads anew, too, so that chunks get constants of their own
 * for it. Look again when esbuild keeps `const`, or when V8 tracks variables that never change.
 *
 * Used by build.mjs and bundle.mjs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
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

/** What the top level declares and nothing assigns to. */
function fixedNames(program) {
  const assigned = assignedNames(program);
  const fixed = new Set();
  for (const statement of program.body) {
    const names =
      statement.type === 'VariableDeclaration' && statement.kind === 'const' ? statement.declarations.map(({ id }) => id.name)
      : statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration' ? [statement.id.name]
      : [];
    for (const name of names) if (name !== undefined && !assigned.has(name)) fixed.add(name);
  }
  return fixed;
}

/** An import or export of esbuild's with each of its names as `of` writes it. Lines stay as many as they were. */
function rewritten(code, node, of) {
  let text = '';
  let from = node.start;
  for (const specifier of node.specifiers) {
    text += code.slice(from, specifier.start) + of(specifier);
    from = specifier.end;
  }
  return text + code.slice(from, node.end);
}

/**
 * Chunks with constants of their own for what they import and export: inside, a name is the constant; across, it is another.
 * `files`: texts by path, after `keepConst`; all of one build. Chunks of esbuild import each other in one direction only.
 */
export function keepConstAcross(files) {
  const programs = new Map();
  for (const [path, code] of files) {
    if (/\.m?js$/.test(path)) programs.set(path, parse(code, { ecmaVersion: 'latest', sourceType: 'module' }));
  }
  /** By path: the exported names that never change. */
  const exported = new Map();
  for (const [path, program] of programs) {
    const fixed = fixedNames(program);
    const names = new Set();
    for (const node of program.body) {
      if (node.type !== 'ExportNamedDeclaration' || node.source !== null) continue;
      for (const { local, exported: name } of node.specifiers) if (fixed.has(local.name)) names.add(name.name);
    }
    exported.set(path, names);
  }
  const result = new Map(files);
  for (const [path, program] of programs) {
    const code = files.get(path);
    const fixed = fixedNames(program);
    let text = '';
    let from = 0;
    for (const node of program.body) {
      const constants = [];
      let part = null;
      if (node.type === 'ImportDeclaration') {
        const { value } = node.source;
        const names = value.startsWith('.') ? exported.get(posix.join(posix.dirname(path), value)) : undefined;
        if (names === undefined) continue;
        part = rewritten(code, node, ({ type, imported, local }) => {
          if (type !== 'ImportSpecifier' || !names.has(imported.name)) return code.slice(local.start, local.end);
          constants.push(`${local.name} = ${local.name}$in`);
          return `${imported.name} as ${local.name}$in`;
        });
        if (constants.length > 0) part += ` const ${constants.join(', ')};`;
      } else if (node.type === 'ExportNamedDeclaration' && node.source === null && node.declaration === null) {
        part = rewritten(code, node, ({ local, exported: name }) => {
          if (!fixed.has(local.name)) return code.slice(local.start, name.end);
          constants.push(`${local.name}$out = ${local.name}`);
          return `${local.name}$out as ${name.name}`;
        });
        if (constants.length > 0) part = `const ${constants.join(', ')}; ${part}`;
      }
      if (part === null) continue;
      text += code.slice(from, node.start) + part;
      from = node.end;
    }
    result.set(path, text + code.slice(from));
  }
  return result;
}

export const keepConstPlugin = {
  name: 'keep-const',
  setup(build) {
    build.initialOptions.write = false;
    build.onEnd(({ outputFiles = [] }) => {
      const scripts = outputFiles.filter(({ path }) => /\.m?js$/.test(path));
      const texts = keepConstAcross(new Map(scripts.map(({ path, text }) => [path, keepConst(text)])));
      for (const { path, contents } of outputFiles) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, texts.get(path) ?? contents);
      }
    });
  },
};
