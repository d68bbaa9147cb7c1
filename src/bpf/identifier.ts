/**
 * Names, numbers and addresses behind their qualifiers: which test `host 10.1`, `port http` or `ip proto \tcp` is.
 *
 * Called by generate.ts for each of them.
 */
import { parseV4, parseV6 } from '../base/inet-text.ts';
import { hasEthernetAddress, hasIpv4Address, hasIpv6Address } from './address-tests.ts';
import type { Context } from './context.ts';
import { FilterError } from './filter-error.ts';
import { ETHERNET_PROTOCOLS } from './link-layer.ts';
import { IP_PROTOCOLS, type PortProtocol } from './names.ts';
import { hasPort } from './port-tests.ts';
import { carriesNumber } from './protocol-tests.ts';
import type { Identifier, Qualifiers } from './syntax-tree.ts';
import { NEVER, or, type Decision } from './decision.ts';

const ALL_ONES = 0xffffffff;
const LARGEST_PORT = 65535;

export function matches(context: Context, identifier: Identifier, qualifiers: Qualifiers): Decision {
  const { token } = identifier;
  switch (token.kind) {
    case 'number':
      return matchesNumber(context, token.value, qualifiers, token.at);
    case 'name':
      return matchesName(context, token.text, qualifiers, token.at);
    case 'ipv4':
      return matchesIpv4(context, identifier, token.text, qualifiers, token.at);
    case 'ipv6':
      return matchesIpv6(context, identifier.prefixLen, token.text, token.bytes, qualifiers, token.at);
    case 'ethernet':
      return hasEthernetAddress(context, token.bytes, qualifiers, token.at);
  }
}

function matchesNumber(context: Context, value: number, qualifiers: Qualifiers, at: number): Decision {
  switch (qualifiers.type) {
    case 'default':
    case 'host':
      return hasIpv4Address(context, value, ALL_ONES, qualifiers, at);
    case 'net': {
      // `net 10` is 10.0.0.0/8: the number is moved up to the first byte.
      let address = value;
      let mask = ALL_ONES;
      while (address !== 0 && address <= 0xffffff) {
        address *= 256;
        mask = (mask << 8) >>> 0;
      }
      return hasIpv4Address(context, address, mask, qualifiers, at);
    }
    case 'port':
    case 'portrange':
      return hasPort(context, portNumber(value, at), value, qualifiers.direction, portProtocol(qualifiers, at));
    case 'proto':
      return carriesNumber(context, qualifiers.protocol, value, at);
  }
}

/* ---- Addresses ---- */

function matchesIpv4(context: Context, identifier: Identifier, text: string, qualifiers: Qualifiers, at: number): Decision {
  const { prefixLen, mask: maskText } = identifier;
  const { address, mask: written } = partialAddress(text, at);
  if (qualifiers.type === 'proto') throw new FilterError(at, `'${text}' is an address, not a protocol`);
  if (qualifiers.type === 'port' || qualifiers.type === 'portrange') throw new FilterError(at, `'${text}' is an address, not a port`);
  if (prefixLen < 0 && maskText === null) return hasIpv4Address(context, address, written, qualifiers, at);
  if (qualifiers.type !== 'net') throw new FilterError(at, `only a net has a mask: write 'net ${text}'...`);
  if (prefixLen > 32) throw new FilterError(at, `/${prefixLen}: a prefix of an IPv4 address has up to 32 bits`);
  const mask = maskText === null ? prefixMask(prefixLen) : partialAddress(maskText, at).address;
  if ((address & ~mask) !== 0) throw new FilterError(at, `'${text}' has bits outside its mask`);
  return hasIpv4Address(context, address, mask, qualifiers, at);
}

/** One to four bytes from the front, and the mask that covers them. */
function partialAddress(text: string, at: number): { readonly address: number; readonly mask: number } {
  const parts = text.split('.').map(Number);
  if (parts.some((part) => part > 255)) throw new FilterError(at, `'${text}' is no IPv4 address`);
  const address = [0, 1, 2, 3].reduce((sum, i) => sum * 256 + (parts[i] ?? 0), 0);
  return { address, mask: prefixMask(8 * parts.length) };
}

function prefixMask(bits: number): number {
  return bits === 0 ? 0 : (ALL_ONES << (32 - bits)) >>> 0;
}

function matchesIpv6(
  context: Context, prefixLen: number, text: string, address: Uint8Array, qualifiers: Qualifiers, at: number,
): Decision {
  const { type } = qualifiers;
  if (type === 'port' || type === 'portrange' || type === 'proto') throw new FilterError(at, `'${text}' is an address, not a ${type}`);
  if (prefixLen > 128) throw new FilterError(at, `/${prefixLen}: a prefix of an IPv6 address has up to 128 bits`);
  const bits = prefixLen < 0 ? 128 : prefixLen;
  if (type !== 'net' && bits !== 128) throw new FilterError(at, `only a net has a prefix: write 'net ${text}/${bits}'`);
  const mask = Uint8Array.from({ length: 16 }, (_, i) => (0xff00 >> Math.max(0, Math.min(8, bits - 8 * i))) & 0xff);
  const isBeyond = address.some((byte, i) => (byte & ~(mask[i] as number)) !== 0);
  if (isBeyond) throw new FilterError(at, `'${text}' has bits outside its prefix /${bits}`);
  return hasIpv6Address(context, address, mask, qualifiers, at);
}

/* ---- Names ---- */

