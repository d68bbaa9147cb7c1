/**
 * Every frame we send is sound: gives what the hosts of the test run sent (test/tools/frame-recorder.ts) to tshark, which
 * checks every checksum and every length. Fails on one hit, and where there are no frames to judge.
 *
 *   node scripts/frames.mjs FOLDER       the pcapng files of FOLDER; the step `frames` of npm test
 *
 * Dissectors of payload are off: what tests write into their sockets only looks like somebody's protocol.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const PROTOCOLS = [
  'frame', 'eth', 'ethertype', 'vlan', 'llc', 'arp', 'ip', 'ipv6', 'ipv6.hopopts', 'ipv6.dstopts', 'ipv6.routing',
  'ipv6.fraghdr', 'icmp', 'icmpv6', 'igmp', 'tcp', 'udp', 'data',
];
const CHECKS = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'];
/** Frames stand by themselves here: what came before them may be another world's. */
const ALONE = ['tcp.analyze_sequence_numbers', 'tcp.desegment_tcp_streams'];
const CHECKSUMS = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'igmp'];
const STATUS = { BAD: '0', GOOD: '1' };
/** Faults that tshark does not count among its errors. */
const LIES = ['ipv6.plen_exceeds_framing', 'ipv6.plen_zero'];
const FIELDS = [
  'frame.number', 'frame.interface_name', 'frame.protocols', 'eth.src', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message',
  ...CHECKSUMS.map((name) => `${name}.checksum.status`), ...LIES,
];
const RIGHT = 'with right checksums';
/** What is counted: frames, and how many of them have these headers. */
const COUNTED = ['frames', 'ip', 'ipv6', 'arp', 'tcp', 'udp', 'icmp', 'icmpv6', 'igmp', RIGHT];
/** PI_ERROR of tshark's expert information. */
const ERROR = String(0x800000);

/**
 * What is wrong with a frame, from its fields: a sentence, or nothing. Of an ICMP error only what stands outside of its
 * quotation is ours: what it quotes is as whoever sent it made it.
 */
function faultOf(field) {
  const quotes = /icmp(v6)?:ip/.test(field['frame.protocols']);
  // An ICMPv6 error has no IPv4 header of its own: the first one there is quoted, too.
  const outer = field['frame.protocols'].split(':').find((name) => name === 'ip' || name === 'ipv6');
  const ours = outer === 'ipv6' ? ['icmpv6'] : ['ip', 'icmp'];
  for (const name of quotes ? ours : CHECKSUMS) {
    // Values of all headers of its kind, the outermost first.
    const values = field[`${name}.checksum.status`].split(',');
    if (quotes ? values[0] === STATUS.BAD : values.includes(STATUS.BAD)) return `bad ${name} checksum`;
  }
  if (quotes) return '';
  if (field['_ws.malformed'] !== '') return 'malformed';
  for (const name of LIES) if (field[name] !== '') return name;
  return field['_ws.expert.severity'].split(',').includes(ERROR) ? 'an error' : '';
}

function findTshark() {
  return spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** A settings folder for tshark in which every protocol but ours is off; older versions have no option for that. */
function writeSettings() {
  const run = spawnSync('tshark', ['-G', 'protocols'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const all = run.stdout.split('\n').map((line) => line.split('\t')[2]);
  const off = all.filter((name) => name && !PROTOCOLS.includes(name));
  if (off.length < 1000) throw new Error(`tshark names ${off.length} protocols: ${run.stderr}`);
  const folder = mkdtempSync(join(tmpdir(), 'ss-tshark-'));
  writeFileSync(join(folder, 'disabled_protos'), `${off.join('\n')}\n`);
  return folder;
}

/** Judges one file: what it holds goes into `counts`, a line for each frame at fault into `hits`. */
function judge(file, settings, counts, hits) {
  return new Promise((done, failed) => {
    const options = [
      '-n', '-r', file,
      ...CHECKS.flatMap((name) => ['-o', `${name}:TRUE`]), ...ALONE.flatMap((name) => ['-o', `${name}:FALSE`]),
      '-T', 'fields', '-E', 'separator=/t', ...FIELDS.flatMap((name) => ['-e', name]),
    ];
    const env = { ...process.env, WIRESHARK_CONFIG_DIR: settings };
    const child = spawn('tshark', options, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const cells = line.split('\t');
      const field = Object.fromEntries(FIELDS.map((name, i) => [name, cells[i] ?? '']));
      counts.frames++;
      for (const name of field['frame.protocols'].split(':')) if (name in counts) counts[name]++;
      if (CHECKSUMS.some((name) => field[`${name}.checksum.status`].startsWith(STATUS.GOOD))) counts[RIGHT]++;
      const fault = faultOf(field);
      if (fault === '') return;
      const words = [fault, field['frame.protocols'], field['_ws.expert.message'], `from ${field['eth.src']}`];
      hits.push(`${basename(file)}: ${field['frame.number']} ${field['frame.interface_name']}: ${words.join(' ')}`);
    });
    child.on('error', failed);
    child.on('close', (status) => (status === 0 ? done() : failed(new Error(`tshark ended with ${status} on ${file}: ${err.trim()}`))));
  });
}

/** Judges all files of a folder, two at a time. */
async function judgeFolder(folder) {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pcapng')).sort() : [];
  const total = Object.fromEntries(COUNTED.map((name) => [name, 0]));
  const hits = [];
  const waiting = [...files];
  const settings = writeSettings();
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (statSync(join(folder, name)).size === 0) continue;
      await judge(join(folder, name), settings, total, hits);
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    rmSync(settings, { recursive: true, force: true });
  }
  let seen = 0;
  for (const name of existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.json')) : []) {
    const { seen: all, recorded } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    seen += all - recorded;
  }
  return { files: files.length, total, hits, notKept: seen };
}

async function main(folder) {
  if (!findTshark()) {
    const ci = Boolean(process.env.CI) && process.env.CI !== 'false' && process.env.CI !== '0';
    if (ci) throw new Error('tshark is missing');
    leaveOut('needs tshark');
    return 0;
  }
  const { files, total, hits, notKept } = await judgeFolder(folder);
  for (const hit of hits.slice(0, 20)) console.error(hit);
  if (hits.length > 20) console.error(`and ${hits.length - 20} more`);
  if (hits.length > 0) console.error(`frames: the files are in ${folder}`);
  const words = Object.entries(total).map(([what, count]) => `${count} ${what}`);
  console.log(`frames: ${files} files: ${words.join(', ')}; ${hits.length} unsound${notKept > 0 ? `; ${notKept} more were sent and not kept` : ''}`);
  if (total.frames === 0) console.error('frames: there is nothing to judge');
  return hits.length > 0 || total.frames === 0 || total[RIGHT] === 0 ? 1 : 0;
}

/** Tells test.mjs that this step had to be left out. */
function leaveOut(reason) {
  console.log(`frames: left out: ${reason}`);
  const file = process.env.SOCKSCAPE_TOTALS;
  if (file) writeFileSync(file, JSON.stringify({ passed: 0, failed: 0, skipped: [{ name: 'every frame we send is sound', reason }] }));
}

try {
  process.exitCode = await main(resolve(process.argv[2] ?? 'build/frames'));
} catch (error) {
  console.error(`frames: ${error.message}`);
  process.exitCode = 1;
}
