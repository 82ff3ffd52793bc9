/** Everything a network, a gateway or a person said about a decline; every field is optional and taken as sent. */
export interface DeclineCodes {
  network?: string;
  network_code?: string;
  network_advice_code?: string;
  /** The gateway's `decline_code`. */
  decline_code?: string;
  /** The gateway's `code`. */
  code?: string;
  advice_code?: string;
  /** Free text; used only where no code is. */
  reason?: string;
}
