/**
 * Every frame we send is sound: gives what the hosts of the test run sent (test/tools/frame-recorder.ts) to tshark, which
 * checks every checksum and every length. Fails on one hit, and where too little is there to be judged.
 *
 *   node scripts/frames.mjs FOLDER [STEP...]     the pcapng files in the folders of FOLDER, one for each step of npm test;
 *                                                of the steps named there must be what LEAST says
 *
 * Dissectors of payload are off: what tests write into their sockets only looks like somebody's protocol. The step
 * `frames` of npm test names the steps that left nothing out; in the long tier it writes docs/results/frames.json.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { writeRecord } from './records.mjs';

const full = process.env.SOCKSCAPE_FULL === '1';

const PROTOCOLS = [
  'frame', 'pkt_comment', 'eth', 'ethertype', 'vlan', 'llc', 'arp', 'ip', 'ipv6', 'ipv6.hopopts', 'ipv6.dstopts', 'ipv6.routing',
  'ipv6.fraghdr', 'icmp', 'icmpv6', 'igmp', 'tcp', 'udp', 'data',
];
const CHECKS = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'];
/** Frames stand by themselves here: what came before them may be another world's. */
const ALONE = ['tcp.analyze_sequence_numbers', 'tcp.desegment_tcp_streams'];
const CHECKSUMS = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'igmp'];
const STATUS = { BAD: '0', GOOD: '1' };
const IPV4_OPTION = 'ip.opt.len.invalid';
const IPV6_OPTION = 'ipv6.opt.invalid_len';
/** Faults that tshark does not count among its errors. */
const LIES = ['ipv6.plen_exceeds_framing', 'ipv6.plen_zero', 'tcp.option.len.invalid', IPV4_OPTION, IPV6_OPTION];
const FIELDS = [
  'frame.number', 'frame.comment', 'frame.interface_name', 'frame.protocols', 'frame.len', 'eth.src', 'ip.len', 'ip.hdr_len', 'ipv6.plen',
  'ip.reassembled.length', 'ipv6.reassembled.length', 'udp.length', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message',
  ...CHECKSUMS.map((name) => `${name}.checksum.status`), ...LIES,
];
/** What is counted of each step: files, frames, those with these headers; where there is a checksum, if it is right. */
const COUNTED = ['files', 'frames', 'notKept', 'arp', 'ipv6', ...CHECKSUMS];
/**
 * What each step sends at least: a third of what it did when this was written, since the seed changes with the commit.
 * The files are those of the programs that sent anything: tests, and commands that tests have started.
 */
const LEAST = {
  unit: { files: 12, frames: 60_000, arp: 140, ip: 60_000, ipv6: 570, tcp: 60_000, udp: 40, icmpv6: 560 },
  fuzz: { files: 3, frames: 9_700, arp: 270, ip: 4_200, ipv6: 5_200, tcp: 8_200, udp: 80, icmp: 140, icmpv6: 1_000 },
  sim: { files: 40, frames: 25_000, arp: 80, ip: 17_000, ipv6: 7_900, tcp: 20_000, udp: 500, icmpv6: 60 },
  node: { files: 7, frames: 2_800, arp: 160, ip: 2_100, ipv6: 500, tcp: 2_100, udp: 50, icmp: 30, icmpv6: 420 },
  interop: { files: 18, frames: 140_000, arp: 15, ip: 70_000, ipv6: 70_000, tcp: 140_000, udp: 40, icmp: 30, icmpv6: 50, igmp: 15 },
  oracle: { files: 2, frames: 860, ip: 420, ipv6: 430, tcp: 760, udp: 90, icmp: 5, icmpv6: 2 },
};
/** The comment of the recorder on frames that a host has sent on for somebody else. */
const FORWARDED = 'forwarded';
/** The recorder's on frames of raw and packet sockets, and without a checksum that a program did not want. */
const OF_PROGRAM = 'of a program';
/** PI_ERROR of tshark's expert information. */
const ERROR = String(0x800000);
/** So many frames at fault are shown. */
const MOST_LINES = 50;
const ETHERNET_LEN = 14;
const IPV4_LEN = 20;
const IPV6_LEN = 40;
/** Packets shorter than this are filled up on a real cable. */
const SHORTEST_PACKET = 46;

/** The names of a frame's own headers: what an ICMP error quotes is as whoever sent it made it. */
function headersOf(field) {
  const names = field['frame.protocols'].split(':');
  const icmp = names.findIndex((name) => name === 'icmp' || name === 'icmpv6');
  return icmp < 0 ? names : names.slice(0, icmp + 1);
}

