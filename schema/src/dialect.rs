use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The two forms of the protocol that are live in the field.
///
/// A plugin learns which one its host speaks from its own arguments: `--auth-secret` is there in
/// dialect 1 and absent in dialect 2 (PROTOCOL.md, section "Launch").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "u32", try_from = "u32")]
#[schemars(with = "u32", extend("minimum" = 1, "maximum" = 2))]
pub enum Dialect {
    /// The secret is an argument; requests carry `method` and `params` at the top.
    One,
    /// The secret comes on stdin; requests carry a `call`, replies an `outcome`.
    Two,
}

impl Dialect {
    /// Both dialects, older first.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// The dialect's number: 1 or 2, which for dialect 2 is also its `protocol_version`.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl From<Dialect> for u32 {
    fn from(dialect: Dialect) -> Self {
        dialect.number()
    }
}

impl TryFrom<u32> for Dialect {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.number() == number)
            .ok_or_else(|| format!("dialect {number} does not exist; there are 1 and 2"))
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dialect {}", self.number())
    }
}
