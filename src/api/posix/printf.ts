/**
 * printf(3)'s formats: flags `-+ #0`, width, precision (also `*`), length modifiers (read and ignored: numbers are
 * JavaScript's), and the conversions d i u o x X c s p e E f F g G % as in the C locale. A bigint is printed in full.
 */
import { readBytes, readText, wrongKind } from '../../base/arguments.ts';

export type FormatArgument = number | bigint | string | Uint8Array;

const encoder = new TextEncoder();
const DIRECTIVE = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?(?:hh|h|ll|l|j|z|t|L)?([diuoxXcspeEfFgG%])/g;
/** What a format may make at most: a width or precision beyond it is a mistake, and would only eat memory. */
const MAX_FIELD = 1 << 20;

interface Directive {
  readonly flags: string;
  readonly width: number;
  /** -1 when there is none. */
  readonly precision: number;
  readonly conversion: string;
}

/** The bytes of `format` with its arguments. Throws a TypeError that names `call` for a directive that is none, or lacks its argument. */
export function formatted(call: string, format: string, args: readonly unknown[]): Uint8Array {
  readText(`${call}: format`, format);
  const parts: Uint8Array[] = [];
  let next = 0;
  const argument = (directive: string): FormatArgument => {
    if (next >= args.length) throw new TypeError(`${call}: '${directive}' in '${format}' has no argument`);
    const value = args[next++];
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
    return readBytes(`${call}: the argument of '${directive}'`, value, 'a number, a bigint, a string or a Uint8Array');
  };
  const star = (directive: string): number => {
    const value = argument(directive);
    if (typeof value === 'number') return Math.trunc(value);
    throw wrongKind(`${call}: the * of '${directive}'`, 'a number', value);
  };
  let at = 0;
  for (const found of format.matchAll(DIRECTIVE)) {
    parts.push(plain(call, format, at, found.index));
    at = found.index + found[0].length;
    const [whole, flags = '', widthText, precisionText, conversion = ''] = found;
    if (conversion === '%') {
      parts.push(encoder.encode('%'));
      continue;
    }
    let width = widthText === '*' ? star(whole) : Number(widthText ?? 0);
    const precision = precisionText === undefined ? -1 : precisionText === '*' ? star(whole) : Number(precisionText);
    let allFlags = flags;
    if (width < 0) {
      allFlags += '-';
      width = -width;
    }
    if (!(width <= MAX_FIELD) || !(precision <= MAX_FIELD)) throw new RangeError(`${call}: '${whole}' is wider than ${MAX_FIELD}`);
    parts.push(converted(call, argument(whole), { flags: allFlags, width, precision: precision < 0 ? -1 : precision, conversion }));
  }
  parts.push(plain(call, format, at, format.length));
  return joined(parts);
}

