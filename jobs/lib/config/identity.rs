//! The identity rules as people declare them: which identifiers link, how far, and what people
//! have decided themselves.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::yaml::{self, Spanned};
use crate::errors::Result;

/// The rules by which records are resolved to customers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IdentityRules {
    /// Kinds of identifiers that link records, strongest first.
    pub identifiers: Vec<IdentifierRule>,
    /// Pairs of record ids that are one customer, whatever the identifiers say.
    pub must_link: Vec<(String, String)>,
    /// Pairs of record ids that are never one customer: an unmerge.
    pub cannot_link: Vec<(String, String)>,
    /// Where each kind of `identifiers` stands in the file.
    #[serde(skip)]
    pub places: Vec<Spanned<String>>,
}

/// One kind of identifier.
#[derive(Debug, Clone, Serialize)]
pub struct IdentifierRule {
    /// The kind, as in `identity.record_identifiers`.
    pub kind: String,
    /// How many customers, as the stronger kinds made them, one value may join; none: no limit.
    pub maximum_customers_per_identifier: Option<u32>,
    /// How many values of this kind one customer may come to hold; none: no limit.
    pub maximum_identifiers_per_customer: Option<u32>,
}

impl IdentityRules {
    /// Reads the rules at `path`; without a file no identifier links anybody.
    pub fn read(path: Option<&Path>) -> Result<IdentityRules> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct WrittenRule {
            kind: Spanned<String>,
            #[serde(default)]
            maximum_customers_per_identifier: Option<Spanned<u32>>,
            #[serde(default)]
            maximum_identifiers_per_customer: Option<Spanned<u32>>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            identifiers: Vec<WrittenRule>,
            #[serde(default)]
            must_link: Vec<(String, String)>,
            #[serde(default)]
            cannot_link: Vec<(String, String)>,
        }
        let Some(path) = path else { return Ok(IdentityRules::default()) };
        let written: Written = yaml::read(path)?;
        let file = path.display().to_string();
        let mut identifiers: Vec<IdentifierRule> = vec![];
        let mut places = vec![];
        for rule in written.identifiers {
            if identifiers.iter().any(|known| known.kind == rule.kind.value) {
                let what = format!("kind `{}` stands twice", rule.kind.value);
                return Err(yaml::mistake(&file, &rule.kind, what));
            }
            let limits =
                [&rule.maximum_customers_per_identifier, &rule.maximum_identifiers_per_customer];
            if let Some(none) = limits.into_iter().flatten().find(|limit| limit.value == 0) {
                let what = "a limit of 0 lets the kind link nobody: leave the kind out, or give 1 \
                            or more";
                return Err(yaml::mistake(&file, none, what));
            }
            identifiers.push(IdentifierRule {
                kind: rule.kind.value.clone(),
                maximum_customers_per_identifier: limits[0].as_ref().map(|limit| limit.value),
                maximum_identifiers_per_customer: limits[1].as_ref().map(|limit| limit.value),
            });
            places.push(rule.kind);
        }
        Ok(IdentityRules {
            identifiers,
            places,
            must_link: written.must_link,
            cannot_link: written.cannot_link,
        })
    }
}
