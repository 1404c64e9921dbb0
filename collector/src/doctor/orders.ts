/** How a capture is sent: the result must not depend on it. */
export const ORDERS = ['forwards', 'backwards', 'one-per-request', 'twice'] as const;
export type Order = (typeof ORDERS)[number];
