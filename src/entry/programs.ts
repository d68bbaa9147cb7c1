/**
 * `sockscape/programs`: programs as functions over a `Process`, in Node and in a page.
 *
 *   const pid = await shell.spawn(ping, ['-c', '3', '192.0.2.2']);
 *   const { status } = await shell.waitpid(pid);
 */
export { CATALOGUE, type ProgramEntry } from '../programs/catalogue.ts';
export { chargen } from '../programs/chargen.ts';
export { discard } from '../programs/discard.ts';
export { echo } from '../programs/echo.ts';
export { http } from '../programs/http.ts';
export { ip } from '../programs/ip.ts';
export { ipcrm } from '../programs/ipcrm.ts';
export { ipcs } from '../programs/ipcs.ts';
export { lsof } from '../programs/lsof.ts';
export { nc } from '../programs/nc/nc.ts';
export { nameServer } from '../programs/name-server.ts';
export { ping } from '../programs/ping/ping.ts';
export { ss } from '../programs/ss.ts';
export { tcpdump, type TcpdumpFiles } from '../programs/tcpdump/tcpdump.ts';
export { telnet } from '../programs/telnet.ts';
export { traceroute } from '../programs/traceroute/traceroute.ts';
export { wrote } from '../programs/wrote.ts';
