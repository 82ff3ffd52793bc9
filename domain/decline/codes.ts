/** The codes and text of a decline from a network, a gateway or an operator; every field is optional and unchanged. */
export interface DeclineCodes {
  network?: string;
  network_code?: string;
  network_advice_code?: string;
  /** The gateway's `decline_code`. */
  decline_code?: string;
  /** The gateway's `code`. */
  code?: string;
  advice_code?: string;
  /** Free text; used only if no code decides. */
  reason?: string;
}
