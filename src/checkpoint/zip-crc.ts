const POLYNOMIAL = 0xedb88320;
const LANES = 8;

// tables[k][byte] is the remainder of the byte followed by k zero bytes, so that eight bytes are folded in at a time.
const tables = crcTables();

function crcTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    return remainder;
  });
  const all = [first];
  while (all.length < LANES) {
    const previous = all[all.length - 1] as Uint32Array;
    all.push(previous.map((remainder) => (remainder >>> 8) ^ (first[remainder & 255] as number)));
  }
  return all;
}

/** The CRC-32 of ZIP over consecutive pieces of bytes. */
export function crc32(pieces: readonly Uint8Array[]): number {
  return (pieces.reduce(update, 0xffffffff) ^ 0xffffffff) >>> 0;
}

function update(crc: number, bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const whole = bytes.length - (bytes.length % LANES);
  let c = crc;
  for (let i = 0; i < whole; i += LANES) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      t7[c & 255]! ^
      t6[(c >>> 8) & 255]! ^
      t5[(c >>> 16) & 255]! ^
      t4[c >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (let i = whole; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]!) & 255]!;
  return c;
}
