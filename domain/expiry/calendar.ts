/**
 * When a card's month is over, and how long before that its customer is notified (docs/reference/workflows.md, 'monitorExpiringCards'). Days are
 * those of UTC−12, where each day ends last: a card is valid until its last day is over everywhere on earth.
 */

const DAY_MS = 24 * 3_600_000;

/** The stage of a notice before the expiry: `notice_60` covers the days from the 60th before it to the next stage. */
export type NoticeStage = `notice_${number}`;
export type ExpiryStage = NoticeStage | 'card_expired';

const UTC_MINUS_12_MS = 12 * 3_600_000;

/** Today's date in UTC−12, `YYYY-MM-DD`. @param now epoch milliseconds */
export function today(now: number): string {
  return new Date(now - UTC_MINUS_12_MS).toISOString().slice(0, 10);
}

/** When that day starts in UTC−12, epoch milliseconds. @param day `YYYY-MM-DD` */
export function startOfDay(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) + UTC_MINUS_12_MS;
}

/**
 * How many days after today a card is valid: 0 on its last day, negative once that is over.
 * @param expiresOn its last day, `YYYY-MM-DD`
 */
export function daysLeft(expiresOn: string, now: number): number {
  return Math.round((Date.parse(expiresOn) - Date.parse(today(now))) / DAY_MS);
}

/**
 * The stage that a card has reached; `undefined`: none yet.
 * @param stages days before the end, policy `expiry.stages`
 */
export function stageOf(expiresOn: string, now: number, stages: readonly number[]): ExpiryStage | undefined {
  const left = daysLeft(expiresOn, now);
  if (left < 0) return 'card_expired';
  const reached = stages.filter((stage) => left <= stage);
  return reached.length === 0 ? undefined : `notice_${Math.min(...reached)}`;
}

/** The latest last day of cards that have reached a stage by now, `YYYY-MM-DD`. */
export function horizon(now: number, stages: readonly number[]): string {
  return today(now + Math.max(0, ...stages) * DAY_MS);
}

/** The month in which a card expires, `YYYY-MM`. @param expiresOn `YYYY-MM-DD` */
export function monthOf(expiresOn: string): string {
  return expiresOn.slice(0, 7);
}

/** The key under which a card stores its last notice, e.g. `2026-12:notice_60`. */
export function noticeKey(expiresOn: string, stage: ExpiryStage): string {
  return `${monthOf(expiresOn)}:${stage}`;
}

/**
 * Whether a stage needs a new notice after the last one. A notice about an earlier expiry month of the same card no
 * longer counts; within the month only a later stage is new, so that a wrong clock repeats no notice.
 * @param lastNoticeKey as returned by `noticeKey`; `null`: none yet
 */
export function isNewStage(expiresOn: string, stage: ExpiryStage, lastNoticeKey: string | null): boolean {
  if (lastNoticeKey === null) return true;
  const [month, last] = lastNoticeKey.split(':') as [string, ExpiryStage];
  return month !== monthOf(expiresOn) || daysBeforeEnd(stage) < daysBeforeEnd(last);
}

/** How many days before a card's last day the stage starts. */
export function daysBeforeEnd(stage: ExpiryStage): number {
  return stage === 'card_expired' ? -1 : Number(stage.slice('notice_'.length));
}
