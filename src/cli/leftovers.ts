/**
 * The hosts of a command: made here, switched off here, and asked then what they have not let go.
 *
 * Called by tap.ts, demo-world.ts, half-open/, partition/ and slow-loris/, and by the tests' hosts on TAP devices: no command makes a host anywhere else
 * (test/interop/hosts.test.ts). With SOCKSCAPE_LEFTOVERS=FILE a command adds lines to that file: one when it begins to
 * have hosts, one that says what was left of them in the end.
 */
import { appendFileSync } from 'node:fs';
import { Host, type HostOptions } from '../host.ts';
import { type NodeWorld, simulate, type SimulateOptions } from '../platform/node/virtual/node-world.ts';
import { leftoversOf, SharedLeftovers } from '../sim/leftovers.ts';

/** What is said when hosts are about to be made. */
export const BEGINS = 'begins';
/** What is said of hosts that have left nothing behind. */
export const NOTHING = 'nothing';

/** Made before the hosts' devices, which hold memory too; ended when these have nothing to do any more. */
export class CommandHosts {
  private readonly shared = new SharedLeftovers();
  private readonly hosts: Host[] = [];

  constructor() {
    report(BEGINS);
  }

  make(options: HostOptions): Host {
    const host = new Host(options);
    this.hosts.push(host);
    return host;
  }

  /** Switches the hosts off, lets `letGo` close their devices, and says what is left. */
  end(letGo: () => void): string {
    for (const host of this.hosts) host.powerOff();
    letGo();
    const left = this.left();
    report(left);
    return left;
  }

  /** What is left of hosts that have been switched off, in one line; 'nothing' when all is well. */
  left(): string {
    const left = [...this.hosts.flatMap(leftoversOf), ...this.shared.words()];
    return left.length === 0 ? NOTHING : left.join('; ');
  }
}

/** A world of a command: when it has ended, its hosts are asked likewise. */
export async function commandWorld<T>(options: SimulateOptions, body: (world: NodeWorld) => Promise<T>): Promise<T> {
  report(BEGINS);
  const shared = new SharedLeftovers();
  let hosts: readonly Host[] = [];
  try {
    return await simulate(options, (world) => {
      hosts = world.hosts;
      return body(world);
    });
  } finally {
    const left = [...hosts.flatMap(leftoversOf), ...shared.words()];
    report(left.length === 0 ? NOTHING : left.join('; '));
  }
}

function report(what: string): void {
  const file = process.env['SOCKSCAPE_LEFTOVERS'];
  if (file !== undefined) appendFileSync(file, `${process.pid} ${what}\n`);
}
