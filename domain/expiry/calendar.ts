/**
 * When a card's month is over, and how long before that its customer is written to (specification: workflows, 4). Days are
 * those of UTC−12, where each day ends last: a card is good until its last day is over everywhere on earth.
 */

const DAY_MS = 24 * 3_600_000;

/** The stage of a notice ahead of the end: `notice_60` covers the days from the next stage's up to the 60th. */
export type NoticeStage = `notice_${number}`;
export type ExpiryStage = NoticeStage | 'card_expired';

const UTC_MINUS_12_MS = 12 * 3_600_000;

/** Today where days end last, `YYYY-MM-DD`. @param now epoch milliseconds */
export function today(now: number): string {
  return new Date(now - UTC_MINUS_12_MS).toISOString().slice(0, 10);
}

/** The moment at which that day begins where days end last, epoch milliseconds. @param day `YYYY-MM-DD` */
export function startOfDay(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) + UTC_MINUS_12_MS;
}

/**
 * How many days a card is good after today: 0 on its last one, negative once that is over.
 * @param expiresOn its last day, `YYYY-MM-DD`
 */
export function daysLeft(expiresOn: string, now: number): number {
  return Math.round((Date.parse(expiresOn) - Date.parse(today(now))) / DAY_MS);
}

/**
 * Which stage a card has reached; `undefined`: none yet.
 * @param stages days before the end, policy `expiry.stages`
 */
export function stageOf(expiresOn: string, now: number, stages: readonly number[]): ExpiryStage | undefined {
  const left = daysLeft(expiresOn, now);
  if (left < 0) return 'card_expired';
  const reached = stages.filter((stage) => left <= stage);
  return reached.length === 0 ? undefined : `notice_${Math.min(...reached)}`;
}

/** The last day of a card that has reached any stage by now, `YYYY-MM-DD`. */
export function horizon(now: number, stages: readonly number[]): string {
  return today(now + Math.max(0, ...stages) * DAY_MS);
}

/** The month in which a card ends, `YYYY-MM`. @param expiresOn `YYYY-MM-DD` */
export function monthOf(expiresOn: string): string {
  return expiresOn.slice(0, 7);
}

/** How a card keeps which notice was last decided on, e.g. `2026-12:notice_60`. */
export function noticeKey(expiresOn: string, stage: ExpiryStage): string {
  return `${monthOf(expiresOn)}:${stage}`;
}

/**
 * Is a stage news to a customer for whom that notice was decided on last? One about another month of the same card is
 * over with that month; of the same month only a later stage is news, so that a clock that goes wrong repeats nothing.
 * @param lastNoticeKey as `noticeKey` gives it; `null`: none yet
 */
export function isNewStage(expiresOn: string, stage: ExpiryStage, lastNoticeKey: string | null): boolean {
  if (lastNoticeKey === null) return true;
  const [month, last] = lastNoticeKey.split(':') as [string, ExpiryStage];
  return month !== monthOf(expiresOn) || daysBeforeEnd(stage) < daysBeforeEnd(last);
}

/** How many days before a card's end the stage begins. */
export function daysBeforeEnd(stage: ExpiryStage): number {
  return stage === 'card_expired' ? -1 : Number(stage.slice('notice_'.length));
}
