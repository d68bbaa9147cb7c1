/**
 * The same capture file put into words by Debian's tcpdump and by our printer, compared character for character.
 *
 * Used by tcpdump-words.test.ts (generated packets) and tcpdump-live.test.ts (the kernel's).
 */
import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readCapture } from '../../src/capture/capture-file.ts';
import { TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../../src/capture/tcpdump-printer.ts';

/** Every option whose words we promise, alone beside -n and in the combinations people type. */
export const FLAG_SETS: readonly string[] = [
  '-n',
  '-nv',
  '-nvv',
  '-nvvv',
  '-ne',
  '-nS',
  '-nX',
  '-nXX',
  '-nx',
  '-nxx',
  '-nA',
  '-nq',
  '-nt',
  '-ntt',
  '-nttt',
  '-ntttt',
  '-nttttt',
  '-nevX',
  '-nqev',
  '-nSvvtttt',
];

export interface Comparison {
  /** Puts a command in front of tcpdump, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
  readonly interfaceName?: (index: number) => string | null;
  /** What to say of a packet beside its number. */
  readonly describe?: (index: number) => string;
}

function tcpdumpText(file: Uint8Array, flags: readonly string[], prefix: readonly string[]): string {
  const [program, ...rest] = [...prefix, 'tcpdump', ...flags, '-r', '-'];
  const run = spawnSync(program, rest, {
    input: file,
    encoding: 'latin1',
    env: { ...process.env, TZ: 'UTC' },
    maxBuffer: 2 ** 30,
  });
  equal(run.status, 0, `tcpdump ${flags.join(' ')}: ${run.error ?? run.stderr}`);
  return run.stdout;
}

function ourTexts(file: Uint8Array, flags: string, number: boolean, comparison: Comparison): string[] {
  const options = tcpdumpOptionsFromFlags([flags]);
  if (options === null) throw new Error(`no such flags: ${flags}`);
  const printer = new TcpdumpPrinter({ ...options, number, interfaceName: comparison.interfaceName ?? null });
  return Array.from(readCapture(file), (packet) =>
    printer.format(packet.interface.linkType, packet.timeUs, packet.bytes, packet.originalLength),
  );
}

/** Fails with the first packet about which the two disagree. Returns our text, for a look at what was in it. */
export function compareWords(file: Uint8Array, flags: string, comparison: Comparison = {}): string {
  const ours = ourTexts(file, flags, false, comparison)
    .map((text) => `${text}\n`)
    .join('');
  const theirs = tcpdumpText(file, [flags], comparison.prefix ?? []);
  if (ours === theirs) return ours;
  // Only numbers tell where one packet's lines end and the next one's begin.
  const numbered = tcpdumpText(file, [flags, '-#'], comparison.prefix ?? []).split('\n');
  numbered.pop();
  const perPacket: string[] = [];
  for (const line of numbered) {
    if (line.startsWith(`${String(perPacket.length + 1).padStart(5)}  `)) perPacket.push(line);
    else perPacket[perPacket.length - 1] += `\n${line}`;
  }
  const mine = ourTexts(file, flags, true, comparison);
  for (let i = 0; i < Math.max(mine.length, perPacket.length); i++) {
    equal(mine[i], perPacket[i], `tcpdump ${flags} on packet ${i + 1} (${comparison.describe?.(i) ?? ''})`);
  }
  // Equal packet by packet, but not as a whole: only line ends can differ.
  equal(ours, theirs, `tcpdump ${flags}`);
  return ours;
}
