/**
 * Layers: imports only point down. Enforces the table of rooms below on everything under src/ and lab/, and that the
 * core needs nothing but itself: no `node:` modules and no packages. Run by `npm run check:layers`, and first by
 * `npm test`. An `import type` counts.
 *
 *   node scripts/check-layers.mjs [FOLDER]     the repository (or another root, for the tests)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { importsOf } from './scan.mjs';

const repository = resolve(fileURLToPath(import.meta.url), '../..');

/** Rooms from the ground up: a name, and what else it may import. Every room may import itself. */
const TRANSPORT = ['transport', 'transport/*', 'net', 'link', 'wire', 'base'];
const STACK = ['stack', ...TRANSPORT];
// Sockets reach the network through stack and transport, by import and by `.network` alike; only the packet and netlink
// families look into link and net.
const SOCKET_SPECIAL = ['socket', 'socket/family', 'bpf', ...STACK];
const SOCKET = SOCKET_SPECIAL.filter((room) => room !== 'link' && room !== 'net');
const KERNEL = SOCKET_SPECIAL;
const HOST = ['kernel', ...KERNEL];
const API = ['host', ...HOST];
const SIM = ['api/posix', 'programs', 'capture', ...API];
const PLATFORM = ['packetdrill', 'sim', 'api/*', ...SIM];
const CLI = ['platform/*', ...PLATFORM];

export const ROOMS = {
  base: [],
  wire: ['base'],
  bpf: ['wire', 'base'],
  link: ['wire', 'base'],
  net: ['link', 'wire', 'base'],
  transport: ['net', 'link', 'wire', 'base'],
  'transport/*': ['transport', 'net', 'link', 'wire', 'base'],
  stack: TRANSPORT,
  socket: SOCKET,
  'socket/family': SOCKET,
  'socket/family/packet': SOCKET_SPECIAL,
  'socket/family/netlink': SOCKET_SPECIAL,
  kernel: KERNEL,
  host: HOST,
  'api/posix': API,
  'api/node': API,
  'api/web': API,
  capture: ['wire', 'bpf', 'base'],
  programs: ['api/posix', 'capture', 'bpf', 'base'],
  sim: SIM,
  packetdrill: ['sim', ...SIM],
  'platform/node': PLATFORM,
  'platform/browser': PLATFORM,
  cli: CLI,
  entry: ['cli', ...CLI],
  lab: [],
};

/** Rooms of the table that have no files yet, and why they stand in it all the same. One that has files leaves this list. */
export const PLANNED = {
  packetdrill: 'the runner of packetdrill scripts: its place above sim is decided',
  'api/web': 'sockets for pages (streams): its place beside api/node is decided',
  lab: 'the page that shows sockets: it is to use public entries alone from its first file on',
};

/** The complaints about rooms: those without files that are not planned, and planned ones that are there. */
export function checkRooms(files) {
  const inhabited = new Set(files.map(roomOf));
  const isInhabited = (room) => (room.endsWith('/*') ? [...inhabited].some((each) => each?.startsWith(room.slice(0, -1))) : inhabited.has(room));
  return Object.keys(ROOMS).flatMap((room) => {
    if (isInhabited(room)) return room in PLANNED ? [`${room}: the room is there, and still called planned (PLANNED in scripts/check-layers.mjs)`] : [];
    return room in PLANNED ? [] : [`${room}: a room without files; PLANNED in scripts/check-layers.mjs names those to come`];
  });
}

/** Rooms (or entry files) that may import `node:` modules and packages. */
function mayUsePackages(room, file) {
  if (room === 'entry') return /(^|\/)(node|register|spawned|test|[^/]*\.node)\.ts$/.test(file);
  return room === 'platform/node' || room === 'cli' || room === 'api/node' || room === 'lab';
}

/** Files that only tests import: the tests themselves, and what several of them use. */
export function isTestFile(file) {
  return /(\.test\.tsx?|\/test-[^/]+\.ts|\/testing\.ts)$/.test(file);
}

/** The room of a file (path from the root, with slashes), or null where the table knows none. */
export function roomOf(file) {
  const parts = file.split('/');
  if (parts[0] === 'lab') return 'lab';
  if (parts[0] !== 'src') return null;
  if (parts.length === 2) return parts[1] === 'host.ts' || parts[1] === 'host.test.ts' ? 'host' : null;
  const [, first, second] = parts;
  const inFolder = parts.length > 3;
  if (first === 'transport') return inFolder ? `transport/${second}` : 'transport';
  if (first === 'api' || first === 'platform')
    return inFolder && `${first}/${second}` in ROOMS ? `${first}/${second}` : null;
  if (first === 'socket' && second === 'family') {
    const special = /^(packet|netlink)(?=[.-]|$)/.exec(parts[3] ?? '');
    return special ? `socket/family/${special[1]}` : 'socket/family';
  }
  return first in ROOMS ? first : null;
}

function allowedFrom(room) {
  return ROOMS[room] ?? (room.startsWith('transport/') ? ROOMS['transport/*'] : []);
}

