/**
 * `sockscape run [--on HOST] NAME ARG...`, or `sockscape NAME ARG...` for short: a program on a host of the demo's world, in
 * real time.
 */
import { NodeEnvironment } from '../platform/node/environment.ts';
import { CATALOGUE } from '../programs/catalogue.ts';
import { programTask } from './command-words.ts';
import { DemoWorld } from './demo-world.ts';
import { UsageError } from './options.ts';
import { runPrograms } from './program-run.ts';

/** A line for each program. */
export function programLines(): string {
  const entries = [...CATALOGUE.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const width = Math.max(...entries.map(({ name }) => name.length)) + 2;
  return entries.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}\n`).join('');
}

export const RUN_HELP = `usage: sockscape run [--on HOST] NAME ARG...
       sockscape NAME ARG...

Runs a program on a host of ours, in real time: by default on 'client' (192.0.2.1, 2001:db8::1), which a cable joins to
'server' (192.0.2.2, 2001:db8::2). On both a server answers on port 9502. The program's standard streams are the
terminal's, Ctrl-C interrupts it, its status is the command's. Several programs at once: sockscape demo --run, sockscape
tap --run.

  --on HOST   client or server

programs:
${programLines()}
  sockscape NAME --help   the options of a program

examples:
  sockscape ping -c 3 server
  sockscape telnet server 9502
  sockscape run --on server ss -tln
`;

/** The command; returns its exit status. */
export async function run(args: readonly string[]): Promise<number> {
  let on = 'client';
  let at = 0;
  for (; at < args.length && (args[at] as string).startsWith('-'); at++) {
    const [name, attached] = (args[at] as string).split('=', 2) as [string, string?];
    if (name !== '--on') throw new UsageError(`unknown option ${name}`);
    const value = attached ?? args[++at];
    if (value === undefined || value === '') throw new UsageError('--on needs a value');
    on = value;
  }
  const [name, ...words] = args.slice(at);
  if (name === undefined) throw new UsageError('the name of a program is missing');
  return runInDemoWorld(on, name, words);
}

/** Runs a program on a host of the demo's world. */
export async function runInDemoWorld(on: string, name: string, args: readonly string[]): Promise<number> {
  const environment = new NodeEnvironment();
  const world = new DemoWorld(environment, () => environment.entropy, null);
  try {
    world.prepareForPrograms();
    const host = world.hosts.get(on);
    if (host === undefined) throw new UsageError(`there is no host '${on}', only ${[...world.hosts.keys()].join(' and ')}`);
    const task = programTask(host, name, args);
    for (const each of world.hosts.values()) await world.startServer(each);
    return await runPrograms([task]);
  } finally {
    world.stop();
  }
}
