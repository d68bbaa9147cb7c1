/**
 * The package's version.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the package.json above this file, wherever the build has put it. */
export function version(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
      if (manifest.name === 'sockscape' && manifest.version !== undefined) return manifest.version;
    } catch {
      // No package.json here.
    }
    if (folder === dirname(folder)) return 'unknown';
  }
}
