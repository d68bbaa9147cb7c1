/**
 * Modules that were loaded before sockscape and took for themselves what tells the time or draws: what they hold can no
 * longer be replaced. Of CommonJS modules it can be read in their text; ES modules cannot be looked at (their imports follow,
 * but not `const now = Date.now` at their top).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { escapesEverywhere } from './escapes.ts';

const require = createRequire(import.meta.url);

/** How they take it; the first group is what. */
const TAKING: readonly RegExp[] = [
  /\{[^{}]*\b(random(?:Bytes|Int|UUID|Fill|FillSync)|getRandomValues)\b[^{}]*\}\s*=\s*require\(\s*['"](?:node:)?crypto['"]\s*\)/,
  /\{[^{}]*\b(hrtime|uptime)\b[^{}]*\}\s*=\s*(?:process\b|require\(\s*['"](?:node:)?process['"]\s*\))/,
  /[^=!<>]=\s*(?:globalThis\.|global\.)?(Date|Math\.random|process\.hrtime(?:\.bigint)?|process\.uptime|performance\.now)\s*[;,\n]/,
  /\{[^{}]*\b(Date)\b[^{}]*\}\s*=\s*(?:globalThis|global)\b/,
  /\{[^{}]*\b(random)\b[^{}]*\}\s*=\s*Math\b/,
];

let early: readonly string[] = [];

/** Remembers who is there already. */
export function noteEarlyModules(): void {
  early = Object.keys(require.cache);
}

let found: readonly { readonly what: string; readonly where: string }[] | null = null;

/** Tells the world that begins of those. Their texts are read once. */
export function tellEarlyModules(): void {
  found ??= early.flatMap((where) => {
    let text = '';
    try {
      text = readFileSync(where, 'utf8');
    } catch {
      // Not a file: a loader's own.
    }
    return TAKING.flatMap((taking) => taking.exec(text)?.[1] ?? []).map((what) => ({ what, where }));
  });
  for (const { what, where } of found) {
    escapesEverywhere('loaded early', `a module that was loaded before sockscape took ${what} for itself; import sockscape/sim first`, where);
  }
}
