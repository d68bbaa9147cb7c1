/** SO_TIMESTAMP and its kin as control data: when a message came (__sock_recv_timestamp). */
import { Tell } from '../../transport/tell.ts';
import { SO, SOL } from '../constants.ts';
import type { ControlWriter } from '../control.ts';

/** struct timeval or struct timespec, by the bits of `told`. `epochUs` counts from 1970. */
export function putTime(writer: ControlWriter, epochUs: number, told: number): void {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const seconds = Math.floor(epochUs / 1e6);
  const us = Math.floor(epochUs - seconds * 1e6);
  const isNano = (told & Tell.Nanoseconds) !== 0;
  view.setUint32(0, seconds, true);
  view.setUint32(4, seconds / 4294967296, true);
  view.setUint32(8, isNano ? us * 1000 : us, true);
  const isNew = (told & Tell.NewTime) !== 0;
  if (isNano) writer.put(SOL.SOCKET, isNew ? SO.TIMESTAMPNS_NEW : SO.TIMESTAMPNS, bytes);
  else writer.put(SOL.SOCKET, isNew ? SO.TIMESTAMP_NEW : SO.TIMESTAMP, bytes);
}
