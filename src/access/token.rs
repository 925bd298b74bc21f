//! Stand-in.

/// Stand-in.
#[derive(Debug)]
pub struct Token(());

#[allow(missing_docs)]
impl Token {
    pub fn generate() -> Self {
        unimplemented!()
    }
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
    pub fn hash(&self) -> [u8; 32] {
        unimplemented!()
    }
}