/** The value in the outermost header that has the field. */
function outermost(field, name) {
  return field[name].split(',')[0];
}

/**
 * Whether TCP's checksum is the other way of writing zero, in a segment that we have only sent on: Linux that completes a
 * checksum itself writes it so. Ours must never be.
 */
function isLinuxZero(field) {
  return field['frame.comment'] === FORWARDED && /TCP Checksum 0xffff instead of 0x0000/.test(field['_ws.expert.message']);
}

/** What is wrong with a frame, from its fields: a sentence, or nothing. */
function faultOf(field) {
  const headers = headersOf(field);
  const quotes = /icmp(v6)?:ip/.test(field['frame.protocols']);
  // Whoever writes headers himself answers for them.
  if (field['frame.comment'] === OF_PROGRAM) return '';
  const linuxZero = isLinuxZero(field);
  for (const name of CHECKSUMS) {
    if (quotes && !headers.includes(name)) continue;
    if (name === 'tcp' && linuxZero) continue;
    const statuses = field[`${name}.checksum.status`].split(',');
    if (quotes ? statuses[0] === STATUS.BAD : statuses.includes(STATUS.BAD)) return `bad ${name} checksum`;
  }
  const length = lengthFault(field, headers);
  if (length !== '') return length;
  for (const name of quotes ? liesOfError(field, headers) : LIES) if (field[name] !== '') return name;
  // That it quotes says that its own headers could be read to their end.
  if (quotes) return '';
  if (field['_ws.malformed'] !== '') return 'malformed';
  const errors = field['_ws.expert.severity'].split(',').filter((severity) => severity === ERROR);
  return errors.length > (linuxZero ? 1 : 0) ? 'an error' : '';
}

/**
 * What an ICMP error can be found to lie about. tshark does not say of which header it speaks, so its options are judged
 * only when it has some itself, outside of what it quotes.
 */
function liesOfError(field, headers) {
  if (headers.includes('ip')) return Number(outermost(field, 'ip.hdr_len')) > IPV4_LEN ? [IPV4_OPTION] : [];
  return headers.some((name) => name.startsWith('ipv6.')) ? [IPV6_OPTION] : [];
}

/** The outermost IP header must say how long the frame is, and UDP's header how long IP's payload is. */
function lengthFault(field, headers) {
  const at = headers.findIndex((name) => name === 'ip' || name === 'ipv6');
  if (at < 0) return '';
  const ip = headers[at];
  const text = outermost(field, ip === 'ip' ? 'ip.len' : 'ipv6.plen');
  // Of a header that cannot be read there is none; tshark counts that among its errors.
  if (text === '') return '';
  const said = Number(text) + (ip === 'ip' ? 0 : IPV6_LEN);
  const length = Number(field['frame.len']) - ETHERNET_LEN;
  if (length !== said && !(length === SHORTEST_PACKET && said < SHORTEST_PACKET)) {
    return `${ip} length of ${said} bytes in a frame with ${length}`;
  }
  const reassembled = field[`${ip}.reassembled.length`];
  const over = headers[at + (reassembled !== '' && ip === 'ipv6' ? 2 : 1)];
  // With other headers between the two, IP's length does not tell how long the payload is.
  if (over !== 'udp') return '';
  const headerLen = ip === 'ip' ? Number(outermost(field, 'ip.hdr_len')) : IPV6_LEN;
  const payload = reassembled === '' ? said - headerLen : Number(reassembled);
  const datagram = Number(outermost(field, 'udp.length'));
  return datagram === payload ? '' : `udp length of ${datagram} bytes in an ${ip} payload of ${payload}`;
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
function judge(folder, name, settings, counts, hits) {
  return new Promise((done, failed) => {
    const options = [
      '-n', '-r', join(folder, name),
      ...CHECKS.flatMap((check) => ['-o', `${check}:TRUE`]), ...ALONE.flatMap((check) => ['-o', `${check}:FALSE`]),
      '-T', 'fields', '-E', 'separator=/t', ...FIELDS.flatMap((field) => ['-e', field]),
    ];
    const env = { ...process.env, WIRESHARK_CONFIG_DIR: settings };
    const child = spawn('tshark', options, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const cells = line.split('\t');
      const field = Object.fromEntries(FIELDS.map((key, i) => [key, cells[i] ?? '']));
      counts.frames++;
      for (const header of new Set(headersOf(field))) {
        if (!(header in counts)) continue;
        if (!CHECKSUMS.includes(header) || outermost(field, `${header}.checksum.status`) === STATUS.GOOD) counts[header]++;
      }
      const fault = faultOf(field);
      if (fault === '') return;
      const words = [fault, field['frame.protocols'], field['_ws.expert.message'], `from ${field['eth.src']}`];
      hits.push(`${name}: ${field['frame.number']} ${field['frame.interface_name']}: ${words.join(' ')}`);
    });
    child.on('error', failed);
    child.on('close', (status) => (status === 0 ? done() : failed(new Error(`tshark ended with ${status} on ${name}: ${err.trim()}`))));
  });
}

