import { JOURNAL_DEFAULTS, type JournalFiles, JournalReader, JournalWriter } from './journal/index.ts';
import type { CommandJournal } from './ledger/commands.ts';

export interface CommandJournalOptions {
  readonly directory: string;
  readonly node: string;
  /** Bytes that stay free on the file system; below it commands are refused. */
  readonly minFreeBytes: number;
  readonly nowMillis: () => number;
  readonly files?: JournalFiles;
}

/** Commands are small, a few hundred bytes each: a segment holds some ten thousand. */
const SEGMENT_BYTES = 8 * 2 ** 20;
/** What is in the ledger is needed no more; an hour of it is kept for whoever looks for the cause of a trouble. */
const RETENTION = { maxAgeMs: 3_600_000, maxBytes: 32 * 2 ** 20 };

/** The journal of commands in a folder: the same files as those of the receiver, written by the ledger process. */
export class CommandJournalFolder implements CommandJournal {
  readonly #writer: JournalWriter;
  readonly #directory: string;
  #waiting = 0;

  private constructor(writer: JournalWriter, directory: string) {
    this.#writer = writer;
    this.#directory = directory;
  }

  /** @throws {SpanledgerError} SL_JOURNAL_WRITE_FAILED, SL_JOURNAL_NEWER_FORMAT */
  static async open(options: CommandJournalOptions): Promise<CommandJournalFolder> {
    const writer = await JournalWriter.open({
      ...options,
      segmentBytes: SEGMENT_BYTES,
      maxPendingBytes: JOURNAL_DEFAULTS.maxPendingBytes,
      maxBytes: JOURNAL_DEFAULTS.maxBytes,
      freeBytesPerLagByte: JOURNAL_DEFAULTS.freeBytesPerLagByte,
      retention: RETENTION,
    });
    return new CommandJournalFolder(writer, options.directory);
  }

  async append(text: string, recordedAtMillis: number): Promise<void> {
    this.#waiting++;
    try {
      await this.#writer.append({
        receivedAtMillis: recordedAtMillis,
        tenant: 'default',
        signal: 'commands',
        bodyType: 'json',
        bodyEncoding: 'identity',
        spans: 0,
        body: Buffer.from(text),
      });
    } finally {
      this.#waiting--;
    }
  }

  /** What is damaged is passed over: commands are numbered, so that the ledger sees what is missing. */
  async *read(): AsyncGenerator<string> {
    const reader = new JournalReader({ directory: this.#directory });
    try {
      const end = this.#writer.durableEnd;
      let from = null;
      for (;;) {
        const { items, next } = await reader.read(from, end, SEGMENT_BYTES);
        for (const item of items) {
          if (item.kind === 'record') yield Buffer.from(item.body).toString('utf8');
        }
        if (items.length === 0) return;
        from = next;
      }
    } finally {
      await reader.close();
    }
  }

  async committed(): Promise<void> {
    // What is still on its way to the disk may come after what was committed; the next commit covers it.
    if (this.#waiting === 0) await this.#writer.committed(this.#writer.durableEnd);
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }
}
