/** SO_TIMESTAMP and its kin as control data: when a message came (__sock_recv_timestamp). */
import type { ReceiveResult } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import { SO, SOL } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';

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

/** What is told of a message of every family whose sockets count what they lose (sock_recv_cmsgs). */
export function putMessageFacts(received: ReceiveResult, epochUs: number, writer: ControlWriter): void {
  const { told } = received;
  if ((told & Tell.Time) !== 0) putTime(writer, epochUs + received.arrivedUs, told);
  putLossAndMark(received, writer);
}

export function putLossAndMark({ told, lost, mark, priority }: ReceiveResult, writer: ControlWriter): void {
  if ((told & Tell.Lost) !== 0 && lost > 0) writer.put(SOL.SOCKET, SO.RXQ_OVFL, ints([lost | 0]));
  if ((told & Tell.Mark) !== 0) writer.put(SOL.SOCKET, SO.MARK, ints([mark]));
  if ((told & Tell.Priority) !== 0) writer.put(SOL.SOCKET, SO.PRIORITY, ints([priority]));
}
