import { deepEqual, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { makeScratchFolder } from './scratch-folder.ts';

test('the folder of a process that is gone is swept, and no other', { skip: !existsSync('/proc/self/ns/pid') }, () => {
  const before = process.env['TMPDIR'];
  const folder = mkdtempSync(join(tmpdir(), 'scratch-'));
  process.env['TMPDIR'] = folder;
  try {
    const gone = spawnSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).stdout.trim();
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    const names = {
      gone: `sockscape-run-${namespace}-${gone}-abcdef`, file: `sockscape-run-${namespace}-${gone}-file`, link: `sockscape-run-${namespace}-${gone}-link`,
      mine: `sockscape-run-${namespace}-${process.pid}-abcdef`, parents: `sockscape-run-${namespace}-${process.ppid}-abcdef`,
      elsewhere: `sockscape-run-1${namespace}-${gone}-abcdef`, another: `sockscape-${gone}`,
    };
    for (const name of ['gone', 'mine', 'parents', 'elsewhere', 'another'] as const) {
      mkdirSync(join(folder, names[name], 'deep'), { recursive: true });
      writeFileSync(join(folder, names[name], 'deep', '0'), 'text');
    }
    writeFileSync(join(folder, names.file), 'text');
    symlinkSync(names.another, join(folder, names.link));
    const made = basename(makeScratchFolder());
    match(made, new RegExp(`^sockscape-run-${namespace}-${process.pid}-\\w{6}$`));
    const { gone: _gone, ...stay } = names;
    deepEqual(readdirSync(folder).sort(), [...Object.values(stay), made].sort());
    deepEqual(readdirSync(join(folder, names.another, 'deep')), ['0'], 'what a link points to stays');
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(folder, { recursive: true, force: true });
  }
});
