/** A customer whose key is destroyed. */
export interface ForgottenCustomer {
  erasure_id: string;
  customer_id: string;
  pseudonym: string;
}
