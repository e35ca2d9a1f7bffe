//! What the hashing schedulers have in common.

use crate::wire::uapi as k;

/// Buckets of `dh` and `sh`: as the kernel is configured by default.
pub(super) const BUCKETS: usize = 256;
const BUCKET_BITS: u32 = 8;

/// An address as one number: that of IPv6 is the exclusive or of its four words.
pub(super) fn fold(family: u16, address: [u8; 16]) -> u32 {
    let word =
        |index: usize| u32::from_be_bytes(std::array::from_fn(|byte| address[index * 4 + byte]));
    if family == k::AF_INET6 {
        word(0) ^ word(1) ^ word(2) ^ word(3)
    } else {
        word(0)
    }
}

/// The kernel's `hash_32`, to a bucket (`include/linux/hash.h`).
pub(super) const fn bucket(value: u32) -> usize {
    (value.wrapping_mul(0x61c8_8647) >> (u32::BITS - BUCKET_BITS)) as usize
}
