/** A response's body that is made while it is read. */

/**
 * Makes each part when the connection can take it, and none after the client has gone.
 * @param cut called with the reason if a part cannot be made: cuts the connection, so that what arrived does not look whole
 */
export function streamedBody(
  parts: AsyncGenerator<string>,
  cut: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next();
          if (done === true) controller.close();
          else controller.enqueue(encoder.encode(value));
        } catch (error) {
          cut(error);
          // The server would print an error here once more.
          controller.close();
        }
      },
      async cancel() {
        await parts.return(undefined);
      },
    },
    // Nothing is made in advance.
    { highWaterMark: 0 },
  );
}
