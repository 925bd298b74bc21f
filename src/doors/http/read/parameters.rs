//! Query parameters of the lists: each is used, known and ignored, or refused by name (R36).

use crate::doors::http::problem::{Code, Problem};
use crate::limits;
use crate::store::lists::Window;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;

/// The parameters of one request. What a handler has not taken when it calls [`Self::finish`] is refused.
#[derive(Debug)]
pub struct Parameters {
    left: Vec<(String, String)>,
    warnings: Vec<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(Code::InvalidParameter, error.body_text()))?;
        Self::new(pairs)
    }
}

impl Parameters {
    /// # Errors
    /// If a value has a NUL, which no stored text has.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        match pairs.iter().find(|(_, value)| value.contains('\0')) {
            Some((name, _)) => Err(invalid(name, "must not contain NUL")),
            None => Ok(Self { left: pairs, warnings: Vec::new() }),
        }
    }

    /// Whether a parameter is given.
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(given, _)| given == name)
    }

    /// The value of a parameter, of a repeated one the last.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.take_all(name).pop()
    }

    /// All values of a parameter.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let taken = self.left.extract_if(.., |(given, _)| given == name);
        taken.map(|(_, value)| value).collect()
    }

    /// The value of a parameter that is not empty: an empty one asks for nothing.
    pub fn take_filled(&mut self, name: &str) -> Option<String> {
        self.take(name).filter(|value| !value.is_empty())
    }

    /// Takes every parameter for which `read` gives something; the last of a repeated one counts.
    ///
    /// # Errors
    /// The first that `read` gives.
    pub fn take_read<R>(
        &mut self,
        read: impl Fn(&str, &str) -> Option<Result<R, Problem>>,
    ) -> Result<Vec<R>, Problem> {
        let mut taken = Vec::new();
        for (name, value) in self.distinct() {
            if let Some(result) = read(&name, &value) {
                taken.push(result?);
                self.take_all(&name);
            }
        }
        Ok(taken)
    }

    /// Drops parameters that lists once had and this gateway does not support, with a warning each.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            if !self.take_all(name).is_empty() {
                self.warnings.push(format!("the parameter {name} is not supported and was ignored"));
            }
        }
    }

    /// Every parameter that is left with its last value, in the order of the request.
    pub fn distinct(&self) -> Vec<(String, String)> {
        let mut distinct: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.left {
            match distinct.iter_mut().find(|(known, _)| known == name) {
                Some((_, last)) => last.clone_from(value),
                None => distinct.push((name.clone(), value.clone())),
            }
        }
        distinct
    }

    /// The warnings, once everything known has been taken.
    ///
    /// # Errors
    /// If something is left: it has no meaning here.
    pub fn finish(self) -> Result<Vec<String>, Problem> {
        match self.left.first() {
            Some((name, _)) => Err(invalid(name, "is not a parameter of this list; /api/docs names them")),
            None => Ok(self.warnings),
        }
    }

    /// The part of a list that `offset` and `count` ask for. Each error of the two has the text that
    /// the list always gave it.
    ///
    /// # Errors
    /// If they are no numbers from 0 on, or `count` is over [`limits::LIST_ROWS`].
    pub fn take_window(&mut self, texts: &WindowTexts) -> Result<Window, Problem> {
        let mut number = |name, default| match self.take(name) {
            None => Ok(default),
            Some(text) => row_number(&text).ok_or_else(|| problem(&(texts.not_a_number)(name))),
        };
        let offset = number("offset", 0)?;
        let count = number("count", limits::LIST_DEFAULT_ROWS)?;
        if count > limits::LIST_ROWS {
            return Err(problem(&format!("{}: {}", texts.too_many, limits::LIST_ROWS)));
        }
        Ok(Window { offset, count })
    }
}

/// What a list says about an `offset` or `count` that will not do.
#[derive(Debug, Clone, Copy)]
pub struct WindowTexts {
    /// The named one of them is not a number.
    pub not_a_number: fn(&str) -> String,
    /// `count` is over the limit, which follows.
    pub too_many: &'static str,
}

impl WindowTexts {
    /// What all lists but that of jobs say.
    pub const USUAL: Self = Self {
        not_a_number: |name| format!("Valid {name} value required"),
        too_many: "Specified count exceeds api limit",
    };
}

/// A number of rows, small enough for every database.
fn row_number(text: &str) -> Option<u64> {
    text.trim().parse::<u64>().ok().filter(|rows| i64::try_from(*rows).is_ok())
}

/// A refusal in a sentence of the ingest contract.
pub fn problem(detail: &str) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}

/// A refusal of one parameter.
pub fn invalid(name: &str, rule: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("{}: {rule}", excerpt(name)))
}

/// As much of a text of the request as a sentence can quote.
pub fn excerpt(text: &str) -> String {
    text.chars().take(limits::VALUE_EXCERPT).filter(|c| !c.is_control()).collect()
}

/// An integer.
///
/// # Errors
/// If it is none of 64 bits.
pub fn integer(name: &str, text: &str) -> Result<i64, Problem> {
    text.trim().parse().map_err(|_| invalid(name, &format!("{:?} is not an integer", excerpt(text))))
}

/// The id in a path.
///
/// # Errors
/// If it is not an integer.
pub fn id_in_path(text: &str) -> Result<i64, Problem> {
    integer("id", text)
}

/// The parts of a list separated by commas.
///
/// # Errors
/// If there are more than [`limits::FILTER_VALUES`].
pub fn comma_list<'v>(name: &str, text: &'v str) -> Result<Vec<&'v str>, Problem> {
    let parts: Vec<&str> = text.split(',').collect();
    bounded(name, parts)
}

/// The same values, if they are not too many for one filter.
///
/// # Errors
/// If there are more than [`limits::FILTER_VALUES`].
pub fn bounded<V>(name: &str, values: Vec<V>) -> Result<Vec<V>, Problem> {
    if values.len() > limits::FILTER_VALUES {
        let rule = format!("has {} values, the limit is {}", values.len(), limits::FILTER_VALUES);
        return Err(invalid(name, &rule));
    }
    Ok(values)
}
