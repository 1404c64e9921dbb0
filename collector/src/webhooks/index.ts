export { ALERT_EVENTS, type AlertEvent, type Message, messageOf, type RaisedAlert } from './alert.ts';
export type { Answer, DeliveryKey, NewDelivery, PendingDelivery, Progress } from './delivery.ts';
export { type DeliveryStore, NOT_CONFIGURED } from './delivery-store.ts';
export { deliveriesOf, endpointId, type WebhookEndpoint } from './endpoint.ts';
export { httpSend, SEND_LIMITS, type Send, type SendLimits } from './send.ts';
export { SECRET_SHAPE, type SigningKey, sign, signingKeys, verify } from './signature.ts';
export { wait } from './wait.ts';
export { type WebhookPorts, WebhookWorker } from './worker.ts';
