//! The process's memory budget: every bounded thing has an account with a name and a limit.
//!
//! An account only counts what its owner tells it; it allocates nothing and frees nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A share of memory with a name, a limit, and counters.
#[derive(Debug)]
pub struct Account {
    name: &'static str,
    limit: u64,
    used: AtomicU64,
    refused: AtomicU64,
}

impl Account {
    /// Opens an account of `limit` bytes.
    #[must_use]
    pub fn new(name: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self { name, limit, used: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// Reserves `amount` bytes until the reservation is dropped.
    ///
    /// # Errors
    ///
    /// Refuses, and counts the refusal, when that would pass the limit.
    pub fn reserve(self: &Arc<Self>, amount: u64) -> Result<Reservation, OverBudget> {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let wanted = used.saturating_add(amount);
            if wanted > self.limit {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(OverBudget { name: self.name, used, limit: self.limit });
            }
            match self.used.compare_exchange_weak(
                used,
                wanted,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(Reservation { account: Arc::clone(self), amount }),
                Err(changed) => used = changed,
            }
        }
    }

    /// Reserves `amount` bytes even past the limit: for what is acknowledged already and must
    /// be held, as replay does.
    pub fn reserve_regardless(self: &Arc<Self>, amount: u64) -> Reservation {
        self.used.fetch_add(amount, Ordering::Relaxed);
        Reservation { account: Arc::clone(self), amount }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the limit in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns how many bytes are reserved.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns how many reservations were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Bytes taken from an [`Account`], given back when dropped.
#[must_use = "dropping a reservation gives the bytes back"]
pub struct Reservation {
    account: Arc<Account>,
    amount: u64,
}

impl Reservation {
    /// Returns how many bytes it holds.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Reserves `amount` bytes more.
    ///
    /// # Errors
    ///
    /// Refuses, as [`Account::reserve`] does; what it holds already it keeps.
    pub fn grow(&mut self, amount: u64) -> Result<(), OverBudget> {
        let more = self.account.reserve(amount)?;
        self.absorb(more);
        Ok(())
    }

    /// Holds `amount` bytes from now on, even past the limit: what is measured can't be refused.
    pub fn resize_regardless(&mut self, amount: u64) {
        let used = &self.account.used;
        if amount > self.amount {
            used.fetch_add(amount - self.amount, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.amount - amount, Ordering::Relaxed);
        }
        self.amount = amount;
    }

    /// Takes over the bytes of another reservation on the same account.
    ///
    /// # Panics
    ///
    /// Panics when `other` is of another account: the counts would no longer add up.
    pub fn absorb(&mut self, mut other: Self) {
        assert!(Arc::ptr_eq(&self.account, &other.account), "reservations of two accounts");
        self.amount += std::mem::take(&mut other.amount);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({} of {})", self.amount, self.account.name)
    }
}

/// A reservation would have passed its account's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is full: {used} of {limit} bytes in use")]
pub struct OverBudget {
    /// Which account.
    pub name: &'static str,
    /// How much was in use.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_add_up_and_are_given_back() {
        let account = Account::new("test", 100);
        let mut first = account.reserve(60).unwrap();
        assert_eq!(account.reserve(41).unwrap_err().used, 60);
        assert_eq!(account.refused(), 1, "one refusal so far");
        first.absorb(account.reserve(30).unwrap());
        first.grow(10).unwrap();
        assert!(first.grow(1).is_err());
        assert_eq!((first.amount(), account.used()), (100, 100));
        let beyond = account.reserve_regardless(5);
        assert_eq!(account.used(), 105);
        first.resize_regardless(200);
        assert_eq!((first.amount(), account.used()), (200, 205));
        first.resize_regardless(1);
        assert_eq!((first.amount(), account.used()), (1, 6));
        drop((first, beyond));
        assert_eq!(account.used(), 0);
    }
}
