import type { CommandJournal } from './commands.ts';

/** The in-memory twin of the journal of commands, for tests and simulations. Everything appended is durable at once. */
export class MemoryCommandJournal implements CommandJournal {
  readonly texts: string[] = [];

  async append(text: string): Promise<void> {
    this.texts.push(text);
  }

  async *read(): AsyncGenerator<string> {
    yield* this.texts;
  }

  async committed(): Promise<void> {}
}
