//! Comparing what a list shows with what a filter asks for.

use sea_orm::Value;
use sea_orm::sea_query::{Expr, ExprTrait};

/// How a column has to compare with one or several values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison<V> {
    Equal(V),
    NotEqual(V),
    Less(V),
    AtMost(V),
    Greater(V),
    AtLeast(V),
    OneOf(Vec<V>),
    NoneOf(Vec<V>),
}

/// What every row of a list has to be: a number or a text of it compares so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition<N, T> {
    /// Numbers.
    Number(N, Comparison<i64>),
    /// Texts, for equality byte by byte.
    Text(T, Comparison<String>),
}

impl<V: Clone + Into<Value>> Comparison<V> {
    pub(super) fn of(&self, column: Expr) -> Expr {
        match self.clone() {
            Self::Equal(value) => column.eq(value),
            Self::NotEqual(value) => column.ne(value),
            Self::Less(value) => column.lt(value),
            Self::AtMost(value) => column.lte(value),
            Self::Greater(value) => column.gt(value),
            Self::AtLeast(value) => column.gte(value),
            Self::OneOf(values) => column.is_in(values),
            Self::NoneOf(values) => column.is_not_in(values),
        }
    }

    /// Whether it leaves only rows with certain values, which an index finds at once.
    pub(super) fn names_values(&self) -> bool {
        matches!(self, Self::Equal(_) | Self::OneOf(_))
    }
}
