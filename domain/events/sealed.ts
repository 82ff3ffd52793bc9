/** Ciphertext (`s1:…`) under the key of the customer or the device whose stream holds it. */
export type Sealed = string;
