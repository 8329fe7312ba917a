//! Draws in floating point, exactly as the measurements' generator made them.
//!
//! Every expression here is part of the corpus: the order of operations decides the last bit.

use std::f64::consts::PI;

use crate::random::SplitMix;

/// How many users there are.
const USERS: usize = 200_000;

/// A stream of draws.
#[derive(Debug)]
pub(super) struct Draws(SplitMix);

impl Draws {
    pub(super) fn new(stream: SplitMix) -> Self {
        Self(stream)
    }

    pub(super) fn into_stream(self) -> SplitMix {
        self.0
    }

    /// Draws 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// Draws from the interval of 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / ((1u64 << 53) as f64)
    }

    /// Draws a number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit as u64)) as usize
    }

    /// Draws one of the choices.
    pub(super) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Whether something of this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws from a log-normal distribution.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Draws a number below `limit`, of which small ones are much more likely.
    pub(super) fn skewed(&mut self, limit: usize) -> usize {
        let exponent = self.unit();
        ((limit as f64).powf(exponent) - 1.0).floor().min((limit - 1) as f64) as usize
    }

    /// Draws the number of a user.
    pub(super) fn user(&mut self) -> usize {
        self.skewed(USERS) * 7 + 1000
    }

    fn normal(&mut self) -> f64 {
        let radius = self.unit().max(1e-12);
        let angle = self.unit();
        (-2.0 * radius.ln()).sqrt() * (2.0 * PI * angle).cos()
    }
}