/** What stands between directives; a `%` in it would have to be one. */
function plain(call: string, format: string, from: number, to: number): Uint8Array {
  const text = format.slice(from, to);
  const stray = text.indexOf('%');
  if (stray >= 0) throw new TypeError(`${call}: '${text.slice(stray, stray + 4)}' in '${format}' is no directive`);
  return encoder.encode(text);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function converted(call: string, value: FormatArgument, directive: Directive): Uint8Array {
  const { conversion, flags, width, precision } = directive;
  if (conversion === 's' || conversion === 'c') {
    let bytes = typeof value === 'string' ? encoder.encode(value) : value instanceof Uint8Array ? value : encoder.encode(String(value));
    if (conversion === 'c') bytes = typeof value === 'number' ? Uint8Array.of(value) : bytes.subarray(0, 1);
    else if (precision >= 0) bytes = bytes.subarray(0, precision);
    const padding = new Uint8Array(Math.max(width - bytes.length, 0)).fill(0x20);
    return joined(flags.includes('-') ? [bytes, padding] : [padding, bytes]);
  }
  if (typeof value === 'string' || value instanceof Uint8Array) {
    throw new TypeError(`${call}: %${conversion} takes a number, not '${String(value)}'`);
  }
  return encoder.encode('diuoxXp'.includes(conversion) ? integer(call, value, directive) : real(Number(value), directive));
}

function signOf(negative: boolean, flags: string): string {
  return negative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
}

/** Puts sign or prefix, zeros or blanks, and digits together. */
function padded(prefix: string, digits: string, { flags, width }: Directive, zeros: boolean): string {
  const room = width - prefix.length - digits.length;
  if (room <= 0) return prefix + digits;
  if (flags.includes('-')) return prefix + digits + ' '.repeat(room);
  return zeros && flags.includes('0') ? prefix + '0'.repeat(room) + digits : ' '.repeat(room) + prefix + digits;
}

function integer(call: string, value: number | bigint, directive: Directive): string {
  const { conversion, flags, precision } = directive;
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${call}: %${conversion} takes an integer, not ${value}`);
  const whole = BigInt(typeof value === 'number' ? Math.trunc(value) : value);
  const signed = conversion === 'd' || conversion === 'i';
  // A negative number without a sign is what C's int would be.
  const unsigned = signed || whole >= 0n ? whole : BigInt.asUintN(whole >= -0x80000000n ? 32 : 64, whole);
  const magnitude = unsigned < 0n ? -unsigned : unsigned;
  const base = conversion === 'o' ? 8 : 'xXp'.includes(conversion) ? 16 : 10;
  let digits = magnitude.toString(base);
  if (conversion === 'X') digits = digits.toUpperCase();
  if (precision === 0 && magnitude === 0n) digits = '';
  if (digits.length < precision) digits = '0'.repeat(precision - digits.length) + digits;
  let prefix = signed ? signOf(unsigned < 0n, flags) : '';
  if (flags.includes('#') && base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
  if (base === 16 && (conversion === 'p' || (flags.includes('#') && magnitude !== 0n))) prefix = conversion === 'X' ? '0X' : '0x';
  return padded(prefix, digits, directive, precision < 0);
}

function real(value: number, directive: Directive): string {
  const { conversion, flags } = directive;
  const negative = value < 0 || Object.is(value, -0);
  const prefix = signOf(negative, flags);
  const magnitude = Math.abs(value);
  const kind = conversion.toLowerCase();
  const upper = conversion !== kind;
  if (!Number.isFinite(magnitude)) {
    const name = Number.isNaN(magnitude) ? 'nan' : 'inf';
    return padded(Number.isNaN(value) ? signOf(false, flags) : prefix, upper ? name.toUpperCase() : name, directive, false);
  }
  const precision = directive.precision < 0 ? 6 : directive.precision;
  let digits = general(magnitude, precision, flags);
  if (kind === 'f') digits = fixed(magnitude, precision);
  else if (kind === 'e') digits = exponential(magnitude, precision);
  if (flags.includes('#') && !digits.includes('.')) digits = digits.replace(/(?=e|$)/, '.');
  return padded(prefix, upper ? digits.toUpperCase() : digits, directive, true);
}

function powerOfTen(n: number): bigint {
  return BigInt(`1${'0'.repeat(n)}`);
}

/** The exact decimal digits of a double: an integer, and how many of its digits stand behind the point. */
function exactly(value: number): { digits: bigint; behind: number } {
  let digits = value;
  let behind = 0;
  let fives = 1n;
  while (!Number.isInteger(digits)) {
    digits *= 2;
    fives *= 5n;
    behind++;
  }
  return { digits: BigInt(digits) * fives, behind };
}

/** The value with `places` digits behind the point, rounded half to even as C does, as the digits of an integer of that many places. */
function rounded({ digits, behind }: { digits: bigint; behind: number }, places: number): string {
  // No double has more than 1,074: the others are written, not calculated.
  if (places >= behind) return `${digits}${'0'.repeat(places - behind)}`;
  const unit = powerOfTen(behind - places);
  const quotient = digits / unit;
  const twice = (digits % unit) * 2n;
  return String(twice > unit || (twice === unit && quotient % 2n === 1n) ? quotient + 1n : quotient);
}

function fixed(value: number, precision: number): string {
  const all = rounded(exactly(value), precision).padStart(precision + 1, '0');
  return precision === 0 ? all : `${all.slice(0, -precision)}.${all.slice(-precision)}`;
}

/** One digit, the point, `precision` digits, and the exponent. */
function exponential(value: number, precision: number): string {
  const { mantissa, exponent } = scientific(value, precision);
  const sign = exponent < 0 ? '-' : '+';
  const point = precision > 0 ? `.${mantissa.slice(1)}` : '';
  return `${mantissa[0]}${point}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function scientific(value: number, precision: number): { mantissa: string; exponent: number } {
  if (value === 0) return { mantissa: '0'.repeat(precision + 1), exponent: 0 };
  const exact = exactly(value);
  let exponent = exact.digits.toString().length - 1 - exact.behind;
  const places = precision - exponent;
  // With fewer places than none, whole digits are rounded away.
  const shifted = places >= 0 ? exact : { digits: exact.digits, behind: exact.behind - places };
  let mantissa = rounded(shifted, Math.max(places, 0));
  if (mantissa.length > precision + 1) {
    mantissa = mantissa.slice(0, precision + 1);
    exponent++;
  }
  return { mantissa, exponent };
}

function general(value: number, wanted: number, flags: string): string {
  const precision = wanted === 0 ? 1 : wanted;
  const { exponent } = scientific(value, precision - 1);
  const isFixed = exponent >= -4 && exponent < precision;
  const text = isFixed ? fixed(value, precision - 1 - exponent) : exponential(value, precision - 1);
  if (flags.includes('#') || !text.includes('.')) return text;
  return text.replace(/\.?0+(?=e|$)/, '');
}
