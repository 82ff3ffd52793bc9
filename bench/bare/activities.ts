/** Results of Persona's activities, recorded from one real run, by the activity's name. */
export type BareAnswers = Readonly<Record<string, unknown>>;

type Activity = (input: unknown) => Promise<unknown>;

export interface BareActivities {
  openRecovery: Activity;
  endReview: Activity;
  claimAttempt: Activity;
  charge: Activity;
  recordAttempt: Activity;
  deliverNotice: Activity;
  onboard: Activity;
  applyOutcome: Activity;
}

/** What an activity writes before it returns. */
type Writes = Partial<Record<keyof BareActivities, (input: never) => Promise<void>>>;

/** Activities that only return a recorded result; those in `writes` write first. */
export function createBareActivities(answers: BareAnswers, writes: Writes): BareActivities {
  const activityFor =
    (name: keyof BareActivities): Activity =>
    async (input) => {
      await writes[name]?.(input as never);
      return answers[name];
    };
  return {
    openRecovery: activityFor('openRecovery'),
    endReview: activityFor('endReview'),
    claimAttempt: activityFor('claimAttempt'),
    charge: activityFor('charge'),
    recordAttempt: activityFor('recordAttempt'),
    deliverNotice: activityFor('deliverNotice'),
    onboard: activityFor('onboard'),
    applyOutcome: activityFor('applyOutcome'),
  };
}
