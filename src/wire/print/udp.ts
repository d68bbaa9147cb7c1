/**
 * UDP datagrams in words; payload is never decoded, whatever its port.
 *
 * Called by ip-payload.ts.
 */
import { hex } from './addresses.ts';
import { expectedChecksum, residue4, residue6 } from './checksum.ts';
import type { Dissection } from './dissection.ts';
import { IpProtocol } from './protocol-names.ts';

const UDP_HEADER_LEN = 8;

export function printUdp(d: Dissection, at: number, payloadLength: number, ipAt: number, fragment: boolean): void {
  d.protocol = 'udp';
  const v6 = d.u8(ipAt) >> 4 === 6;
  if (!d.has(at + 2, 2)) {
    // Behind an extension header the addresses have been printed already.
    if (v6) {
      if (d.u8(ipAt + 6) === IpProtocol.Udp) d.put(`${d.host6(ipAt + 8)} > ${d.host6(ipAt + 24)}: `);
    } else if (d.u8(ipAt + 9) === IpProtocol.Udp) {
      d.put(`${d.host4(ipAt + 12)} > ${d.host4(ipAt + 16)}: `);
    }
    d.truncated();
    return;
  }
  printAddresses(d, at, ipAt, v6);
  let length = payloadLength;
  if (length < UDP_HEADER_LEN) {
    d.put(`truncated-udp ${length}`);
    return;
  }
  if (!d.has(at + 4, 2)) return d.truncated();
  let dataLen = d.u16(at + 4);
  // RFC 2675: a jumbogram's length does not fit the field, which is then zero.
  if (dataLen === 0 && length > 65535) dataLen = length;
  if (dataLen < UDP_HEADER_LEN) {
    d.put(`truncated-udplength ${dataLen}`);
    return;
  }
  dataLen -= UDP_HEADER_LEN;
  length = Math.min(length - UDP_HEADER_LEN, dataLen);
  if (!d.has(at, UDP_HEADER_LEN)) return d.truncated();
  if (d.options.verbose > 0 && !fragment) printChecksum(d, at, length, ipAt);
  d.put(dataLen > length && !fragment ? `UDP, bad length ${dataLen} > ${length}` : `UDP, length ${dataLen}`);
}

function printAddresses(d: Dissection, at: number, ipAt: number, v6: boolean): void {
  const source = d.port('udp', d.u16(at));
  const destination = d.port('udp', d.u16(at + 2));
  if (v6 && d.u8(ipAt + 6) === IpProtocol.Udp) {
    d.put(`${d.host6(ipAt + 8)}.${source} > ${d.host6(ipAt + 24)}.${destination}: `);
  } else if (!v6 && d.u8(ipAt + 9) === IpProtocol.Udp) {
    d.put(`${d.host4(ipAt + 12)}.${source} > ${d.host4(ipAt + 16)}.${destination}: `);
  } else {
    d.put(`${source} > ${destination}: `);
  }
}

function printChecksum(d: Dissection, at: number, length: number, ipAt: number): void {
  const version = d.u8(ipAt) >> 4;
  const whole = d.has(at + UDP_HEADER_LEN, length);
  let left = 0;
  if (version === 4 && d.options.verbose > 1) {
    // Over IPv4 a datagram may do without.
    if (d.u16(at + 6) === 0) return d.put('[no cksum] ');
    if (!whole) return;
    left = residue4(d, ipAt, at, length + UDP_HEADER_LEN, IpProtocol.Udp);
  } else if (version === 6) {
    if (!whole) return;
    left = residue6(d, ipAt, at, length + UDP_HEADER_LEN, IpProtocol.Udp);
  } else {
    return;
  }
  const field = d.u16(at + 6);
  if (left === 0) d.put('[udp sum ok] ');
  else d.put(`[bad udp cksum 0x${hex(field, 4)} -> 0x${hex(expectedChecksum(field, left), 4)}!] `);
}
