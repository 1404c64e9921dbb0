/** Name and version of our instrumentation scope; a test keeps them equal to package.json. */
export const INSTRUMENTATION_NAME = '@spanledger/instrumentation';
export const INSTRUMENTATION_VERSION = '0.1.0';