/** Judges what every step left, two files at a time. Returns counts by step, and a line for each frame at fault. */
async function judgeFolder(folder) {
  const steps = {};
  const hits = [];
  const waiting = [];
  for (const entry of existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
    if (!entry.isDirectory()) continue;
    const place = join(folder, entry.name);
    const counts = Object.fromEntries(COUNTED.map((name) => [name, 0]));
    for (const name of readdirSync(place).sort()) {
      if (name.endsWith('.json')) {
        const { seen, recorded } = JSON.parse(readFileSync(join(place, name), 'utf8'));
        counts.notKept += seen - recorded;
      } else if (name.endsWith('.pcapng') && statSync(join(place, name)).size > 0) {
        counts.files++;
        waiting.push({ place, name, counts });
      }
    }
    steps[entry.name] = counts;
  }
  const settings = writeSettings();
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      await judge(file.place, file.name, settings, file.counts, hits);
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    rmSync(settings, { recursive: true, force: true });
  }
  return { steps, hits };
}

/** Sentences about what is not there though it should be: a recorder that has died finds no fault. */
function missingOf(steps, demanded) {
  const missing = [];
  for (const step of demanded) {
    const least = LEAST[step];
    if (least === undefined) missing.push(`of the step ${step} nobody has said how many frames it sends; add it to LEAST`);
    else if (!(steps[step]?.frames > 0)) missing.push(`of the step ${step} there is no frame`);
    else {
      for (const [name, count] of Object.entries(least)) {
        const there = steps[step][name];
        if (there < count) missing.push(`of the step ${step} there are ${there} ${name}, at least ${count} should be there`);
      }
    }
  }
  // The long tier keeps a sample where a process sends more than there is room for, and its record says so.
  for (const [step, { notKept }] of full ? [] : Object.entries(steps)) {
    const remedy = 'raise KEEP_BYTES in test/tools/frame-recorder.ts';
    if (notKept > 0) missing.push(`of the step ${step} ${notKept} frames were sent and not kept; ${remedy}`);
  }
  if (Object.values(steps).every(({ frames }) => frames === 0)) missing.push('there is nothing to judge');
  return missing;
}

async function main(folder, demanded) {
  if (!findTshark()) {
    const ci = Boolean(process.env.CI) && process.env.CI !== 'false' && process.env.CI !== '0';
    if (ci) throw new Error('tshark is missing');
    leaveOut('needs tshark');
    return 0;
  }
  const { steps, hits } = await judgeFolder(folder);
  for (const hit of hits.slice(0, MOST_LINES)) console.error(hit);
  if (hits.length > MOST_LINES) console.error(`and ${hits.length - MOST_LINES} more`);
  if (hits.length > 0) console.error(`frames: the files are in ${folder}`);
  for (const [step, { files, frames, notKept, ...headers }] of Object.entries(steps)) {
    const words = Object.entries(headers).map(([what, count]) => `${count} ${what}`);
    console.log(`frames: ${step}: ${files} files, ${frames} frames: ${words.join(', ')}; ${notKept} more were sent and not kept`);
  }
  console.log(`frames: ${hits.length} unsound`);
  const missing = missingOf(steps, demanded);
  for (const sentence of missing) console.error(`frames: ${sentence}`);
  if (full) writeRecord('frames', 'npm run test:full', { steps, unsound: hits.length });
  return hits.length > 0 || missing.length > 0 ? 1 : 0;
}

/** Tells test.mjs that this step had to be left out. */
function leaveOut(reason) {
  console.log(`frames: left out: ${reason}`);
  const file = process.env.SOCKSCAPE_TOTALS;
  if (file) writeFileSync(file, JSON.stringify({ passed: 0, failed: 0, skipped: [{ name: 'every frame we send is sound', reason }] }));
}

try {
  process.exitCode = await main(resolve(process.argv[2] ?? 'build/frames'), process.argv.slice(3));
} catch (error) {
  console.error(`frames: ${error.message}`);
  process.exitCode = 1;
}
