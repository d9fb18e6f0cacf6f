/** Stands in the body of a sample, so that the service knows it from what a sender means. Only a right signature lends it weight. */
export const sampleMark = { sample: true } as const;

/** Of a body's fields, once its signature is right. */
export const isSample = (fields: Record<string, unknown>): boolean => fields["sample"] === true;
