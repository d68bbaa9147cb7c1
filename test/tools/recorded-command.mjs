/**
 * Makes Node load a bundle of the command that records its frames instead of dist/cli.js, and nothing else. Stands in
 * NODE_OPTIONS while frames are recorded (scripts/unit.mjs), so that it reaches commands that tests start by whatever
 * way: bin/sockscape.cjs, npm start.
 */
import { register } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const script = process.env.SOCKSCAPE_RECORDED_COMMAND;

// Hooks run in a thread, which takes its time to start: only the launcher needs it.
if (script && (process.argv[1] ?? '').endsWith('sockscape.cjs')) {
  const from = pathToFileURL(join(root, 'dist/cli.js')).href;
  const to = pathToFileURL(script).href;
  const hooks = `export function resolve(specifier, context, next) {
    return next(specifier, context).then((found) => (found.url === ${JSON.stringify(from)} ? { ...found, url: ${JSON.stringify(to)} } : found));
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
