// Moves the recorded requests to another time without decoding them.

/** A day; the recordings of one run lie seconds apart. */
const NEAR_US = 86_400_000_000n;

/**
 * Adds to every 64-bit number that lies near a recorded time. Nothing else in the recordings
 * comes near: ids are random over all 64 bits, and lengths, ports and durations are small.
 */
export function shiftTimes(body, recordedUs, byUs) {
  const shifted = Buffer.from(body);
  for (let offset = 0; offset + 8 <= shifted.length; offset += 1) {
    const value = shifted.readBigInt64BE(offset);
    if (value > recordedUs - NEAR_US && value < recordedUs + NEAR_US) {
      shifted.writeBigInt64BE(value + byUs, offset);
      offset += 7;
    }
  }
  return shifted;
}
