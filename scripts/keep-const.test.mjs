/** What the bundles' `var` becomes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepConst } from './keep-const.mjs';

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
