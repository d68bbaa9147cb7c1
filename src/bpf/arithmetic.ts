/**
 * Arithmetic in filter expressions: values, and the tests under which they mean something.
 *
 * Called by generate.ts for both sides of a relation. `tcp[13]` is a value only in a first fragment of TCP over IPv4; the
 * relation it stands in holds for no other packet.
 */
import type { Context } from './context.ts';
import { FilterError } from './filter-error.ts';
import { hasIpv6NextHeader, IPV6_HEADER_LEN, isFirstFragment, isIpv4, isIpv6, isProtocol } from './protocol-tests.ts';
import type { Arithmetic } from './syntax-tree.ts';
import { ALWAYS, and, type Decision } from './decision.ts';
import { IpProto } from '../wire/protocols.ts';
import type { Size, Value } from './value.ts';

export interface Guarded {
  readonly value: Value;
  readonly guard: Decision;
}

export function evaluate(context: Context, tree: Arithmetic): Guarded {
  const { values } = context;
  switch (tree.kind) {
    case 'number':
      return { value: values.constant(tree.value), guard: ALWAYS };
    case 'length':
      return { value: values.length(), guard: ALWAYS };
    case 'negate': {
      const { value, guard } = evaluate(context, tree.of);
      return { value: values.negate(value), guard };
    }
    case 'binary':
      return binary(context, tree);
    case 'packet':
      return packetData(context, tree);
  }
}

function binary(context: Context, { at, operator, left, right }: Arithmetic & { kind: 'binary' }): Guarded {
  const first = evaluate(context, left);
  const second = evaluate(context, right);
  if (second.value.kind === 'constant') {
    const { k } = second.value;
    if (k === 0 && (operator === '/' || operator === '%')) throw new FilterError(at, 'division by zero');
    if (k > 31 && (operator === '<<' || operator === '>>')) throw new FilterError(at, `a shift by ${k}: numbers have 32 bits`);
  }
  // libpcap keeps the left operand's guard only: in `1000 / ip[8] > 5` nothing asks whether the packet is IPv4. Odd, but
  // a filter must mean the same in both.
  return { value: context.values.binary(operator, first.value, second.value), guard: first.guard };
}

function packetData(context: Context, { at, protocol, index, size: bytes }: Arithmetic & { kind: 'packet' }): Guarded {
  const { values, link } = context;
  const size = bytes as Size;
  const inner = evaluate(context, index);
  switch (protocol) {
    case 'link':
      return { value: values.load(size, 0, inner.value), guard: inner.guard };
    case 'ip':
    case 'ip6':
    case 'arp':
    case 'rarp':
    case 'atalk':
    case 'decnet':
    case 'lat':
    case 'sca':
    case 'mopdl':
    case 'moprc':
      return { value: values.load(size, link.networkAt, inner.value), guard: and(inner.guard, isProtocol(context, protocol, at)) };
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'icmp':
    case 'igmp':
    case 'igrp':
    case 'pim':
    case 'vrrp':
    case 'carp': {
      const offset = values.binary('+', values.headerLength(link.networkAt), inner.value);
      const guard = and(isIpv4(context), inner.guard, isProtocol(context, protocol, at), isFirstFragment(context));
      return { value: values.load(size, link.networkAt, offset), guard };
    }
    case 'icmp6':
      return {
        value: values.load(size, link.networkAt + IPV6_HEADER_LEN, inner.value),
        guard: and(inner.guard, isIpv6(context), hasIpv6NextHeader(context, IpProto.Icmp6)),
      };
    default:
      throw new FilterError(at, `'${protocol}' has no data that could be looked at by offset`);
  }
}
