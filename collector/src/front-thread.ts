import { parentPort, workerData } from 'node:worker_threads';
import { useJoinedPackages } from './joined-packages.ts';
import type { FromFront, FrontStart, ToFront } from './messages.ts';

if (parentPort === null) throw new Error('this is the program of a thread');
useJoinedPackages();
const { runFront } = await import('./front-service.ts');
runFront(workerData as FrontStart, {
  send: (message: FromFront) => parentPort?.postMessage(message),
  onMessage: (listener: (message: ToFront) => void) => parentPort?.on('message', listener),
});
