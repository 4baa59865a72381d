//! Paths within a record of JSON or Parquet: keys joined by dots, elements of arrays in brackets.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Key(String),
    Element(usize),
}

/// A path such as `customer.address.city` or `items[0].sku`.
///
/// A key that has a dot or a bracket in it is written in double quotes: `"first.name"`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct JsonPath {
    pub steps: Vec<Step>,
}

impl JsonPath {
    /// Reads a path. Errors: what is wrong with it, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no JSON path: expected such as `customer.address.city` or `items[0].sku`"
            )
        };
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (key, after) = quoted.split_once('"').ok_or_else(wrong)?;
                steps.push(Step::Key(key.to_string()));
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (key, after) = rest.split_at(end);
                if key.is_empty() || key.contains(']') {
                    return Err(wrong());
                }
                steps.push(Step::Key(key.to_string()));
                rest = after;
            }
            while let Some(bracket) = rest.strip_prefix('[') {
                let (number, after) = bracket.split_once(']').ok_or_else(wrong)?;
                let number = number.parse().ok().filter(|number| *number < 1_000_000);
                steps.push(Step::Element(number.ok_or_else(wrong)?));
                rest = after;
            }
            if rest.is_empty() {
                return Ok(JsonPath { steps });
            }
            rest = rest.strip_prefix('.').ok_or_else(wrong)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_keys_and_elements() {
        let key = |key: &str| Step::Key(key.to_string());
        let steps = |text: &str| JsonPath::parse(text).map(|path| path.steps);
        assert_eq!(steps("a"), Ok(vec![key("a")]));
        assert_eq!(steps("a.b c.d"), Ok(vec![key("a"), key("b c"), key("d")]));
        assert_eq!(
            steps("a[2][0].b"),
            Ok(vec![key("a"), Step::Element(2), Step::Element(0), key("b")])
        );
        assert_eq!(steps("\"a.b\".c"), Ok(vec![key("a.b"), key("c")]));
        for wrong in ["", ".a", "a.", "a..b", "a[", "a[x]", "a]", "a[0]b", "\"a", "[0]"] {
            assert!(JsonPath::parse(wrong).is_err(), "{wrong}");
        }
    }
}
