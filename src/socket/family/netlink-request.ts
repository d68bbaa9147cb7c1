/** Requests of NETLINK_ROUTE, opened: the header of a kind, and its attributes (nlmsg_parse_deprecated). */
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { attributeText, attributeUint32, readAttributes } from '../../wire/netlink.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';

/** The shortest value that an attribute may have; texts have at most as many bytes as a negative one says. */
export type Policy = ReadonlyMap<number, number>;

export class OpenRequest {
  /** The message's body; its header has its full length. */
  readonly view: DataView;
  private readonly attributes: ReadonlyMap<number, Uint8Array>;

  constructor(view: DataView, attributes: ReadonlyMap<number, Uint8Array>) {
    this.view = view;
    this.attributes = attributes;
  }

  has(type: number): boolean {
    return this.attributes.has(type);
  }

  get(type: number): Uint8Array | undefined {
    return this.attributes.get(type);
  }

  uint32(type: number): number | null {
    const value = this.attributes.get(type);
    return value === undefined ? null : attributeUint32(value);
  }

  text(type: number): string | null {
    const value = this.attributes.get(type);
    return value === undefined ? null : attributeText(value);
  }

  /** An address of the family; null when it is not there, or has another family's length. */
  address(type: number, isV4: boolean): IpAddress | null {
    const value = this.attributes.get(type);
    const length = isV4 ? 4 : 16;
    return value === undefined || value.length < length ? null : IpAddress.fromBytes(value.subarray(0, length));
  }
}

/** Reads a request whose body begins with a header of so many bytes; a negative errno when it will not do. */
export function openRequest(
  request: NetlinkRequest, headerLen: number, policy: Policy, tooShort = 'Invalid header length',
): OpenRequest | number {
  const { body } = request.message;
  if (body.length < headerLen) return request.refuse(Errno.EINVAL, tooShort);
  const attributes = readAttributes(body.subarray(headerLen));
  for (const [type, value] of attributes) {
    const length = policy.get(type);
    if (length === undefined) continue;
    const isRight = length < 0 ? value.length > 0 && textLength(value) <= -length : value.length >= length;
    if (!isRight) return request.refuse(Errno.ERANGE, 'Attribute failed policy validation');
  }
  return new OpenRequest(new DataView(body.buffer, body.byteOffset, body.length), attributes);
}

/** Without the NUL that may end it. */
function textLength(value: Uint8Array): number {
  return value.length > 0 && value[value.length - 1] === 0 ? value.length - 1 : value.length;
}
