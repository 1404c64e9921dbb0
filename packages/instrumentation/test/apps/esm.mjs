import OpenAI from 'openai';
import { runCases } from './cases.mjs';

console.log(JSON.stringify(await runCases(OpenAI)));
