/**
 * The kernel's side of a TAP device: its addresses, and up. Called by cli/tap.ts; uses iproute2's `ip`.
 */
import { spawnSync } from 'node:child_process';
import { PlatformError } from './libc.ts';

/** Debian keeps `ip` where root's PATH looks and others' may not. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** Gives the interface its addresses (CIDR) and brings it up. */
export function configureKernelSide(name: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    // nodad: there is nobody else on this wire but us, and until the test is over the kernel would not answer.
    const flags = address.includes(':') ? ['nodad'] : [];
    ip(['address', 'add', address, 'dev', name, ...flags]);
  }
  ip(['link', 'set', 'dev', name, 'up']);
}

function ip(args: readonly string[]): void {
  const run = spawnSync('ip', args, { encoding: 'utf8', env: { ...process.env, PATH } });
  if (run.error !== undefined) throw new PlatformError(`cannot run ip (iproute2): ${run.error.message}`);
  if (run.status !== 0) throw new PlatformError(`ip ${args.join(' ')}: ${run.stderr.trim()}`);
}
