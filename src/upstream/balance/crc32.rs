//! CRC-32 as IEEE 802.3 has it (reflected, polynomial 04c11db7), which places keys. A table of 16 entries: keys are short.

/// The remainders of the 16 half bytes.
const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 16 {
        let mut value = i as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 == 1 {
                (value >> 1) ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
}

/// A sum that goes on: what [`update`] gives, before the final inversion.
pub const START: u32 = !0;

/// Takes more bytes into a sum.
pub fn update(mut sum: u32, bytes: &[u8]) -> u32 {
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..2 {
            // Masked to 16, the length of the table.
            sum = TABLE[(sum & 15) as usize] ^ (sum >> 4);
        }
    }
    sum
}

/// The sum of these bytes alone.
pub fn of(bytes: &[u8]) -> u32 {
    !update(START, bytes)
}
