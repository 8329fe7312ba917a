//! The widths a column of whole numbers comes in.

use std::fmt::Debug;

mod sealed {
    pub trait Sealed {}
}

/// An unsigned number of 8 to 64 bits.
///
/// Encodings are generic over it, so that a column of narrow codes is never widened: it stays in
/// the processor's cache, and one instruction works on more of it.
pub trait Word: sealed::Sealed + Copy + Ord + Default + Debug + 'static {
    /// How many bytes it takes.
    const LEN: usize;

    /// Widens to 64 bits.
    #[must_use]
    fn widen(self) -> u64;

    /// Keeps the low bits.
    #[must_use]
    fn narrow(wide: u64) -> Self;

    /// Adds, and wraps around.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// Subtracts, and wraps around.
    #[must_use]
    fn minus(self, other: Self) -> Self;

    /// Returns the byte at an index below [`Self::LEN`], the lowest first.
    #[must_use]
    fn byte(self, index: usize) -> u8;

    /// Returns the number that has this byte at the index and zeros elsewhere.
    #[must_use]
    fn of_byte(byte: u8, index: usize) -> Self;
}

macro_rules! word {
    ($($name:ident),*) => {$(
        impl sealed::Sealed for $name {}

        impl Word for $name {
            const LEN: usize = size_of::<Self>();

            #[inline]
            fn widen(self) -> u64 {
                self.into()
            }

            #[inline]
            fn narrow(wide: u64) -> Self {
                wide as Self
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn byte(self, index: usize) -> u8 {
                (self >> (8 * index)) as u8
            }

            #[inline]
            fn of_byte(byte: u8, index: usize) -> Self {
                Self::from(byte) << (8 * index)
            }
        }
    )*};
}

word!(u8, u16, u32, u64);
