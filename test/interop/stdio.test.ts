/** stdio beside the machine's C library: what is written when, positions, ends, and printf, byte for byte. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { F_SETPIPE_SZ, O_DIRECT, O_NONBLOCK, SEEK_CUR } from '../../src/api/posix/constants.ts';
import { isErrno } from '../../src/api/posix/errors.ts';
import { Process } from '../../src/api/posix/process.ts';
import * as c from '../../src/api/posix/stdio.ts';
import { root } from './command.ts';
import { VirtualHost } from './hosts.ts';
import { needs } from '../needs.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** What stdio.c answers to commands. */
function theirs(commands: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-stdio-'));
  try {
    const program = join(folder, 'stdio');
    const compiled = spawnSync('cc', ['-w', '-o', program, join(root, 'test/interop/stdio.c')], { encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
    const run = spawnSync(program, { encoding: 'utf8', cwd: folder, input: `${commands.join('\n')}\n` });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same with ours. */
async function ours(commands: readonly string[]): Promise<string> {
  const own = new VirtualHost('stdio');
  const process = new Process(own.host, 'stdio');
  let report = '';
  let ends: [number, number] = [-1, -1];
  let out: c.FILE | null = null;
  let file: c.FILE | null = null;
  const writes = async (): Promise<string> => {
    const sizes = ['writes'];
    const packet = new Uint8Array(1 << 20);
    for (;;) {
      const n = await process.read(ends[0], packet).catch((error: unknown) => {
        if (!isErrno(error, 'EAGAIN')) throw error;
        return -1;
      });
      if (n <= 0) return `${sizes.join(' ')}\n`;
      sizes.push(String(n));
    }
  };
  for (const line of commands) {
    const word = line.split(' ')[0] as string;
    const rest = line.slice(word.length + 1);
    const [a = 0, b = 0] = rest.split(' ').map(Number);
    const stream = out as c.FILE;
    const on = file as c.FILE;
    switch (word) {
      case 'stream':
        ends = await process.pipe(O_DIRECT | O_NONBLOCK);
        await process.fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        out = c.fdopen(process, ends[1], 'w');
        break;
      case 'buffer': report += `buffer ${c.setvbuf(stream, b > 0 ? new Uint8Array(b) : null, a, b)}\n`; break;
      case 'put': {
        const what = rest.slice(rest.indexOf(' ') + 1).replaceAll('|', '\n');
        for (let i = 0; i < a; i++) await c.fputs(what, stream);
        report += await writes();
        break;
      }
      case 'block': report += `block ${await c.fwrite(new Uint8Array(a).fill(98), 1, a, stream)} ${await writes()}`; break;
      case 'flush': report += `flush ${await c.fflush(stream)} ${await writes()}`; break;
      case 'end': {
        const kept = await process.dup(ends[1]);
        report += `end ${await c.fclose(stream)} ${await writes()}`;
        for (const fd of [kept, ends[0]]) await process.close(fd);
        break;
      }
      case 'file':
        if (file !== null) await c.fclose(file);
        file = await c.fopen(process, '/tmp/f', rest).catch(() => null);
        report += `file ${file === null ? 'no' : 'yes'}\n`;
        break;
      case 'write': report += `write ${(await c.fputs(rest, on)) >= 0 ? 1 : 0}\n`; break;
      case 'gets': {
        const got = await c.fgets(a, on);
        report += `gets ${got === null ? 'NULL' : text(got)} eof ${c.feof(on) ? 1 : 0} error ${c.ferror(on) ? 1 : 0}\n`;
        break;
      }
      case 'getc': report += `getc ${await c.fgetc(on)}\n`; break;
      case 'ungetc': report += `ungetc ${c.ungetc(rest.charCodeAt(0), on)}\n`; break;
      case 'read': report += `read ${await c.fread(new Uint8Array(a * b), a, b, on)} eof ${c.feof(on) ? 1 : 0}\n`; break;
      case 'seek': report += `seek ${await c.fseek(on, a, b)}\n`; break;
      case 'tell': report += `tell ${await c.ftell(on)} at ${await process.lseek(c.fileno(on), 0, SEEK_CUR)}\n`; break;
      case 'fflush': report += `fflush ${await c.fflush(on)} at ${await process.lseek(c.fileno(on), 0, SEEK_CUR)}\n`; break;
      default: {
        const value = rest.split(' ')[0] as string;
        const format = rest.slice(value.length + 1);
        const argument = word === 'format-s' ? value : word === 'format-d' ? BigInt(value) : Number(value);
        report += `${c.sprintf(format, argument)}\n`;
      }
    }
  }
  await own.end();
  return report;
}

async function same(commands: readonly string[]): Promise<void> {
  const [expected, actual] = [theirs(commands), await ours(commands)];
  assert.deepEqual(actual.split('\n'), expected.split('\n'));
}

test('what is written when: full, by line, unbuffered, sizes of one\'s own', needs('cc'), async () => {
  const commands: string[] = [];
  const settings = ['', 'buffer 0 0', 'buffer 1 0', 'buffer 2 0', 'buffer 0 100', 'buffer 1 100', 'buffer 0 5000', 'buffer 9 0'];
  for (const setting of settings) {
    commands.push('stream', ...(setting === '' ? [] : [setting]));
    commands.push('put 1 hello', 'put 1 line|', 'put 3 one|two', 'put 1 |', 'flush', 'flush');
    commands.push('put 1000 0123456789', 'block 4096', 'block 1', 'block 10000', 'block 100', 'block 99', 'flush', 'put 1 last', 'end');
  }
  await same(commands);
});

test('reading, writing and seeking in a file: lines, ends, positions of stream and descriptor', needs('cc'), async () => {
  await same([
    'file r', 'file w', 'write first line', 'tell', 'fflush', 'write  and more', 'tell', 'file r', 'gets 6', 'tell', 'gets 100',
    'gets 100', 'getc', 'read 4 2', 'file r', 'getc', 'ungetc X', 'tell', 'getc', 'getc', 'fflush', 'seek 3 0', 'getc', 'seek 2 1',
    'getc', 'seek -2 2', 'getc', 'getc', 'getc', 'seek -99 1', 'tell', 'seek 0 0', 'read 5 3', 'read 5 9', 'seek 100 0', 'getc', 'tell',
    'file a', 'write !', 'tell', 'file r+', 'gets 4', 'seek 0 1', 'write XY', 'seek 0 0', 'gets 100', 'file w+', 'write abc', 'seek 0 0',
    'gets 10', 'file a+', 'getc', 'seek 0 1', 'write def', 'seek 0 0', 'gets 10', 'file wx', 'file r', 'tell',
  ]);
});

const INTEGER_FORMATS = [
  '%ld', '%5ld|', '%-5ld|', '%05ld|', '%+ld', '% ld', '%.3ld', '%8.3ld|', '%-8.3ld|', '%08.3ld|', '%.0ld|', '%lx', '%#lX', '%#010lx', '%lo',
  '%#lo', '%lu', '%li', '%%%ld%%',
];
const REALS = [
  '0', '-0.0', '1', '0.1', '0.5', '1.5', '2.5', '-2.675', '1e21', '1e22', '123456789.125', '5e-324', '1.7976931348623157e308', '0.0001',
  '0.00001', '99999.95', '999999.5', '1e5', '1e6', '3.14159265358979', 'inf', '-inf', 'nan',
];
const REAL_FORMATS = [
  '%f', '%.0f', '%.1f', '%.2f', '%.20f', '%10.3f|', '%-10.3f|', '%010.3f|', '%+f', '% f', '%#.0f', '%e', '%.0e', '%.3E', '%12.4e|', '%#.0e',
  '%g', '%.3g', '%.0g', '%.10g', '%#g', '%G', '%F', '%.1200f', '%.1200e', '%.1200g',
];

test('printf: flags, widths, precisions; every double exactly', needs('cc'), async () => {
  const commands: string[] = [];
  for (const value of ['0', '1', '-1', '42', '-42', '123456789', '2147483647', '-2147483648', '4294967296', '9007199254740993']) {
    for (const format of INTEGER_FORMATS) {
      // C's long is 64 bits wide whatever the sign; without a sign ours is an int unless it does not fit.
      if (value.startsWith('-') && /[xXou]/.test(format)) continue;
      commands.push(`format-d ${value} ${format}`);
    }
  }
  for (const value of REALS) {
    for (const format of REAL_FORMATS) {
      // glibc 2.36 forgets the zeros that # asks for where rounding makes the exponent grow; C does not.
      if (value === '999999.5' && format === '%#g') continue;
      const named = value.replace('inf', 'Infinity').replace('nan', 'NaN');
      commands.push(`format-f ${named} ${format}`);
    }
  }
  for (const format of ['%s', '%10s|', '%-10s|', '%.2s', '%5.1s|']) commands.push(`format-s word ${format}`);
  await same(commands);
});

test('printf: what is no format is said', () => {
  for (const [format, args, sentence] of [
    ['%d', [], /'%d' in '%d' has no argument/], ['%q', [1], /'%q' in '%q' is no directive/], ['100%', [], /is no directive/],
    ['%d', ['x'], /%d takes a number, not 'x'/], ['%d', [Number.NaN], /takes an integer, not NaN/], ['%99999999d', [1], /wider than/],
  ] as const) {
    assert.throws(() => c.sprintf(format, ...args), sentence);
  }
});
