/** The real kernel as a side of the oracle: each program gets a network namespace and an empty /tmp of its own. */
import { compileAgent, LinuxHost } from '../../src/platform/node/oracle/linux-host.ts';
import type { Side, SideHost } from './program.ts';

/**
 * Settings whose value is the machine's choice and shows in results: our host takes over what the namespace has.
 */
export const SHARED_SETTINGS = [
  'net.core.rmem_default', 'net.core.rmem_max', 'net.core.wmem_default', 'net.core.wmem_max', 'net.core.somaxconn',
  'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem', 'net.ipv4.tcp_syn_retries', 'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_fin_timeout',
  'net.unix.max_dgram_qlen', 'net.ipv4.ip_default_ttl', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start',
];

/** Settings that a namespace inherits from the machine and that programs rely on. */
const PINNED_SETTINGS = {
  'net.ipv4.ip_local_port_range': '32768 60999',
};

export function linuxSide(agentSource: string, buildFolder: string): Side {
  const agent = compileAgent(agentSource, buildFolder);
  return {
    name: 'linux',
    async open(): Promise<SideHost> {
      const host = await LinuxHost.open(agent, PINNED_SETTINGS);
      return {
        async spawn() {
          const process = await host.spawn();
          return {
            calls: process, pid: process.pid, exit: () => process.exit(), limitDescriptors: (most) => process.limitDescriptors(most),
          };
        },
        sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        now: () => performance.now(),
        stuck: new Promise<never>(() => {}),
        close: () => host.close(),
      };
    },
  };
}

/** The values that Linux has for `SHARED_SETTINGS`; names this kernel does not know are left out. */
export async function linuxSettings(agentSource: string, buildFolder: string): Promise<Map<string, string>> {
  const host = await LinuxHost.open(compileAgent(agentSource, buildFolder), PINNED_SETTINGS);
  const values = new Map<string, string>();
  for (const name of SHARED_SETTINGS) {
    const value = await host.readSetting(name);
    if (value !== null) values.set(name, value);
  }
  await host.close();
  return values;
}
