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
}

/** Activities that do nothing but answer. */
export function createBareActivities(answers: BareAnswers): BareActivities {
  const answering =
    (name: keyof BareActivities): Activity =>
    async () =>
      answers[name];
  return {
    openRecovery: answering('openRecovery'),
    endReview: answering('endReview'),
    claimAttempt: answering('claimAttempt'),
    charge: answering('charge'),
    recordAttempt: answering('recordAttempt'),
    deliverNotice: answering('deliverNotice'),
    onboard: answering('onboard'),
  };
}
