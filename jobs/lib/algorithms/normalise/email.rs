//! E-mail addresses.

use unicode_normalization::UnicodeNormalization;

use super::identifier;
use super::text::is_invisible;

/// How a provider maps the addresses people write onto mailboxes.
struct Provider {
    domains: &'static [&'static str],
    /// The domain that stands for all of them, where all lead to the same mailbox.
    canonical: Option<&'static str>,
    ignores_dots: bool,
}

/// Providers that document `name+tag@` as the mailbox of `name@`. A domain that is not listed
/// keeps its dots and tags: elsewhere `a.b`, `ab` and `a+b` may be three people, and to link two
/// people is worse than to miss that two addresses are one person's.
const PROVIDERS: [Provider; 9] = [
    Provider {
        domains: &["gmail.com", "googlemail.com"],
        canonical: Some("gmail.com"),
        ignores_dots: true,
    },
    Provider {
        domains: &[
            "outlook.com",
            "outlook.co.uk",
            "outlook.de",
            "outlook.fr",
            "outlook.es",
            "outlook.it",
            "hotmail.com",
            "hotmail.co.uk",
            "hotmail.de",
            "hotmail.fr",
            "hotmail.es",
            "hotmail.it",
            "hotmail.nl",
            "live.com",
            "live.co.uk",
            "live.de",
            "live.fr",
            "live.nl",
            "msn.com",
        ],
        canonical: None,
        ignores_dots: false,
    },
    Provider {
        domains: &["icloud.com", "me.com", "mac.com"],
        canonical: None,
        ignores_dots: false,
    },
    Provider { domains: &["fastmail.com", "fastmail.fm"], canonical: None, ignores_dots: false },
    Provider {
        domains: &["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
        canonical: None,
        ignores_dots: false,
    },
    Provider { domains: &["hey.com"], canonical: None, ignores_dots: false },
    Provider { domains: &["mailbox.org"], canonical: None, ignores_dots: false },
    Provider { domains: &["posteo.de", "posteo.net"], canonical: None, ignores_dots: false },
    Provider { domains: &["zohomail.com", "zoho.com"], canonical: None, ignores_dots: false },
];

/// Local parts that nobody reads, or that stand for "no address".
const PLACEHOLDER_LOCALS: [&str; 34] = [
    "anonymous",
    "bounce",
    "bounces",
    "customer",
    "customernoemail",
    "customeremail",
    "donotemail",
    "donotreply",
    "dummy",
    "email",
    "fake",
    "guest",
    "invalid",
    "keineemail",
    "mailerdaemon",
    "na",
    "noaddress",
    "noemail",
    "noemailaddress",
    "nomail",
    "none",
    "noreply",
    "noresponder",
    "noresponse",
    "notavailable",
    "notgiven",
    "notprovided",
    "null",
    "refused",
    "test",
    "testtest",
    "undefined",
    "unknown",
    "x",
];

/// First labels of domains that stand for "no address", whoever is in front of the `@`.
const PLACEHOLDER_DOMAINS: [&str; 12] = [
    "donotreply",
    "noaddress",
    "noemail",
    "nomail",
    "none",
    "noreply",
    "notavailable",
    "notgiven",
    "notprovided",
    "null",
    "undefined",
    "unknown",
];

/// Words that make a placeholder where they stand on both sides of the `@`.
const PLACEHOLDER_PAIRS: [&str; 13] = [
    "abc", "asd", "asdf", "email", "example", "foo", "mail", "name", "nobody", "qwerty", "sample",
    "user", "xyz",
];

/// Mailboxes that a team reads: the person behind them changes.
const SHARED_LOCALS: [&str; 59] = [
    "abuse",
    "accounts",
    "accountspayable",
    "admin",
    "administration",
    "administrator",
    "billing",
    "booking",
    "bookings",
    "buchhaltung",
    "care",
    "contact",
    "contacto",
    "customercare",
    "customerservice",
    "customersupport",
    "enquiries",
    "enquiry",
    "feedback",
    "finance",
    "frontdesk",
    "hello",
    "help",
    "helpdesk",
    "hostmaster",
    "hr",
    "info",
    "information",
    "invoice",
    "invoices",
    "jobs",
    "kontakt",
    "legal",
    "mail",
    "marketing",
    "news",
    "newsletter",
    "office",
    "orders",
    "post",
    "postmaster",
    "press",
    "privacy",
    "purchasing",
    "reception",
    "recruitment",
    "reservations",
    "returns",
    "root",
    "sales",
    "security",
    "service",
    "services",
    "shop",
    "store",
    "support",
    "team",
    "webmaster",
    "welcome",
];

/// One spelling of an e-mail address; `None` where the text is not one, or is a placeholder.
///
/// Trimmed, width and case folded, `mailto:` and a display name removed. RFC 5321 leaves the
/// local part's case to the receiver, but no provider of note tells people apart by it. Dots and
/// `+tags` go only where the provider documents that it ignores them. An internationalised
/// domain stays as it is written (its `xn--` form counts as another domain).
///
/// Placeholders are mailboxes nobody owns (`noreply@`, `none@`, `test@test.com`, `a@a.a`); the
/// domains reserved for examples are ordinary domains here. A team's mailbox (`info@`) is an
/// address: see [`is_shared_mailbox`].
pub fn normalize_email(text: &str) -> Option<String> {
    let (local, domain) = parse(text)?;
    if is_placeholder(&local, &domain) {
        return None;
    }
    Some(format!("{local}@{domain}"))
}

/// Whether the text stands for "no address": a placeholder address, or a word such as `none`.
/// Other text that is no address is not a placeholder, it is broken.
pub fn is_placeholder_email(text: &str) -> bool {
    match parse(text) {
        Some((local, domain)) => is_placeholder(&local, &domain),
        None => !text.trim().is_empty() && identifier::is_placeholder(text.trim()),
    }
}

/// Whether an address leads to a team rather than to a person, by its local part: `info@`,
/// `sales@`, `kontakt@`. False for text that is not an address.
pub fn is_shared_mailbox(text: &str) -> bool {
    parse(text).is_some_and(|(local, _)| SHARED_LOCALS.contains(&bare(&local).as_str()))
}

/// The local part and the domain, both normalised; `None` where the text breaks the practical
/// rules of RFC 5321: no quoted local parts, no address literals, a dotted domain.
fn parse(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    // `Jane Doe <jane@example.com>`
    let text = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(inner)) => inner.get(open + 1..)?,
        _ => text,
    };
    let folded: String = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.chars()
            .filter(|character| !is_invisible(*character))
            .nfkc()
            .flat_map(char::to_lowercase)
            .nfc()
            .collect()
    };
    let address = folded.trim().strip_prefix("mailto:").unwrap_or(folded.trim());
    // A full stop or a comma after the address belongs to the sentence around it.
    let address = address.trim_end_matches(['.', ',', ';']);
    let (local, domain) = address.rsplit_once('@')?;
    if address.len() > 254 || !is_local_part(local) || !is_domain(domain) {
        return None;
    }

    let provider = PROVIDERS.iter().find(|provider| provider.domains.contains(&domain));
    let Some(provider) = provider else {
        return Some((local.to_owned(), domain.to_owned()));
    };
    let mailbox = local.split('+').next().unwrap_or(local);
    let mailbox = if provider.ignores_dots { mailbox.replace('.', "") } else { mailbox.to_owned() };
    let domain = provider.canonical.unwrap_or(domain);
    (!mailbox.is_empty()).then(|| (mailbox, domain.to_owned()))
}

