const OpenAI = require('openai');
const { runCases } = require('./cases.mjs');

runCases(OpenAI).then((outcomes) => console.log(JSON.stringify(outcomes)));
