/** Which texts of the contracts are personal, where their values may be found, and why all others are not marked. */

/** Which random value a field gets. */
export type Form =
  | 'text'
  | 'email'
  | 'phone_number'
  | 'ip'
  | 'token'
  | 'gateway_customer_ref'
  | 'instrument_fingerprint';

export interface PersonalField {
  form: Form;
  /** The fields in which callers send it. */
  sent: readonly string[];
  /** The fields in which responses show it. */
  shown?: readonly string[];
  /** The operations whose responses show it. */
  shownBy?: RegExp;
  /** Plain in the graph, as docs/reference/graph.md says; otherwise sealed, or not stored at all. */
  inGraph?: true;
}

const PROMPTS = ['system_prompt', 'context', 'response_format'];
const EXPORT = /\/export|ExportCustomer/;
const ADDRESSES = /\/addresses|GetAddresses|GetVerifiedAddresses|\/export|ExportCustomer/;
const PROFILE = /\/profile|\/verify|GetCustomer$|FindCustomerByDigitalId|\/export|ExportCustomer/;

const address = (field: string) => ({
  sent: [`OnboardingRequest.address_details.${field}`, `AddressChange.${field}`, `AddressDetails.${field}`],
  shown: [`Address.${field}`, `Export.addresses.${field}`],
  shownBy: ADDRESSES,
});

export const PERSONAL: Readonly<Record<string, PersonalField>> = {
  email: {
    form: 'email',
    sent: [
      'OnboardingRequest.digital_identifiers.value',
      'OnboardingRequest.digital_identifiers.email',
      'OnboardingRequest.email',
      'ProfileChange.identifiers.value',
      'CreateCustomerRequest.email',
      'FindCustomerByDigitalIdRequest.value',
    ],
    shown: ['Profile.identifiers.value', 'DigitalIdentifier.value', 'Export.identifiers.value'],
    shownBy: PROFILE,
  },
  phone_number: {
    form: 'phone_number',
    sent: [
      'OnboardingRequest.digital_identifiers.phone',
      'OnboardingRequest.phone',
      'CreateCustomerRequest.phone',
      'DigitalIdentifierDetails.value',
    ],
    shownBy: PROFILE,
  },
  street1: { form: 'text', ...address('street1') },
  street2: { form: 'text', ...address('street2') },
  city: { form: 'text', ...address('city'), inGraph: true },
  zip_code: { form: 'text', ...address('zip_code'), inGraph: true },
  state: {
    form: 'text',
    ...address('state'),
    sent: [
      ...address('state').sent,
      'GET /internal/v1/customers/by-usage state',
      'FindCustomersByUsageRequest.state',
    ],
    inGraph: true,
  },
  fingerprint: {
    form: 'text',
    sent: ['OnboardingRequest.device_details.fingerprint', 'DeviceDetails.fingerprint'],
  },
  ip: { form: 'ip', sent: ['OnboardingRequest.device_details.ip', 'DeviceDetails.ip'] },
  user_agent: {
    form: 'text',
    sent: [
      'OnboardingRequest.device_details.user_agent',
      'DeviceDetails.user_agent',
      'GET /internal/v1/customers/by-usage user_agent',
      'FindCustomersByUsageRequest.user_agent',
    ],
    inGraph: true,
  },
  token: {
    form: 'token',
    sent: [
      'OnboardingRequest.payment_method_details.token',
      'NewPaymentMethod.token',
      'PaymentMethodDetails.token',
    ],
  },
  instrument_fingerprint: {
    form: 'instrument_fingerprint',
    sent: [
      'OnboardingRequest.payment_method_details.instrument_fingerprint',
      'PaymentMethodDetails.instrument_fingerprint',
    ],
    inGraph: true,
  },
  gateway_customer_ref: {
    form: 'gateway_customer_ref',
    sent: ['OnboardingRequest.gateway_customer_ref', 'CreateCustomerRequest.gateway_customer_ref'],
    shown: ['Export.profile.gateway_customer_ref'],
    // The whole event that created the customer.
    shownBy: /\/timeline\/\d|\/export|ExportCustomer/,
    inGraph: true,
  },
  behavioral_data_snapshot: {
    form: 'text',
    sent: ['OnboardingRequest.behavioral_data_snapshot', 'CreateCustomerRequest.behavioral_data_snapshot'],
  },
  evidence: { form: 'text', sent: ['IdentifierVerification.evidence'], shownBy: EXPORT },
  failure_reason: { form: 'text', sent: ['PaymentFailed.reason', 'ReportPaymentFailureRequest.reason'] },
  description: {
    form: 'text',
    sent: ['PaymentFailed.description', 'ReportPaymentFailureRequest.description'],
    shown: ['Export.obligations.description'],
    inGraph: true,
  },
  note: {
    form: 'text',
    sent: ['NewNote.text'],
    shown: ['Note.text', 'EventNote.text'],
    shownBy: /\/timeline|GetTimeline|\/export|ExportCustomer/,
  },
  contest_reason: {
    form: 'text',
    sent: ['NewContest.reason'],
    shown: ['Contest.reason', 'Contest.explanation', 'Export.contests.reason', 'Export.contests.explanation'],
    shownBy: /\/timeline|\/contests|GetTimeline|\/export|ExportCustomer/,
  },
  fraud_reason: {
    form: 'text',
    sent: ['FraudOutcome.reason', 'ReportFraudOutcomeRequest.reason'],
    inGraph: true,
  },
  reason: { form: 'text', sent: ['MarkPaymentMethodInactiveRequest.reason'], inGraph: true },
  question: {
    form: 'text',
    sent: ['PersonaQuestion.message', 'PersonaQuestion.context'],
    shownBy: /\/persona\//,
  },
  // Not personal, but how an agent is instructed is for agents alone.
  prompt: {
    form: 'text',
    sent: ['PersonaInput', 'PutPersonaRequest'].flatMap((input) =>
      PROMPTS.map((field) => `${input}.${field}`),
    ),
    shown: [
      ...PROMPTS.map((field) => `AgentPersona.${field}`),
      'AgentPersonaDiff.differences.from',
      'AgentPersonaDiff.differences.to',
    ],
    shownBy: /\/personas?\/|GetPersona$|PutPersona$/,
    inGraph: true,
  },
};

