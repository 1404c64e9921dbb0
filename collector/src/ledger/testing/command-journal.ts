export { MemoryCommandJournal } from '../memory-command-journal.ts';
