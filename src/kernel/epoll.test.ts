import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Errno } from '../base/errno.ts';
import { KernelMemory } from '../base/kernel-memory.ts';
import { Settings } from '../base/settings.ts';
import { Poll } from '../base/wait-queue.ts';
import { Epoll, MAX_USER_WATCHES } from './epoll.ts';
import { EventCounter } from './eventfd.ts';
import { FileTable } from './file-table.ts';
import { OpenFile } from './open-file.ts';
import { UserCounts } from './user-counts.ts';

const USER = 1000;

test('fs.epoll.max_user_watches: what a user watches no more, by EPOLL_CTL_DEL, close(2) or the end of the epoll, is free again', () => {
  const watches = new UserCounts();
  const [one, other] = [new Epoll(watches, USER), new Epoll(watches, USER)];
  const table = new FileTable(new KernelMemory(), new Settings());
  const files = [0, 1, 2].map(() => new OpenFile(new EventCounter(0, false), table));
  for (const file of files) file.hold();
  files.forEach((file, fd) => equal(one.add(file, fd, Poll.IN, 0), 0));
  equal(other.add(files[0] as OpenFile, 0, Poll.IN, 0), 0);
  equal(watches.of(USER), 4);
  watches.add(USER, MAX_USER_WATCHES - 4);
  equal(other.add(files[1] as OpenFile, 1, Poll.IN, 0), -Errno.ENOSPC);
  watches.add(USER, 4 - MAX_USER_WATCHES);
  one.remove(files[0] as OpenFile, 0);
  equal(watches.of(USER), 3);
  (files[1] as OpenFile).letGo();
  equal(watches.of(USER), 2);
  one.release();
  other.release();
  equal(watches.of(USER), 0);
});
