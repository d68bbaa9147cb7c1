/**
 * A machine of the Linux side: net, ipc, mount and pid namespaces with `lo` up, and the agent processes that live in them.
 *
 * Called by test/oracle. The namespaces have no names: they belong to a first agent, process 1 inside, which runs no program
 * and whose end ends all the others, so nothing is left behind when a run is killed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { AgentConnection } from './agent-connection.ts';
import { LinuxProcess } from './linux-process.ts';

/** Why the Linux side cannot run here; the message is one sentence for the user. */
export class OracleUnavailable extends Error {}

/** Compiles the agent with the machine's C compiler, once per version of its source; returns the program's path. */
export function compileAgent(source: string, folder: string): string {
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const program = join(folder, `agent-${digest}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const compiler = process.env['CC'] ?? 'cc';
  // Two runs at once may compile at the same time: each writes its own file and the rename is atomic.
  const temporary = `${program}.${process.pid}`;
  const run = spawnSync(compiler, ['-O1', '-pthread', '-Wall', '-o', temporary, source], { encoding: 'utf8' });
  if (run.error) {
    throw new OracleUnavailable(`the Linux oracle needs a C compiler, and ${compiler} cannot be run: ${run.error.message}`);
  }
  if (run.status !== 0) throw new Error(`${compiler} ${source}: ${run.stderr}`);
  renameSync(temporary, program);
  return program;
}

/** An agent's main thread reads requests from this descriptor (PROTOCOL_IN in agent.c). */
const WAITS_FOR_REQUEST = /^\d+ 0x384 /;

/**
 * Whether a process has no request left to begin, and every call under way in it waits in the kernel. One that takes
 * signals may have become another user's, who does not show what its threads wait for; it may be stopped (T), or have ended
 * with nobody waiting for it (Z).
 */
function isProcessAtRest({ hostPid, takesSignals }: LinuxProcess): boolean {
  const folder = `/proc/${hostPid}/task`;
  const resting = takesSignals ? / \(.*\) [STZ] / : / \(agent[^)]*\) S /;
  try {
    if (!takesSignals && !WAITS_FOR_REQUEST.test(readFileSync(`/proc/${hostPid}/syscall`, 'latin1'))) return false;
    return readdirSync(folder).every((thread) => resting.test(readFileSync(`${folder}/${thread}/stat`, 'latin1')));
  } catch {
    // The process is gone; or a thread is, whose answer has to be seen first.
    return !existsSync(folder);
  }
}

export class LinuxHost {
  private readonly holder: LinuxProcess;
  private readonly processes: LinuxProcess[] = [];

  private constructor(holder: LinuxProcess) {
    this.holder = holder;
  }

  /** `settings`: sysctl names and the values that the namespace gets. */
  static async open(program: string, settings: Readonly<Record<string, string>> = {}): Promise<LinuxHost> {
    if (process.platform !== 'linux') throw new OracleUnavailable('the Linux oracle needs a Linux kernel');
    if (process.getuid?.() !== 0) {
      throw new OracleUnavailable('the Linux oracle needs root: it makes a network namespace for each program');
    }
    const holder = new LinuxProcess(await AgentConnection.open(program));
    for (const [name, value] of Object.entries(settings)) await holder.writeSetting(name, value);
    return new LinuxHost(holder);
  }

  /** Gives a setting of the namespace, by its sysctl name, a value. */
  writeSetting(name: string, value: string): Promise<void> {
    return this.holder.writeSetting(name, value);
  }

  /**
   * A new process of this host with an empty descriptor table (0, 1 and 2 are there). `takesSignals`: it makes one call
   * after the other, which signals interrupt; else its tasks make calls beside each other, and signals are of no use.
   */
  async spawn(takesSignals = false): Promise<LinuxProcess> {
    return this.adopt(await this.holder.spawn(takesSignals));
  }

  /** A child of one that takes signals. */
  async fork(parent: LinuxProcess): Promise<LinuxProcess> {
    return this.adopt(await parent.fork());
  }

  private adopt(process: LinuxProcess): LinuxProcess {
    this.processes.push(process);
    return process;
  }

  capabilities(): Promise<number> {
    return this.holder.capabilities();
  }

  readSetting(name: string): Promise<string | null> {
    return this.holder.readSetting(name);
  }

  /** An Ethernet device eth0 (index 2), eth1 (3) ... behind which nobody is, with these addresses. */
  plugIn(index: number, addresses: readonly string[]): void {
    const name = `eth${index - 2}`, far = `far${index - 2}`;
    const script = [
      `ip link add ${name} index ${index} address 02:00:00:00:00:0${index} type veth peer name ${far} index ${100 + index}`,
      `echo 1 > /proc/sys/net/ipv6/conf/${far}/disable_ipv6`, `echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad`,
      `ip link set dev ${far} up arp off`, `ip link set dev ${name} up`,
      ...addresses.map((address) => `ip address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
    ].join(' && ');
    const run = spawnSync('nsenter', ['-t', String(this.holder.hostPid), '-n', 'sh', '-c', script], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${script}: ${run.error?.message ?? run.stderr}`);
  }

  /** Whether nothing happens before a call is made, or a timer of the kernel's ends. */
  isAtRest(): boolean {
    return this.processes.every(isProcessAtRest);
  }

  async close(): Promise<void> {
    for (const each of this.processes) await each.exit();
    await this.holder.exit();
  }
}
