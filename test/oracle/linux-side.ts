/** The real kernel as a side of the oracle: each program gets a network namespace and an empty /tmp of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { compileAgent, LinuxHost } from '../../src/platform/node/oracle/linux-host.ts';
import type { LinuxProcess } from '../../src/platform/node/oracle/linux-process.ts';
import type { Side, SideHost, SideProcess } from './program.ts';

/**
 * Settings whose value is the machine's choice and shows in results: our host takes over what the namespace has.
 */
export const SHARED_SETTINGS = [
  'net.core.rmem_default', 'net.core.rmem_max', 'net.core.wmem_default', 'net.core.wmem_max', 'net.core.somaxconn',
  'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem', 'net.ipv4.tcp_syn_retries', 'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_fin_timeout',
  'net.unix.max_dgram_qlen', 'net.ipv4.ip_default_ttl', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_congestion_control',
  'fs.protected_hardlinks', 'net.core.optmem_max', 'net.ipv4.igmp_max_memberships', 'net.ipv4.igmp_max_msf', 'net.ipv4.igmp_qrv',
  'net.ipv4.conf.lo.igmpv3_unsolicited_report_interval',
];

/** Message queues, semaphore sets and shared segments of a host, each. */
export const MOST_IPC_OBJECTS = 300;

/** Settings that a namespace inherits from the machine and that programs rely on. */
const PINNED_SETTINGS = {
  'net.ipv4.ip_local_port_range': '32768 60999', 'net.ipv4.tcp_congestion_control': 'reno',
  // So few that a program comes to the end of them.
  'kernel.msgmni': String(MOST_IPC_OBJECTS),
  'kernel.shmmni': String(MOST_IPC_OBJECTS),
  'kernel.sem': `32000 1024000000 500 ${MOST_IPC_OBJECTS}`,
  // Reports of groups are repeated within a second: too long to wait for.
  'net.ipv4.conf.lo.igmpv3_unsolicited_report_interval': '20',
};

/** Less than the times by which programs tell one behaviour from another. */
const LATENESS_MS = 1000;

/**
 * Lets `ms` milliseconds pass and then all calls come as far as they can: on a busy machine a thread that is to wait in
 * the kernel, or that was woken there, may get its turn later than that. Twice in a row, since an answer that has only
 * just come may lead to the next call.
 */
async function settle(host: LinuxHost, ms: number): Promise<void> {
  await sleep(ms);
  for (let quiet = 0; quiet < 2; ) {
    quiet = host.isAtRest() ? quiet + 1 : 0;
    await sleep(1);
  }
}

export function linuxSide(agentSource: string, buildFolder: string): Side {
  const agent = compileAgent(agentSource, buildFolder);
  return {
    name: 'linux',
    async open(): Promise<SideHost> {
      const host = await LinuxHost.open(agent, PINNED_SETTINGS);
      const sideOf = (process: LinuxProcess): SideProcess => ({
        calls: process, pid: process.pid, exit: (status) => (status === 0 ? process.exit() : process.exitWith(status)),
        fork: async () => sideOf(await host.fork(process)), limitDescriptors: (most) => process.limitDescriptors(most),
        store: (view) => process.store(view), load: (view) => process.load(view),
      });
      return {
        sysctl: (name, value) => host.writeSetting(name, value),
        plugIn: async (index, addresses) => host.plugIn(index, addresses),
        spawn: async (takesSignals) => sideOf(await host.spawn(takesSignals)),
        sleep: (ms) => settle(host, ms),
        now: () => performance.now(),
        latenessMs: LATENESS_MS,
        stuck: new Promise<never>(() => {}),
        leftovers: async () => [],
        close: () => host.close(),
      };
    },
  };
}

/** What our side takes over from the machine. */
export interface Machine {
  /** The values of `SHARED_SETTINGS`; names this kernel does not know are left out. */
  readonly settings: ReadonlyMap<string, string>;
  /** Effective capabilities of the processes. */
  readonly capabilities: number;
}

export async function linuxMachine(agentSource: string, buildFolder: string): Promise<Machine> {
  const host = await LinuxHost.open(compileAgent(agentSource, buildFolder), PINNED_SETTINGS);
  const settings = new Map<string, string>();
  for (const name of SHARED_SETTINGS) {
    const value = await host.readSetting(name);
    if (value !== null) settings.set(name, value);
  }
  const capabilities = await host.capabilities();
  await host.close();
  return { settings, capabilities };
}
