/**
 * `node --import sockscape/register app.js`: an unchanged program's net, dgram, dns, http, https, http2 and tls run over a
 * host of ours, with loopback and its own name, in real time.
 *
 *   SOCKSCAPE_HOSTNAME   the host's name; the machine's own when it is not set
 */
import { hostname } from 'node:os';
import { installHandles } from '../../api/node/install.ts';
import { NodeProgram } from '../../api/node/node-program.ts';
import { Loop } from '../../base/loop.ts';
import { Host } from '../../host.ts';
import { NodeEnvironment } from './environment.ts';
import { nameService } from './names.ts';
import { startProcess } from './start-process.ts';

export function register(): void {
  installHandles();
  const environment = new NodeEnvironment();
  environment.unref();
  const loop = new Loop(environment);
  const host = new Host({ name: process.env['SOCKSCAPE_HOSTNAME'] ?? hostname(), loop, random: environment.entropy });
  NodeProgram.outside = NodeProgram.on(host, startProcess(host, 'node'), nameService);
}
