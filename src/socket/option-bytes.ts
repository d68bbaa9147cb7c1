/** Option values as C lays them out on a little-endian 64-bit machine. */

export function readInt(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.length).getInt32(0, true);
}

export function intBytes(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes.subarray(0, Math.min(4, length));
}

/** A name such as an interface's, up to its NUL or the 15 bytes that Linux takes. */
export function readName(value: Uint8Array): string {
  let name = '';
  for (let i = 0; i < value.length && i < 15 && value[i] !== 0; i++) name += String.fromCharCode(value[i] as number);
  return name;
}

/** IP-level options take one byte as well as four, both ways. */
export function readIntOrByte(value: Uint8Array): number {
  return value.length >= 4 ? readInt(value) : (value[0] as number);
}

export function intOrByteBytes(value: number, length: number): Uint8Array {
  if (length < 4 && length > 0 && value >= 0 && value <= 255) return Uint8Array.of(value);
  return intBytes(value, length);
}

export function timevalBytes(us: number, length: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  if (us !== Infinity) {
    const seconds = Math.floor(us / 1000000);
    view.setUint32(0, seconds, true);
    view.setUint32(4, seconds / 4294967296, true);
    view.setUint32(8, us % 1000000, true);
  }
  return bytes.subarray(0, Math.min(16, length));
}
