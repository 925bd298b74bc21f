//! Texts of requests that select what is read. PostgreSQL takes no NUL in a text: nothing stored can
//! match one.

use super::status::Refusal;

/// # Errors
/// `INVALID_ARGUMENT` naming the field if the text has a NUL.
pub fn without_nul(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.contains('\0') { Err(Refusal::invalid(field, "must not contain NUL")) } else { Ok(()) }
}

/// # Errors
/// As [`without_nul`], for any of the texts.
pub fn all_without_nul(field: &'static str, texts: &[String]) -> Result<(), Refusal> {
    texts.iter().try_for_each(|text| without_nul(field, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_refused_naming_the_field() {
        assert_eq!(without_nul("job_guid", "a"), Ok(()));
        let states = ["pending".to_owned(), "a\0".to_owned()];
        assert!(matches!(all_without_nul("states", &states), Err(Refusal::Invalid { field: "states", .. })));
    }
}
