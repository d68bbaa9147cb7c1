/** Settings keep what they promise: each is read by the code, or setting it fails and docs/deviations.md says so. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GUARANTEES, NOT_IMPLEMENTED, Settings } from '../../src/base/settings.ts';

const root = process.env['SOCKSCAPE_ROOT'] ?? process.cwd();

test('what is not implemented keeps its default, or takes what is true of us all the same, and the documents list it', () => {
  const deviations = readFileSync(join(root, 'docs/deviations.md'), 'utf8');
  for (const [name, also] of Object.entries(NOT_IMPLEMENTED)) {
    const settings = new Settings();
    const standing = settings.get(name) as string;
    for (const value of [standing, ...also]) ok(settings.set(name, value), `${name}=${value}`);
    const refused = standing.split('\t').map((word) => String(Number(word) + 7)).join(' ');
    equal(settings.refusal(name, refused), 'this is not implemented yet');
    const short = name.replace(/^net\.ipv[46]\.(conf\.all\.|neigh\.default\.)?/, '');
    ok(deviations.includes(short), `${short} in docs/deviations.md`);
  }
});

test('every setting is read by somebody, or refused, or a guarantee that needs nobody', () => {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
  const text = files.filter((file) => /\.ts$/.test(file) && !/(test|settings|testing)\.ts$/.test(file))
    .map((file) => readFileSync(join(src, file), 'utf8')).join('\n');
  const settings = new Settings();
  const read = new Set(text.match(/\b\w+\b/g));
  const inert: string[] = [];
  for (const field of Object.keys(settings) as (keyof Settings)[]) {
    if (typeof settings[field] === 'object') continue;
    // Setting the field alone tells the name: the one whose text changes.
    const probe = new Settings();
    Object.assign(probe, { [field]: 'probe' });
    const name = settings.names().find((candidate) => probe.get(candidate) !== settings.get(candidate));
    ok(name !== undefined, `${field} has a name`);
    if (!read.has(field) && !GUARANTEES.includes(field) && !Object.hasOwn(NOT_IMPLEMENTED, name)) inert.push(name);
  }
  deepEqual(inert, []);
  const { ipv4, ipv6 } = settings.interfaces;
  for (const field of [...Object.keys(ipv4.all), ...Object.keys(ipv6.all)]) ok(read.has(field), `${field} is read`);
});
