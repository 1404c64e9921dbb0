import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Client, Program } from './clients.ts';
import type { Answer, Conversation } from './conversation.ts';

/** Longer than any client takes for everything on a slow machine; one that hangs is ended. */
const CLIENT_TIMEOUT_MS = 60_000;

/** Every client lives in a zone that is neither the server's nor that of most machines, so that times show it. */
const ZONE = 'Asia/Kolkata';

/**
 * Has one client go through a conversation.
 *
 * @throws when it ends before its last answer, with what it said
 */
export async function runClient(
  client: Client,
  conversation: Conversation,
  folder: string,
): Promise<ReadonlyMap<string, Answer>> {
  const { command, args } = await client.program(folder);
  const child = spawn(command, args, { env: environment(), stdio: 'pipe', timeout: CLIENT_TIMEOUT_MS });
  const ended = once(child, 'close');
  const complaints = text(child.stderr);
  child.stdin.on('error', () => {}); // what has ended does not read; why it has, it says itself
  child.stdin.end(JSON.stringify(conversation));
  const answers = new Map<string, Answer>();
  for await (const line of createInterface({ input: child.stdout })) {
    const answer: Answer = JSON.parse(line);
    answers.set(answer.id, answer);
  }
  const [code, signal] = await ended;
  if (code !== 0)
    throw new Error(
      `${client.name} ended with ${code ?? signal} after ${answers.size} answers: ${await complaints}`,
    );
  return answers;
}

/**
 * What a program writes that people are shown.
 *
 * @throws when it fails, with what it said
 */
export async function runShown({ command, args }: Program): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    env: environment(),
    timeout: CLIENT_TIMEOUT_MS,
  });
  return stdout;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, TZ: ZONE, PYTHONDONTWRITEBYTECODE: '1' };
}
