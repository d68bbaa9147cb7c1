/**
 * What all parts of the code generator share during one compilation.
 */
import type { LinkLayer } from './link-layer.ts';
import type { FilterNames } from './names.ts';
import type { Direction } from './syntax-tree.ts';
import { and, compare, or, type Decision } from './decision.ts';
import type { Size, Value, ValueTable } from './value.ts';

export class Context {
  readonly values: ValueTable;
  readonly link: LinkLayer;
  readonly names: FilterNames;
  /** Of the network captured on, for `ip broadcast`; 0 when it is not known. */
  readonly netmask: number;

  constructor(values: ValueTable, link: LinkLayer, names: FilterNames, netmask: number) {
    this.values = values;
    this.link = link;
    this.names = names;
    this.netmask = netmask;
  }

  /** Bytes of the network header or behind it. */
  network(size: Size, at: number): Value {
    return this.values.load(size, this.link.networkAt + at);
  }

  equals(value: Value, k: number): Decision {
    return compare(this.values, value, 'equal', this.values.constant(k));
  }

  /** Whether the bits of `mask` in `value` are those of `k`. */
  equalsUnder(value: Value, mask: number, k: number): Decision {
    const masked = mask >>> 0 === 0xffffffff ? value : this.values.binary('&', value, this.values.constant(mask));
    return this.equals(masked, k);
  }
}

/** A test of the source and one of the destination, as the direction asks for them. The source comes first. */
export function directed(direction: Direction | null, source: Decision, destination: Decision): Decision {
  switch (direction) {
    case 'src':
      return source;
    case 'dst':
      return destination;
    case 'both':
      return and(source, destination);
    default:
      return or(source, destination);
  }
}