/** The names of fields that are not personal, with the reason. Names that also belong to a personal field are not among them. */
const OPEN_NAMES: readonly [pattern: RegExp, reason: string][] = [
  [/[. ](\w+_)?ids?$/, 'an id, by which everything is found'],
  [/[. ]suggested_customer_ids$|\.missing$/, 'ids of customers'],
  [/[. ](idempotency-key|if-match|cursor)$|\.next_cursor$/, 'chosen by callers or made of ids and positions'],
  [/\.(case|event|transaction|payment|workflow)_id$|RecoveryAttempt\.key$|attempts\.key$/, 'a business id'],
  [
    /\.(type|kind|status|payment_method_status|outcome|state|action|waiting_for|class|rule)$/,
    'a word of a list',
  ],
  [/\.(segment|ltv|ltv_currency|currency)$/, 'a group or an amount'],
  [/[. ]country$/, 'a code of ISO 3166-1'],
  [/[. ]locale$/, 'a language tag'],
  [
    /[. ](brand|network|last_four|consent_source)$/,
    'what any receipt shows of a card, and where consent came from',
  ],
  [/\.(network_code|network_advice_code|code|decline_code|advice_code)$/, "a bank's or gateway's code"],
  [/\.(gateway_payment_ref|gateway_ref)$/, "the gateway's id of a payment or charge"],
  [/\.(behavioral_profile_ref|baseline_data_ref)$/, "Chimera's id"],
  [/^TimelineEvent\.(source|actor|caused_by)$/, 'a party, or the id of an event'],
  [/\.(reason_text|text|why|warnings)$/, "Persona's own words: that they hold no mark is searched for"],
  [/^Problem\./, "Persona's own words: that they hold no mark is searched for"],
  [
    /^(AgentPersona|Persona(Input|Metrics|Activation|Deactivation)|(Put|Get|List|Watch)Personas?Re|RecordedMetrics)\w*\.|^(GET|PUT|POST) \/persona/,
    'of an agent: its name, what it is for, who changed it and why',
  ],
  [/Configuration\w*\./, 'a setting of agents'],
  [/^(Disclosures|Export\.disclosures)\./, 'who was given what: a role, a purpose and days'],
  [
    /^Export\.(\$schema|obligations\.(overpayments\.(key|refunded_by)|refunds\.(key|refund_ref)|(reported|settled)_ref))$/,
    "the schema's address, or the id of a charge, a payment or a refund",
  ],
  [
    /^Export\.(notices\.(channel|template)|contests\.link_type|(obligations\.attempts|other_attempts)\.source|profile\.default_chosen_by|payment_methods\.(added_by|consent_wanted|funding|gateway_type))$/,
    'a word of a list',
  ],
  [/^Export\.payment_methods\.expir(es_on|y_wanted)$/, 'a date'],
  [/^ExportCustomerResponse\.chunk$/, 'the bytes of Export'],
  [/^Erasure\.kept\./, 'which store keeps what for how long: words of the code, the same for every customer'],
  [
    /^(PersonaAnswer(Event)?|CatalogueHealth)\.|^POST \/persona\/\{name\}$/,
    'the answer of a model, to who asked it; states and times',
  ],
  [/ Stripe-Signature$/, 'a signature of the body'],
  [/^UpdateNodeProperty(Request)\.(label|property|value)$/, 'of lists, segment, locale or brand'],
  [/^UpdateRelationshipAttributeRequest\.(attribute|value)$/, 'of lists, or a time'],
  [/^GetRelationshipAttributesResponse\.attributes$/, 'times, counts and consents of edges'],
  [
    /^InitiateBehavioralProfileRequest\.snapshot$/,
    "sent to Chimera, which it is for; marked in Persona's requests",
  ],
];
/** These have a name of the table above, and are personal all the same. */
const PERSONAL_PATHS = new Set(
  Object.values(PERSONAL).flatMap(({ sent, shown = [] }) => [...sent, ...shown]),
);

/** The fields that are neither marked nor known to be open. */
export function unclassified(fields: readonly string[]): string[] {
  return fields.filter(
    (field) => !PERSONAL_PATHS.has(field) && !OPEN_NAMES.some(([pattern]) => pattern.test(field)),
  );
}

/** The marked fields, and the patterns of open ones, that no contract has any more. */
export function obsolete(fields: readonly string[]): string[] {
  return [
    ...[...PERSONAL_PATHS].filter((path) => !fields.includes(path)),
    ...OPEN_NAMES.filter(([pattern]) => !fields.some((field) => pattern.test(field))).map(String),
  ];
}

/** The personal field that is sent there. */
export function personalFieldAt(path: string): string {
  const [found] = Object.entries(PERSONAL).find(([, { sent }]) => sent.includes(path)) ?? [];
  if (found === undefined) throw new Error(`${path} is not a personal field that callers send`);
  return found;
}
