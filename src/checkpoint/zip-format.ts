/** Signatures of the records of a ZIP archive (PKWARE APPNOTE 6.3.10, section 4.3), as little-endian numbers. */
export const signatures = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

/** Bytes of each record before what varies in length. */
export const recordBytes = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 } as const;

/** How the contents of an entry are kept. */
export const methods = { stored: 0, deflated: 8 } as const;

/** The extra field that holds the sizes and offsets which 32 bits cannot. */
export const ZIP64_FIELD = 1;

/** Says in a field of 16 or 32 bits that the value is in a record or field of zip64. */
export const ELSEWHERE_16 = 0xffff;
export const ELSEWHERE_32 = 0xffffffff;
