//! Stand-in.

/// Stand-in.
#[derive(Debug)]
pub struct BearerToken(());

#[allow(missing_docs)]
impl BearerToken {
    pub fn generate() -> Self {
        unimplemented!()
    }
    pub fn reveal(&self) -> &str {
        unimplemented!()
    }
    pub fn hash(&self) -> [u8; 32] {
        unimplemented!()
    }
}