/** Whether `from` may import `to`; tests of sockets may also build the wires below them. */
export function mayImport(from, to, test = false) {
  if (from === to) return true;
  // The files of the socket room proper are one room with the ordinary families; the special two stand beside them.
  if (from === 'socket' && to.startsWith('socket/family')) return true;
  const allowed = allowedFrom(from);
  if (allowed.includes(to) || (to.startsWith('socket/family/') && allowed.includes('socket/family'))) return true;
  if (test && from.startsWith('socket') && (to === 'link' || to === 'net')) return true;
  const star = `${to.split('/')[0]}/*`;
  return to.includes('/') && allowed.includes(star);
}

function sourceFiles(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|mts|cts|m?jsx?)$/.test(entry.name))
    .map((entry) => posix.join(folder, (entry.parentPath ?? entry.path).slice(join(root, folder).length), entry.name))
    .filter((file) => !file.includes('/node_modules/') && !file.includes('/dist/'))
    .sort();
}

function packageOf(name) {
  return name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0];
}

/** What a test may import beside the rooms at or below its own. */
const TEST_PACKAGES = new Set(['dns-packet', 'fast-check', 'esbuild', 'playwright-core']);

/** The complaints about one file, as strings `file:line: sentence`. */
export function checkFile(file, source) {
  const complaints = [];
  const complain = (line, sentence) => complaints.push(`${file}:${line}: ${sentence}`);
  const room = roomOf(file);
  if (room === null) return [`${file}:1: no room of this name; the table stands in scripts/check-layers.mjs`];
  const test = isTestFile(file);
  const free = mayUsePackages(room, file);
  const reference = /^\s*\/\/\/\s*<reference\b/m.exec(source);
  if (reference && !free && !test && !room.startsWith('platform/')) {
    complain(
      source.slice(0, reference.index).split('\n').length,
      'reference directives bring in types the core must not see',
    );
  }
  if ((room === 'socket' || room === 'socket/family') && !test) {
    for (const [index, text] of source.split('\n').entries())
      if (/\.network\b|\bnetwork\b[^;=]*\} = /.test(text)) complain(index + 1, `${room} reaches into the network: ask Stack (src/stack/stack.ts)`);
  }
  for (const { name, line, form } of importsOf(source)) {
    if (name === null) {
      if (!free && !test && form !== 'url')
        complain(line, `${form === 'require' ? 'require' : 'import'}() of a computed name`);
      continue;
    }
    if (room === 'lab') {
      const outside = name.startsWith('.') && !posix.normalize(posix.join(dirname(file), name)).startsWith('lab/');
      if (outside)
        complain(line, `lab imports '${name}': it may use only the public entries (sockscape, sockscape/...)`);
      continue;
    }
    if (!name.startsWith('.')) {
      const builtin = name.startsWith('node:') || builtinModules.includes(name);
      if (name.startsWith('/') || name.includes('://')) complain(line, `import of '${name}' by address`);
      else if (packageOf(name) === 'sockscape')
        complain(line, `import of '${name}': sources import each other by path`);
      else if (builtin && !name.startsWith('node:')) complain(line, `write 'node:${name}'`);
      else if (free) continue;
      else if (test ? !builtin && !TEST_PACKAGES.has(packageOf(name)) : true) {
        complain(line, `${room} imports '${name}': the core uses neither Node's modules nor packages`);
      }
      continue;
    }
    const target = posix.normalize(posix.join(dirname(file), name));
    const targetRoom = roomOf(target);
    if (form === 'url' && targetRoom === null) continue;
    if (!/\.(ts|tsx|json)$/.test(target) && form !== 'url') complain(line, `import '${name}' names no .ts file`);
    if (targetRoom === null) {
      // What tests of all rooms use (needs, seeds) stands in test/.
      if (!(test && /^test\/[^/]+\.ts$/.test(target))) complain(line, `import '${name}' leads out of the rooms`);
      continue;
    }
    if (!mayImport(room, targetRoom, test)) complain(line, `${room} imports ${targetRoom} ('${name}')`);
    if (!test && isTestFile(target)) complain(line, `'${name}' is for tests only`);
  }
  return complaints;
}

/** All complaints about the tree at `root`; a tree of the tests has few of the rooms. */
export function checkTree(root, isWhole) {
  const files = [...sourceFiles(root, 'src'), ...sourceFiles(root, 'lab')];
  const complaints = files.flatMap((file) => checkFile(file, readFileSync(join(root, file), 'utf8')));
  if (isWhole) complaints.push(...checkRooms(files));
  return { files: files.length, complaints };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { files, complaints } = checkTree(resolve(process.argv[2] ?? repository), process.argv[2] === undefined);
  for (const complaint of complaints) console.error(complaint);
  if (files === 0) console.error('check-layers: found no source files');
  console.log(`layers: ${files} files, ${complaints.length} complaints`);
  process.exitCode = complaints.length > 0 || files === 0 ? 1 : 0;
}
