/**
 * The public entries, found in src/entry/, and the part of package.json's `exports` that follows from them. Used by
 * build.mjs and check-package.mjs.
 *
 *   src/entry/NAME.ts                             isomorphic: the same file for Node and pages
 *   src/entry/NAME.node.ts + NAME.browser.ts      isomorphic: binds the environment of each
 *   src/entry/node.ts, register.ts, spawned.ts, test.ts   Node only
 *   src/entry/browser.ts                          pages and workers only
 *   src/entry/index.ts (or index.node.ts ...)     the entry `.`
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const NODE_ONLY = new Set(['node', 'register', 'spawned', 'test']);
const BROWSER_ONLY = new Set(['browser']);

/** All entries: `{ name, node, browser }`, the last two a path from `root` or null. */
export function findEntries(root) {
  const folder = 'src/entry';
  if (!existsSync(join(root, folder))) return [];
  const files = new Set(
    readdirSync(join(root, folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')),
  );
  const names = new Set();
  for (const file of files) {
    const base = file.replace(/\.ts$/, '');
    if (!base.includes('.')) names.add(base);
    else if (/^[^.]+\.(node|browser)$/.test(base)) names.add(base.split('.')[0]);
  }
  const pick = (name, environment) => {
    const file = [`${name}.${environment}.ts`, `${name}.ts`].find((candidate) => files.has(candidate));
    return file ? `${folder}/${file}` : null;
  };
  return [...names].sort().map((name) => ({
    name,
    node: BROWSER_ONLY.has(name) ? null : pick(name, 'node'),
    browser: NODE_ONLY.has(name) ? null : pick(name, 'browser'),
  }));
}

/** What `exports` must hold for `entries`. The most special condition stands first, since the first match wins. */
export function exportsOf(entries) {
  const target = (environment, name) => ({
    types: `./dist/${environment}/${name}.d.ts`,
    default: `./dist/${environment}/${name}.js`,
  });
  const exported = {};
  for (const { name, node, browser } of entries) {
    const key = name === 'index' ? '.' : `./${name}`;
    if (node && browser) exported[key] = { browser: target('browser', name), default: target('node', name) };
    else exported[key] = target(node ? 'node' : 'browser', name);
  }
  exported['./package.json'] = './package.json';
  return exported;
}
