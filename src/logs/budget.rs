//! How much of a log's text is kept.

/// Bytes that may still be kept. Counts of lines alone bound nothing: a line with performance data is used
/// whole, however long it is.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// Of so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes what a text needs; false, and takes nothing, if there is less.
    pub fn spend(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn what_does_not_fit_takes_nothing_from_what_does() {
        let mut budget = Budget::of(10);
        let spent = [6, 5, 4, 1, 0].map(|bytes| budget.spend(bytes));
        assert_eq!(spent, [true, false, true, false, true]);
    }
}
