/** Answers of Persona's activities, as one real run gave them, by the activity's name. */
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

/** What an activity writes before it answers. */
type Writes = Partial<Record<keyof BareActivities, (input: never) => Promise<void>>>;

/** Activities that do nothing but answer; those of `writes` write before. */
export function createBareActivities(answers: BareAnswers, writes: Writes): BareActivities {
  const answering =
    (name: keyof BareActivities): Activity =>
    async (input) => {
      await writes[name]?.(input as never);
      return answers[name];
    };
  return {
    openRecovery: answering('openRecovery'),
    endReview: answering('endReview'),
    claimAttempt: answering('claimAttempt'),
    charge: answering('charge'),
    recordAttempt: answering('recordAttempt'),
    deliverNotice: answering('deliverNotice'),
    onboard: answering('onboard'),
    applyOutcome: answering('applyOutcome'),
  };
}
