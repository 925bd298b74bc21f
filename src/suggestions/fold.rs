//! Texts as they are compared in a search: case and accents do not count (logs contract 8.5).

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A text in lower case and without accents. Computed here and not by the database, so that a search
/// finds the same whatever database it runs on, and whatever its collation.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn neither_case_nor_accents_count_and_nothing_else_changes() {
        for (text, expected) in [
            ("Test_Gauge.HTML", "test_gauge.html"),
            (" 100% of *(x)* ", " 100% of *(x)* "),
            ("Überprüfung É", "uberprufung e"),
            ("e\u{301}tat", "etat"),
            ("Größe", "große"),
            ("漢字 | テ\u{30b9}ト", "漢字 | テスト"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }
}