fn is_local_part(local: &str) -> bool {
    let is_allowed = |character: char| {
        character.is_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~.".contains(character)
            || (!character.is_ascii() && !character.is_whitespace())
    };
    !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(is_allowed)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|character| {
                character == '-' || character.is_alphanumeric() || unicode_mark(character)
            })
    };
    let Some((_, top)) = domain.rsplit_once('.') else {
        return false;
    };
    domain.len() <= 253
        && domain.split('.').all(is_label)
        // An IP address is no domain; `a@a.a` passes, to be recognised as a placeholder.
        && !top.bytes().all(|byte| byte.is_ascii_digit())
}

/// A vowel sign in a domain of a script that writes them as marks.
fn unicode_mark(character: char) -> bool {
    unicode_normalization::char::is_combining_mark(character)
}

/// The local part as a word: without tag, digits at its end, and punctuation.
fn bare(local: &str) -> String {
    let local = local.split('+').next().unwrap_or(local);
    let local = local.trim_end_matches(|character: char| character.is_ascii_digit());
    local.chars().filter(|character| character.is_alphanumeric()).collect()
}

fn is_placeholder(local: &str, domain: &str) -> bool {
    let word = bare(local);
    let first_label: String =
        domain.split('.').next().unwrap_or(domain).chars().filter(|c| *c != '-').collect();
    let is_one_letter = |text: &str| {
        let mut characters = text.chars();
        characters.next().is_some_and(|first| characters.all(|character| character == first))
    };
    // `000@…` and `----@…` have no letters left.
    let is_numberless_filler = word.is_empty() && !local.chars().any(|c| matches!(c, '1'..='9'));
    // `x` and `email` are placeholders on their own, but may carry a number that tells apart.
    let has_digits = local.bytes().any(|byte| byte.is_ascii_digit());
    is_numberless_filler
        || (PLACEHOLDER_LOCALS.contains(&word.as_str())
            && !(has_digits
                && matches!(word.as_str(), "x" | "email" | "customer" | "guest" | "bounce")))
        || PLACEHOLDER_DOMAINS.contains(&first_label.as_str())
        || (word == first_label && PLACEHOLDER_PAIRS.contains(&word.as_str()))
        || (local.len() >= 3 && local.bytes().all(|byte| byte == b'x'))
        || (local.chars().next() == first_label.chars().next()
            && is_one_letter(local)
            && is_one_letter(&first_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised_by_their_providers_rules() {
        let cases = [
            ("Jane.Doe@Example.COM", "jane.doe@example.com"),
            ("  jane@example.org \n", "jane@example.org"),
            ("mailto:jane@example.net", "jane@example.net"),
            ("Jane Doe <jane@example.com>", "jane@example.com"),
            ("jane@example.com;", "jane@example.com"),
            ("j.a.n.e+shop@GoogleMail.com", "jane@gmail.com"),
            ("jane+shop@outlook.com", "jane@outlook.com"),
            ("ja.ne+shop@hotmail.co.uk", "ja.ne@hotmail.co.uk"),
            ("jane+1@icloud.com", "jane@icloud.com"),
            ("jane+1@proton.me", "jane@proton.me"),
            ("jane+1@fastmail.fm", "jane@fastmail.fm"),
            // Elsewhere a plus is a letter like any other.
            ("jane+shop@example.com", "jane+shop@example.com"),
            ("o'brien@example.ie", "o'brien@example.ie"),
            ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
            ("ja\u{200B}ne@example.com", "jane@example.com"),
            ("MÜLLER@Bücher.example", "müller@bücher.example"),
            ("info@example.com", "info@example.com"),
            ("test.user@example.com", "test.user@example.com"),
            ("customer1@example.com", "customer1@example.com"),
            ("x1@example.com", "x1@example.com"),
            ("bob@bob.com", "bob@bob.com"),
            ("10002@example.com", "10002@example.com"),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize_email(text).as_deref(), Some(expected), "{text}");
            assert_eq!(normalize_email(expected).as_deref(), Some(expected), "again: {expected}");
        }
    }

    #[test]
    fn placeholders_link_nobody() {
        for text in [
            "noreply@example.com",
            "no-reply@shop.example",
            "No.Reply@x.org",
            "donotreply@example.com",
            "do-not-reply@example.com",
            "test@test.com",
            "TEST@example.com",
            "test123@example.com",
            "none@none.com",
            "unknown@example.com",
            "a@a.a",
            "a@a.com",
            "x@x.xx",
            "aaa@aaa.com",
            "xxx@example.com",
            "n/a@example.com",
            "na@na.com",
            "null@example.com",
            "jane@noemail.com",
            "jane@no-email.example",
            "asdf@asdf.com",
            "example@example.com",
            "noreply+1@gmail.com",
            "000@example.com",
            "abc@abc.com",
        ] {
            assert_eq!(normalize_email(text), None, "{text}");
            assert!(is_placeholder_email(text), "{text}");
        }
        for text in ["none", "N/A", "unknown", "-"] {
            assert_eq!(normalize_email(text), None, "{text}");
            assert!(is_placeholder_email(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_null_but_no_placeholder() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            " ",
            "jane",
            "jane@",
            "@example.com",
            "jane@example",
            "jane doe@example.com",
            "jane@exa mple.com",
            ".jane@example.com",
            "jane.@example.com",
            "ja..ne@example.com",
            "jane@-example.com",
            "jane@example-.com",
            "jane@.com",
            "jane@example..com",
            "jane@[10.0.0.1]",
            "jane@10.0.0.1",
            "jane@x@example.com",
            "\"jane\"@example.com",
            "+tag@gmail.com",
            "jane@exa_mple.com",
            "a<b>c@d.com",
            &long,
        ] {
            assert_eq!(normalize_email(text), None, "{text}");
            assert!(!is_placeholder_email(text), "{text}");
        }
    }

    #[test]
    fn team_mailboxes_are_addresses_that_are_shared() {
        for text in [
            "info@example.com",
            "Sales@example.com",
            "customer.service@example.com",
            "kontakt@example.de",
        ] {
            assert!(is_shared_mailbox(text), "{text}");
            assert!(normalize_email(text).is_some(), "{text}");
        }
        for text in ["jane@example.com", "infos.jane@example.com", "info", ""] {
            assert!(!is_shared_mailbox(text), "{text}");
        }
    }
}
