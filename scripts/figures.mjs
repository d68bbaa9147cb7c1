/**
 * The table of speeds in README.md, made from docs/results/bench.json (`npm run bench -- --json --record`): documents
 * say what was measured, and nothing else.
 *
 *   node scripts/figures.mjs            fails when the table is not the record's
 *   node scripts/figures.mjs --write    writes it
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.env.SOCKSCAPE_ROOT ?? resolve(fileURLToPath(import.meta.url), '../..');
const BEGIN = '<!-- figures: docs/results/bench.json -->\n';
const END = '<!-- end of figures -->\n';
const WORDS = {
  'tcp-bulk': 'one stream, 64 KiB segments',
  'tcp-bulk-mtu1500': 'one stream, frames of at most 1,514 bytes',
  'tcp-streams-100': '100 streams, 64 KiB segments',
  'tcp-connect': 'connect, accept, both closes, one after another',
  'tcp-pingpong-64': '64 bytes there and back',
  'udp-512': 'datagrams of 512 bytes',
  'unix-bulk': 'one AF_UNIX stream',
  'pipe-bulk': 'one pipe',
  'unix-pingpong-64': '64 bytes there and back over AF_UNIX',
  'idle-10k': 'memory of a connected pair',
  fairness: 'a 1 ms interval of Node beside a ping-pong without a pause, against an idle process',
  'tap-tx': 'a stream to the kernel over TAP, against veth',
  'tap-rx': 'a stream from the kernel over TAP, against veth',
};

const number = (n) => (n >= 1000 ? Math.round(n).toLocaleString('en-US') : n >= 100 ? n.toFixed(0) : n.toFixed(1));

function table({ command, commit, machine, date, figures }) {
  const rows = Object.entries(figures).map(([name, { value, unit, kernel, ratio }]) => {
    // What Node keeps for a pair of sockets is not what the kernel keeps: that is no comparison.
    const compared = name !== 'idle-10k' && kernel !== null;
    const cells = [`\`${name}\``, WORDS[name] ?? name, `${number(value)} ${unit}`, compared ? number(kernel) : '', compared ? ratio.toFixed(2) : ''];
    return `| ${cells.join(' | ')} |`;
  });
  return `| case | what | ours | kernel | ratio |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n\`${command}\` on ${date}, commit ${commit.slice(0, 12)}, ${machine}.\n`;
}

const readme = join(root, 'README.md');
const record = join(root, 'docs/results/bench.json');
const text = readFileSync(readme, 'utf8');
const from = text.indexOf(BEGIN);
const to = text.indexOf(END);
if (from < 0 || to < from || !existsSync(record)) {
  console.error('figures: README.md needs the two marks, and docs/results/bench.json must be there');
  process.exit(1);
}
const wanted = text.slice(0, from) + BEGIN + table(JSON.parse(readFileSync(record, 'utf8'))) + text.slice(to);
if (process.argv.includes('--write')) writeFileSync(readme, wanted);
else if (wanted !== text) {
  console.error("figures: README.md's table is not the record's; node scripts/figures.mjs --write");
  process.exit(1);
}