function matchesName(context: Context, name: string, qualifiers: Qualifiers, at: number): Decision {
  switch (qualifiers.type) {
    case 'default':
    case 'host':
      if (qualifiers.protocol === 'link') return matchesEthernetHost(context, name, qualifiers, at);
      return matchesHost(context, name, qualifiers, at);
    case 'net': {
      const network = context.names.network?.(name) ?? null;
      if (network === null) throw new FilterError(at, `unknown network '${name}'`);
      const { address, mask } = partialAddress(network, at);
      return hasIpv4Address(context, address, mask, qualifiers, at);
    }
    case 'port': {
      const { port, protocol } = namedPort(context, name, portProtocol(qualifiers, at), at);
      return hasPort(context, port, port, qualifiers.direction, protocol);
    }
    case 'portrange':
      return matchesRange(context, name, qualifiers, at);
    case 'proto':
      return carriesNumber(context, qualifiers.protocol, namedProtocol(context, name, qualifiers, at), at);
  }
}

function matchesEthernetHost(context: Context, name: string, qualifiers: Qualifiers, at: number): Decision {
  const address = context.names.ethernetHost?.(name) ?? null;
  if (address === null) throw new FilterError(at, `unknown Ethernet host '${name}'`);
  return hasEthernetAddress(context, address, qualifiers, at);
}

/** Any of the host's addresses that go with the protocol asked for. */
function matchesHost(context: Context, name: string, qualifiers: Qualifiers, at: number): Decision {
  const addresses = context.names.host?.(name) ?? [];
  const { protocol } = qualifiers;
  let any = NEVER;
  let tests = 0;
  for (const text of addresses) {
    const v4 = protocol === 'ip6' ? null : parseV4(text);
    const v6 = protocol === null || protocol === 'ip6' ? parseV6(text) : null;
    if (v4 === null && v6 === null) continue;
    tests++;
    const test =
      v4 === null
        ? hasIpv6Address(context, v6 as Uint8Array, new Uint8Array(16).fill(0xff), qualifiers, at)
        : hasIpv4Address(context, partialAddress(text, at).address, ALL_ONES, qualifiers, at);
    any = or(any, test);
  }
  if (tests === 0) throw new FilterError(at, `unknown host '${name}'${addresses.length > 0 ? ` for ${protocol}` : ''}`);
  return any;
}

/** By name, or by number in what `ether proto` and the others count in. */
function namedProtocol(context: Context, name: string, { protocol }: Qualifiers, at: number): number {
  const number =
    protocol === 'link'
      ? Object.hasOwn(ETHERNET_PROTOCOLS, name) ? ETHERNET_PROTOCOLS[name as keyof typeof ETHERNET_PROTOCOLS] : null
      : (IP_PROTOCOLS.get(name) ?? context.names.protocol?.(name) ?? null);
  if (number === null) throw new FilterError(at, `unknown ${protocol === 'link' ? 'Ethernet ' : ''}protocol '${name}'`);
  return number;
}

/* ---- Ports ---- */

function portProtocol({ protocol, type }: Qualifiers, at: number): PortProtocol | null {
  if (protocol === null || protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return protocol;
  throw new FilterError(at, `'${protocol}' has no ports: '${type}' goes with tcp, udp and sctp`);
}

function portNumber(value: number, at: number): number {
  if (value > LARGEST_PORT) throw new FilterError(at, `${value} is no port: they end at ${LARGEST_PORT}`);
  return value;
}

interface NamedPort {
  readonly port: number;
  readonly protocol: PortProtocol | null;
}

/** A service that only one protocol has is looked for in that one. */
function namedPort(context: Context, name: string, wanted: PortProtocol | null, at: number): NamedPort {
  const tcp = context.names.port?.(name, 'tcp') ?? null;
  const udp = context.names.port?.(name, 'udp') ?? null;
  const port = tcp ?? udp;
  if (port === null) throw new FilterError(at, `unknown port '${name}'`);
  const only = tcp !== null && tcp === udp ? null : tcp !== null ? 'tcp' : 'udp';
  if (wanted !== null && only !== null && only !== wanted) throw new FilterError(at, `port '${name}' is one of ${only}, not of ${wanted}`);
  return { port, protocol: wanted ?? only };
}

/** `80-90`, `http-https`; the ends may come in either order. */
function matchesRange(context: Context, text: string, qualifiers: Qualifiers, at: number): Decision {
  const wanted = portProtocol(qualifiers, at);
  // Names have hyphens, too: those that do cannot stand in a range, since the first hyphen divides.
  const hyphen = text.indexOf('-');
  const [first, last] = [text.slice(0, hyphen), text.slice(hyphen + 1)].map((end) => rangeEnd(context, end, wanted, at));
  if (hyphen >= 0 && first != null && last != null) {
    const protocol = first.protocol === last.protocol ? first.protocol : null;
    return hasPort(context, Math.min(first.port, last.port), Math.max(first.port, last.port), qualifiers.direction, protocol);
  }
  throw new FilterError(at, `'${text}' is no range of ports`);
}

function rangeEnd(context: Context, text: string, wanted: PortProtocol | null, at: number): NamedPort | null {
  if (/^[0-9]+$/.test(text)) return { port: portNumber(Number(text), at), protocol: wanted };
  try {
    return namedPort(context, text, wanted, at);
  } catch (error) {
    if (error instanceof FilterError) return null;
    throw error;
  }
}
