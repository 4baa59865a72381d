//! The identity rules as people declare them: which identifiers link, how far, and what people
//! have decided themselves.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::yaml::{self, Spanned};
use crate::errors::Result;

/// The rules by which records are resolved to customers.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRules {
    /// Kinds of identifiers that link records, strongest first.
    pub identifiers: Vec<IdentifierRule>,
    /// Pairs of record ids that are one customer, whatever the identifiers say.
    #[serde(default)]
    pub must_link: Vec<(String, String)>,
    /// Pairs of record ids that are never one customer: an unmerge.
    #[serde(default)]
    pub cannot_link: Vec<(String, String)>,
}

/// One kind of identifier.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IdentifierRule {
    /// The kind, as in `identity.record_identifiers`.
    pub kind: String,
    /// How many customers, as the stronger kinds made them, one value may join; none: no limit.
    #[serde(default)]
    pub maximum_customers_per_identifier: Option<u32>,
    /// How many values of this kind one customer may come to hold; none: no limit.
    #[serde(default)]
    pub maximum_identifiers_per_customer: Option<u32>,
}

impl IdentityRules {
    /// Reads the rules at `path`; without a file no identifier links anybody.
    pub fn read(path: Option<&Path>) -> Result<IdentityRules> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            identifiers: Spanned<Vec<IdentifierRule>>,
            #[serde(default)]
            must_link: Vec<(String, String)>,
            #[serde(default)]
            cannot_link: Vec<(String, String)>,
        }
        let Some(path) = path else { return Ok(IdentityRules::default()) };
        let written: Written = yaml::read(path)?;
        let kinds: Vec<&str> =
            written.identifiers.value.iter().map(|rule| rule.kind.as_str()).collect();
        for (index, kind) in kinds.iter().enumerate() {
            if kinds[..index].contains(kind) {
                let what = format!("kind `{kind}` stands twice");
                return Err(yaml::mistake(&path.display().to_string(), &written.identifiers, what));
            }
        }
        Ok(IdentityRules {
            identifiers: written.identifiers.value,
            must_link: written.must_link,
            cannot_link: written.cannot_link,
        })
    }
}
