export {
  createNotifier,
  type Notifier,
  type NotifierSettings,
  type NotifierStatus,
  type WebhookSettings,
} from "./notifier.ts";
export type { ReceiverStatus } from "./outbox.ts";
export { postWebhook, type Post, type PostOutcome, type PostRequest } from "./transport.ts";
