import { equal, match, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { watched } from './errno-watch.mjs';

test('the watch has its place in the one function that makes errors of calls', () => {
  const source = readFileSync(new URL('../src/api/posix/errors.ts', import.meta.url), 'utf8');
  match(watched(source, '/watch.ts'), /^import \{ errnoReturned \} from "\/watch\.ts";\n[\s\S]*const code = errnoName\(errno\);\n {2}errnoReturned\(syscall, code\);\n/);
  equal(watched(source, '/watch.ts').split('errnoReturned').length, 3);
});

test('without its place there is no bundle: nobody would be watching', () => {
  throws(() => watched('export function systemError() {}\n', '/watch.ts'), /has not one line/);
});
