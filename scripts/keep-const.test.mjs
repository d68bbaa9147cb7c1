/** What the bundles' `var` becomes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepConst, keepConstAcross } from './keep-const.mjs';

test('a top-level variable that is set once is a constant', () => {
  assert.equal(keepConst('var A = 1, B = 2;\nvar C = class _C {};\nexport { A, C };'), 'const A = 1, B = 2;\nconst C = class _C {};\nexport { A, C };');
});

test('one that is set again stays a variable, however it is set', () => {
  for (const set of ['x = 2', 'x += 1', 'x++', '--x', '[x] = [1]', '({ a: x } = {})', '({ x = 1 } = {})', '[...x] = []', 'for (x of []);', 'for (x in {});', 'x ??= 1'])
    assert.equal(keepConst(`var x = 1;\nfunction f() { ${set}; }`), `var x = 1;\nfunction f() { ${set}; }`, set);
});

test('without a value at once, or inside a function, it stays as it is', () => {
  const code = 'var later;\nfunction f() { var inner = 1; return inner; }';
  assert.equal(keepConst(code), code);
});

test('a property, a key or a parameter of the same name is no assignment', () => {
  assert.match(keepConst('var x = 1;\nfunction f(o) { o.x = 2; return { x: 3, y: x }; }'), /^const x/);
});

const SHARED = 'let count = 0;\nfunction add() { count++; }\nconst A = 1;\nclass C {}\nexport {\n  A,\n  C as D,\n  add,\n  count\n};\n';

function across(user) {
  const files = keepConstAcross(new Map([['out/chunk.js', SHARED], ['out/map.js.map', 'import {'], ['out/user.js', user]]));
  assert.equal(files.get('out/map.js.map'), 'import {');
  return files;
}

test('what a chunk exports is another name than the one it uses, but for what changes', () => {
  const files = across('');
  const constants = 'const A$out = A, C$out = C, add$out = add; ';
  assert.equal(files.get('out/chunk.js'), SHARED.replace(
    'export {\n  A,\n  C as D,\n  add,\n  count\n}', `${constants}export {\n  A$out as A,\n  C$out as D,\n  add$out as add,\n  count\n}`,
  ));
});

test('what a chunk imports is a constant of its own, line for line where it was', () => {
  const code = 'import {\n  A,\n  D as E,\n  count\n} from "./chunk.js";\nimport { readFileSync } from "node:fs";\nuse(A, E, count, readFileSync);\n';
  const text = across(code).get('out/user.js');
  assert.equal(text, code.replace(
    '{\n  A,\n  D as E,\n  count\n} from "./chunk.js";', '{\n  A as A$in,\n  D as E$in,\n  count\n} from "./chunk.js"; const A = A$in, E = E$in;',
  ));
});

test('a name that is imported and exported again, and a file that imports nothing of ours, are as they were', () => {
  assert.equal(across('import x from "./chunk.js";\nimport "./chunk.js";\nexport { x };').get('out/user.js'), 'import x from "./chunk.js";\nimport "./chunk.js";\nexport { x };');
  assert.equal(across('import { A } from "chunk.js";\nexport { A };').get('out/user.js'), 'import { A } from "chunk.js";\nexport { A };');
});
