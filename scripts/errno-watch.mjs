/**
 * An esbuild plugin for the bundles of tests: whatever error a call of ours fails with, test/tools/errno-watch.ts hears of it and holds it against
 * docs/errors.md when the test's process ends. `src/api/posix/errors.ts`, where every such Error is made, is the only file it changes.
 *
 * Used by unit.mjs; nothing that is published is built with it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PLACE = '  const code = errnoName(errno);\n';

/** The source of errors.ts with a word to the watch; throws where its place is gone. */
export function watched(source, watch) {
  if (source.split(PLACE).length !== 2) throw new Error(`errno-watch: src/api/posix/errors.ts has not one line ${PLACE.trim()}`);
  const heard = source.replace(PLACE, `${PLACE}  errnoReturned(syscall, code);\n`);
  return `import { errnoReturned } from ${JSON.stringify(watch)};\n${heard}`;
}

export function errnoWatchPlugin(root) {
  return {
    name: 'errno-watch',
    setup(build) {
      build.onLoad({ filter: /[/\\]src[/\\]api[/\\]posix[/\\]errors\.ts$/ }, ({ path }) => (
        { contents: watched(readFileSync(path, 'utf8'), join(root, 'test/tools/errno-watch.ts')), loader: 'ts' }
      ));
    },
  };
}
