/**
 * Socket addresses of the programs as bytes, and their text in a trace. Written apart from the project's own
 * `sockaddrIn`, so that a mistake there cannot hide on both sides.
 */

const AF_UNIX = 1;
const AF_NETLINK = 16;
const AF_INET = 2;
const AF_INET6 = 10;
export const SOCKADDR_IN_LEN = 16;
const SOCKADDR_NL_LEN = 12;
export const SOCKADDR_IN6_LEN = 28;

/** `struct sockaddr_in`. */
export function in4(host: string, port: number, family = AF_INET): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  host.split('.').forEach((part, i) => {
    bytes[4 + i] = Number(part);
  });
  return bytes;
}

/** `struct sockaddr_in6`; `host` as text with at most one `::` and perhaps an IPv4 tail. */
export function in6(host: string, port: number, scope = 0, family = AF_INET6): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN6_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  const [front, back] = host.split('::') as [string, string | undefined];
  const head = groups(front);
  const tail = groups(back ?? '');
  bytes.set(head, 8);
  bytes.set(tail, 8 + 16 - tail.length);
  view.setUint32(24, scope, true);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** `struct sockaddr_un` with exactly these bytes of path: no NUL is added. */
export function un(path: string, family = AF_UNIX): Uint8Array {
  const bytes = Uint8Array.from(`xx${path}`, (letter) => letter.charCodeAt(0));
  new DataView(bytes.buffer).setUint16(0, family, true);
  return bytes;
}

/** `struct sockaddr` with nothing but its family (AF_UNSPEC: dissolve an association). */
export function familyOnly(family: number, length = SOCKADDR_IN_LEN): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint16(0, family, true);
  return bytes;
}

/** The port in an address that a call returned. */
export function portOf(address: Uint8Array): number {
  return new DataView(address.buffer, address.byteOffset, address.length).getUint16(2);
}

/** A copy of an address with another port. */
export function withPort(address: Uint8Array, port: number): Uint8Array {
  const copy = Uint8Array.from(address);
  new DataView(copy.buffer).setUint16(2, port);
  return copy;
}

/**
 * An address as a trace shows it: every field, every byte. Ports of the ephemeral range are written `{port:N}`, which
 * the trace replaces by the order in which they appear.
 */
export function addressText(address: Uint8Array): string {
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  const family = address.length >= 2 ? view.getUint16(0, true) : -1;
  if (family === AF_INET && address.length === SOCKADDR_IN_LEN) {
    const padding = address.subarray(8).some((byte) => byte !== 0) ? ` zero=${hex(address.subarray(8))}` : '';
    return `in ${address.subarray(4, 8).join('.')}:${portText(view.getUint16(2))}${padding}`;
  }
  if (family === AF_INET6 && address.length === SOCKADDR_IN6_LEN) {
    const flow = view.getUint32(4);
    const scope = view.getUint32(24, true);
    return `in6 [${hex(address.subarray(8, 24))}]:${portText(view.getUint16(2))}`
      + `${flow === 0 ? '' : ` flow=${flow}`}${scope === 0 ? '' : ` scope=${scope}`}`;
  }
  if (family === AF_UNIX) {
    const name = String.fromCharCode(...address.subarray(2));
    // The name that the kernel chose (autobind).
    if (/^\0[0-9a-f]{5}$/.test(name)) return `un(${address.length}) {name:${name.slice(1)}}`;
    return `un(${address.length}) ${JSON.stringify(name)}`;
  }
  // The number of a netlink socket is its process's.
  if (family === AF_NETLINK && address.length === SOCKADDR_NL_LEN) {
    const [number, groups] = [view.getUint32(4, true), view.getUint32(8, true)];
    return `nl ${number === 0 ? 0 : `{pid:${number}}`} groups ${groups} pad ${view.getUint16(2)}`;
  }
  // Cut off for want of room; the port may be of the kernel's choice all the same.
  if ((family === AF_INET || family === AF_INET6) && address.length >= 4) {
    return `raw(${address.length}) ${hex(address.subarray(0, 2))} ${portText(view.getUint16(2))} ${hex(address.subarray(4))}`;
  }
  return `raw(${address.length}) ${hex(address)}`;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Linux's default range of automatic ports; programs choose their own ports below it. */
const EPHEMERAL_LOW = 32768;
const EPHEMERAL_HIGH = 60999;

function portText(port: number): string {
  return port >= EPHEMERAL_LOW && port <= EPHEMERAL_HIGH ? `{port:${port}}` : String(port);
}
