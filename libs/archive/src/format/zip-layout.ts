/** The numbers of a zip that writer and reader share. */

export const LOCAL_HEADER = 0x04034b50;
export const LOCAL_HEADER_BYTES = 30;
export const DESCRIPTOR = 0x08074b50;
export const DESCRIPTOR_BYTES = 16;
export const RECORD = 0x02014b50;
export const RECORD_BYTES = 46;
export const END = 0x06054b50;
export const END_BYTES = 22;
export const ZIP64_END = 0x06064b50;
export const ZIP64_END_BYTES = 56;
export const ZIP64_LOCATOR = 0x07064b50;
export const ZIP64_LOCATOR_BYTES = 20;
/** Id and length of the zip64 extra field with its three numbers: size, stored size, offset. */
export const ZIP64_EXTRA = Buffer.from([0x01, 0x00, 0x18, 0x00]);
export const ZIP64_EXTRA_BYTES = 28;
/** Stand where the number itself is in zip64 form. */
export const IN_ZIP64_16 = 0xffff;
export const IN_ZIP64_32 = 0xffffffff;

export const STORED = 0;
/** CRC and sizes follow the content instead of leading it. */
export const HAS_DESCRIPTOR = 0x0008;
/** Of the zip that it takes to read an entry: a plain one, one with a descriptor, one whose numbers are in zip64 form. */
export const PLAIN_VERSION = 10;
export const DESCRIPTOR_VERSION = 20;
export const ZIP64_VERSION = 45;
/** What is said of every entry: version 4.5 on Unix made it, a regular file for all to read. */
export const MADE_BY = 0x032d;
export const ATTRIBUTES = 0x81a40020;
/** 1980-01-01, 0:00: every entry's, so that the same content gives the same bytes. */
export const DATE = 0x00210000;
